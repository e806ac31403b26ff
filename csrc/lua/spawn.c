/* Spawning: all the ways in which a task comes to be. */
#include "lua/spawn.h"

#include "base/clear.h"
#include "executor/poll.h"
#include "lua/anchors.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/locals.h"
#include "lua/park.h"
#include "lua/policy.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/trace.h"
#include "lua/usage.h"

static void init(struct art_lua_task *t, const struct art_spawn *how) {
  art_clear(t, sizeof *t);
  t->rt = how->rt;
  t->flags = (uint16_t)how->flags;
  if (how->scope->supervise) t->flags |= ART_SUPERVISED | ART_EAGER_REPORT;
  art_waitlist_init(&t->awaiters);
}

/* So that it is found again when its handle is no longer anchored. Right before the slot is taken: this may raise, and a
** finaliser in between might take the slot. */
static void enter_weak(lua_State *L, struct art_lua_runtime *rt, int handle, int anchors) {
  lua_rawgeti(L, anchors, 0);
  lua_pushvalue(L, handle);
  lua_rawseti(L, -2, art_next_slot(rt));
  lua_pop(L, 1);
}

/* The handle is on top. */
static void set_name(lua_State *L, struct art_lua_task *t, int name) {
  lua_pushvalue(L, name);
  art_name_task(L, t, lua_gettop(L) - 1);
  lua_pop(L, 1);
}

/* The policy of a new task: what was asked for, else its parent's, else its scope's. */
static const struct art_policy *policy_for(const struct art_spawn *how) {
  if (how->policy != NULL) return how->policy;
  const struct art_policy *inherited = how->parent == NULL ? NULL : art_policy_of(how->parent);
  return inherited == NULL ? how->scope->policy : inherited;
}

/* A task whose policy is not that of the scope it belongs to has a scope of its own from the start. */
static void open_own_scope(struct art_lua_task *t, const struct art_policy *policy) {
  struct art_scope *s = art_scope_open(t->rt, t->scope, t, ART_SCOPE_TASK);
  s->policy = policy;
}

struct art_lua_task *art_spawn_task(lua_State *L, const struct art_spawn *how, int fn, int nargs,
                                    int anchors) {
  bool supervised = how->scope->supervise || (how->flags & ART_SUPERVISED) != 0;
  int more = nargs > 0 ? nargs : supervised;
  struct art_lua_task *t = lua_newuserdatauv(L, sizeof *t, ART_TASK_SPAWNER + more);
  if (how->rt->core == NULL) luaL_error(L, "'spawn' on a closed runtime"); /* by a finaliser */
  init(t, how);
  art_push_value(L, supervised ? ART_SUPERVISED_META : ART_TASK_META);
  lua_setmetatable(L, -2);
  art_note_spawner(L, t);
  lua_pushvalue(L, fn);
  lua_setiuservalue(L, -2, ART_TASK_VALUE);
  for (int i = 0; i < nargs; i++) {
    lua_pushvalue(L, fn + 1 + i);
    lua_setiuservalue(L, -2, ART_TASK_MORE + i);
  }
  if (how->parent != NULL && (how->parent->flags & ART_HAS_LOCALS) != 0)
    art_locals_inherit(L, how->parent, t, lua_gettop(L));
  if (how->name != 0) set_name(L, t, how->name);
  if (supervised) enter_weak(L, how->rt, lua_gettop(L), anchors);
  const struct art_policy *policy = policy_for(how);
  bool own_scope = policy != how->scope->policy;
  if (own_scope && !art_scope_reserve(how->rt)) art_no_memory(L);
  lua_pushvalue(L, -1);
  t->cancel.slot = art_anchor(L, how->rt, anchors); /* the last thing that may raise */
  t->cancel.id = ++how->rt->state->last_id;
  how->rt->spawned++;
  t->spawned_s = t->polled_s = how->rt->turn_s;
  art_usage_begin(how->rt, t->cancel.slot);
  t->nvalues = (uint8_t)nargs;
  t->room = (uint8_t)(1 + more);
  art_task_init(&t->core, &art_lua_task_class, &how->rt->core->executor);
  art_scope_add_child(how->scope, t);
  if (own_scope) open_own_scope(t, policy);
  art_executor_enqueue(t->core.executor, &t->core);
  return t;
}

#define SMALL 10 /* values on a C function's stack that leave room for ours */

void art_check_task_args(lua_State *L, int fn, const char *function) {
  if (lua_gettop(L) - fn > ART_MAX_ARGS)
    art_arg_error(L, fn + ART_MAX_ARGS + 1, function,
                  lua_pushfstring(L, "a task takes at most %d arguments", ART_MAX_ARGS));
  art_check_stack(L, 10, "too many arguments");
}

/* [-0, +2, m] The function at 'fn' and all above it, as a task of the running runtime: its handle is on top. */
static int spawn_from(lua_State *L, const struct art_spawn *how, int fn, const char *name) {
  int top = lua_gettop(L);
  if (top > SMALL) art_check_task_args(L, fn, name);
  art_push_value(L, ART_ANCHORS);
  art_spawn_task(L, how, fn, top - fn, top + 1);
  return 1;
}

static struct art_scope *scope_for_spawn(lua_State *L, struct art_lua_task *t) {
  struct art_scope *s = art_scope_for_spawn(t);
  if (s == NULL) art_no_memory(L);
  return s;
}

static int spawn_here(lua_State *L, const char *name, unsigned flags) {
  struct art_lua_task *t = art_current_for(L, name);
  art_check_callable(L, 1, name);
  struct art_spawn how = {t->rt, scope_for_spawn(L, t), flags, .parent = t};
  return spawn_from(L, &how, 1, name);
}

static int spawn(lua_State *L) {
  return spawn_here(L, "spawn", 0);
}

static int try_spawn(lua_State *L) {
  return spawn_here(L, "try_spawn", ART_SUPERVISED);
}

static int detach(lua_State *L) {
  struct art_lua_task *t = art_current_for(L, "detach");
  art_check_trusted(L, t, "detach");
  art_check_callable(L, 1, "detach");
  struct art_lua_runtime *rt = t->rt;
  struct art_spawn how = {rt, rt->run != NULL ? rt->run : rt->root, .parent = t};
  return spawn_from(L, &how, 1, "detach");
}

/* --- with options, and into a scope ----------------------------------------------------------------------- */

static struct art_scope_handle *check_scope(lua_State *L, int arg, const char *name) {
  return art_check_handle(L, arg, name, &art_scope_kind);
}

/* The scope of a handle; raises if there is none to spawn into from 'rt'. */
static struct art_scope *open_scope(lua_State *L, const struct art_scope_handle *handle,
                                    const struct art_lua_runtime *rt, const char *name) {
  if (handle->scope == NULL) luaL_error(L, "'%s' into a scope that has ended", name);
  if (handle->scope->rt != rt) luaL_error(L, "'%s' into a scope of another runtime", name);
  return handle->scope;
}

static unsigned flag_option(lua_State *L, int arg, const char *option, unsigned flag) {
  int type = lua_getfield(L, arg, option);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN)
    art_arg_error(L, arg, "spawn_with", lua_pushfstring(L, "field '%s' must be a boolean", option));
  bool set = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return set ? flag : 0;
}

/* [-0, +1, m] The value, and the scope's handle, NULL if it is nil. */
static const struct art_scope_handle *scope_option(lua_State *L, int arg) {
  if (lua_getfield(L, arg, "scope") == LUA_TNIL) return NULL;
  const struct art_scope_handle *handle = art_to_handle(L, -1, &art_scope_kind);
  if (handle == NULL) art_arg_error(L, arg, "spawn_with", "field 'scope' must be a scope");
  return handle;
}

/* What a new task would have without options. */
static struct art_policy inherited_policy(const struct art_spawn *how) {
  const struct art_policy *p =
      how->parent == NULL ? how->rt->root->policy : art_policy_of(how->parent);
  return p == NULL ? (struct art_policy){.next = NULL} : *p;
}

static void policy_options(lua_State *L, int arg, struct art_policy *p) {
  art_policy_untrusted(L, arg, "spawn_with", p);
  art_policy_slice(L, arg, "spawn_with", p);
  art_policy_hog(L, arg, "spawn_with", p);
}

/* [-0, +1, m] The table at 'arg', the function after it and its arguments. Reading the table may run metamethods: what they
** could end is looked at only afterwards. The name takes the table's place. The scope that it names goes below all else,
** to 1, and is returned. */
static const struct art_scope_handle *check_options(lua_State *L, int arg, struct art_spawn *how) {
  static const char *const names[] = {"name",  "scope", "daemon",    "supervise",
                                      "slice", "hog",   "untrusted", NULL};
  struct art_policy policy = inherited_policy(how);
  art_check_option_names(L, arg, "spawn_with", names);
  art_check_callable(L, arg + 1, "spawn_with");
  art_check_task_args(L, arg + 1, "spawn_with");
  how->flags =
      flag_option(L, arg, "daemon", ART_DAEMON) | flag_option(L, arg, "supervise", ART_SUPERVISED);
  policy_options(L, arg, &policy);
  int type = lua_getfield(L, arg, "name");
  if (type != LUA_TNIL && type != LUA_TSTRING)
    art_arg_error(L, arg, "spawn_with", "field 'name' must be a string");
  const struct art_scope_handle *scope = scope_option(L, arg);
  lua_insert(L, 1);
  lua_replace(L, arg + 1);
  how->name = type == LUA_TSTRING ? arg + 1 : 0;
  if (how->rt->core != NULL)
    how->policy = art_policy_keep(L, how->rt, policy); /* else the spawn raises */
  return scope;
}

/* Options at 'arg'; into that scope if they name none, NULL: the innermost. */
static int spawn_with_options(lua_State *L, struct art_lua_task *t, int arg,
                              const struct art_scope_handle *into) {
  struct art_spawn how = {.rt = t->rt, .parent = t};
  const struct art_scope_handle *named = check_options(L, arg, &how);
  if (named != NULL) into = named;
  how.scope = into == NULL ? scope_for_spawn(L, t) : open_scope(L, into, t->rt, "spawn_with");
  return spawn_from(L, &how, arg + 2, "spawn_with");
}

static int spawn_with(lua_State *L) {
  return spawn_with_options(L, art_current_for(L, "spawn_with"), 1, NULL);
}

static int scope_spawn_flags(lua_State *L, const char *name, unsigned flags) {
  struct art_lua_task *t = art_current_for(L, name);
  const struct art_scope_handle *into = check_scope(L, 1, name);
  art_check_callable(L, 2, name);
  struct art_spawn how = {t->rt, open_scope(L, into, t->rt, name), flags, .parent = t};
  return spawn_from(L, &how, 2, name);
}

static int scope_spawn(lua_State *L) {
  return scope_spawn_flags(L, "spawn", 0);
}

static int scope_try_spawn(lua_State *L) {
  return scope_spawn_flags(L, "try_spawn", ART_SUPERVISED);
}

static int scope_spawn_with(lua_State *L) {
  struct art_lua_task *t = art_current_for(L, "spawn_with");
  return spawn_with_options(L, t, 2, check_scope(L, 1, "spawn_with"));
}

/* --- from the host ------------------------------------------------------------------------------------------ */

static struct art_lua_runtime *open_runtime(lua_State *L, int arg, const char *name) {
  struct art_lua_runtime *rt = art_to_runtime(L, arg, name);
  if (rt->core == NULL) luaL_error(L, "'%s' on a closed runtime", name);
  if (!art_runtime_is_ours(rt->core)) luaL_error(L, "'%s' on a forked runtime", name);
  if (rt->ended) luaL_error(L, "'%s' on a closing runtime", name);
  return rt;
}

/* [-0, +2, m] The function at 'fn' and all above it; the runtime's handle is at 'handle'. */
static int spawn_from_host(lua_State *L, const struct art_spawn *how, int handle, int fn) {
  int top = lua_gettop(L);
  art_usage_turn(how->rt);
  lua_getiuservalue(L, handle, ART_RUNTIME_ANCHORS);
  art_spawn_task(L, how, fn, top - fn, top + 1);
  return 1;
}

static int runtime_spawn(lua_State *L) {
  struct art_lua_runtime *rt = open_runtime(L, 1, "spawn");
  art_check_callable(L, 2, "spawn");
  art_check_task_args(L, 2, "spawn");
  struct art_spawn how = {.rt = rt, .scope = rt->root};
  return spawn_from_host(L, &how, 1, 2);
}

static int runtime_spawn_with(lua_State *L) {
  struct art_spawn how = {.rt = open_runtime(L, 1, "spawn_with")};
  const struct art_scope_handle *named = check_options(L, 2, &how);
  open_runtime(L, 2, "spawn_with");
  how.scope = named == NULL ? how.rt->root : open_scope(L, named, how.rt, "spawn_with");
  return spawn_from_host(L, &how, 2, 4);
}

const luaL_Reg art_spawn_functions[] = {{"spawn", spawn},
                                        {"spawn_with", spawn_with},
                                        {"try_spawn", try_spawn},
                                        {"detach", detach},
                                        {NULL, NULL}};

const luaL_Reg art_scope_spawn_methods[] = {{"spawn", scope_spawn},
                                            {"spawn_with", scope_spawn_with},
                                            {"try_spawn", scope_try_spawn},
                                            {NULL, NULL}};

const luaL_Reg art_runtime_spawn_methods[] = {
    {"spawn", runtime_spawn}, {"spawn_with", runtime_spawn_with}, {NULL, NULL}};
