/* Spawning: all the ways in which a task comes to be. */
#include "lua/spawn.h"

#include <string.h>

#include "executor/poll.h"
#include "lua/anchors.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/locals.h"
#include "lua/park.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/trace.h"

static void init(struct art_lua_task *t, const struct art_spawn *how) {
  memset(t, 0, sizeof *t);
  t->rt = how->rt;
  t->flags = (uint16_t)how->flags;
  if (how->scope->supervise) t->flags |= ART_SUPERVISED | ART_EAGER_REPORT;
  art_waitlist_init(&t->awaiters);
}

/* So that it is found again when its handle is no longer anchored. Before the slot is taken: this may raise. */
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

struct art_lua_task *art_spawn_task(lua_State *L, const struct art_spawn *how, int fn, int nargs,
                                    int anchors) {
  bool supervised = how->scope->supervise || (how->flags & ART_SUPERVISED) != 0;
  int more = nargs > 0 ? nargs : supervised;
  struct art_lua_task *t = lua_newuserdatauv(L, sizeof *t, ART_TASK_SPAWNER + more);
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
  if (supervised) enter_weak(L, how->rt, lua_gettop(L), anchors);
  if (how->parent != NULL && (how->parent->flags & ART_HAS_LOCALS) != 0)
    art_locals_inherit(L, how->parent, t, lua_gettop(L));
  if (how->name != 0) set_name(L, t, how->name);
  lua_pushvalue(L, -1);
  t->cancel.slot = art_anchor(L, how->rt, anchors); /* the last thing that may raise */
  t->cancel.id = ++how->rt->state->last_id;
  t->nvalues = (uint8_t)nargs;
  t->room = (uint8_t)(1 + more);
  art_task_init(&t->core, &art_lua_task_class, &how->rt->core->executor);
  art_scope_add_child(how->scope, t);
  art_executor_enqueue(t->core.executor, &t->core);
  return t;
}

#define SMALL 10 /* values on a C function's stack that leave room for ours */

static void check_room(lua_State *L, int nargs) {
  if (nargs > ART_MAX_ARGS) luaL_error(L, "too many arguments for a task");
  art_check_stack(L, 10, "too many arguments");
}

/* [-0, +2, m] The function at 'fn' and all above it, as a task of the running runtime: its handle is on top. */
static int spawn_from(lua_State *L, const struct art_spawn *how, int fn) {
  int top = lua_gettop(L);
  if (top > SMALL) check_room(L, top - fn);
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
  struct art_lua_task *t = art_current(L, name);
  art_check_callable(L, 1, name);
  struct art_spawn how = {t->rt, scope_for_spawn(L, t), flags, .parent = t};
  return spawn_from(L, &how, 1);
}

static int spawn(lua_State *L) {
  return spawn_here(L, "spawn", 0);
}

static int try_spawn(lua_State *L) {
  return spawn_here(L, "try_spawn", ART_SUPERVISED);
}

static int detach(lua_State *L) {
  struct art_lua_task *t = art_current(L, "detach");
  art_check_callable(L, 1, "detach");
  struct art_lua_runtime *rt = t->rt;
  struct art_spawn how = {rt, rt->run != NULL ? rt->run : rt->root, .parent = t};
  return spawn_from(L, &how, 1);
}

/* --- with options, and into a scope ----------------------------------------------------------------------- */

/* The scope of a handle, open or not: raises for anything else, and for a runtime that is not the task's. */
static struct art_scope *check_scope(lua_State *L, int arg, const char *name,
                                     struct art_lua_task *t) {
  struct art_scope_handle *handle = art_check_handle(L, arg, name, ART_SCOPE_NAME);
  if (handle->scope == NULL) luaL_error(L, "'%s' into a scope that has ended", name);
  if (t != NULL && handle->scope->rt != t->rt)
    luaL_error(L, "'%s' into a scope of another runtime", name);
  return handle->scope;
}

/* Options that spawn_with understands; the function says which is wrong. The name comes in the table's
** place. */
static void options(lua_State *L, int arg, const char *name, struct art_lua_task *t,
                    struct art_spawn *how) {
  static const struct {
    const char *name;
    unsigned flag;
  } flags[] = {{"daemon", ART_DAEMON}, {"supervise", ART_SUPERVISED}};
  art_check_table(L, arg, name);
  for (int i = 0; i < 2; i++) {
    lua_getfield(L, arg, flags[i].name);
    if (lua_toboolean(L, -1)) how->flags |= flags[i].flag;
    lua_pop(L, 1);
  }
  int type = lua_getfield(L, arg, "name");
  if (type != LUA_TNIL && type != LUA_TSTRING)
    art_arg_error(L, arg, name, "field 'name' must be a string");
  if (lua_getfield(L, arg, "scope") != LUA_TNIL) {
    if (luaL_testudata(L, -1, ART_SCOPE_NAME) == NULL)
      art_arg_error(L, arg, name, "field 'scope' must be a scope");
    how->scope = check_scope(L, lua_gettop(L), name, t);
  }
  lua_pop(L, 1);
  lua_replace(L, arg);
  how->name = type == LUA_TSTRING ? arg : 0;
}

static int spawn_with_from(lua_State *L, struct art_lua_task *t, struct art_spawn *how, int arg,
                           const char *name) {
  options(L, arg, name, t, how);
  art_check_callable(L, arg + 1, name);
  if (how->scope == NULL) how->scope = scope_for_spawn(L, t);
  return spawn_from(L, how, arg + 1);
}

static int spawn_with(lua_State *L) {
  struct art_lua_task *t = art_current(L, "spawn_with");
  struct art_spawn how = {.rt = t->rt, .parent = t};
  return spawn_with_from(L, t, &how, 1, "spawn_with");
}

static int scope_spawn_flags(lua_State *L, const char *name, unsigned flags) {
  struct art_lua_task *t = art_current(L, name);
  struct art_scope *s = check_scope(L, 1, name, t);
  art_check_callable(L, 2, name);
  struct art_spawn how = {t->rt, s, flags, .parent = t};
  return spawn_from(L, &how, 2);
}

static int scope_spawn(lua_State *L) {
  return scope_spawn_flags(L, "spawn", 0);
}

static int scope_try_spawn(lua_State *L) {
  return scope_spawn_flags(L, "try_spawn", ART_SUPERVISED);
}

static int scope_spawn_with(lua_State *L) {
  struct art_lua_task *t = art_current(L, "spawn_with");
  struct art_spawn how = {t->rt, check_scope(L, 1, "spawn_with", t), .parent = t};
  return spawn_with_from(L, t, &how, 2, "spawn_with");
}

/* --- from the host ------------------------------------------------------------------------------------------ */

static struct art_lua_runtime *open_runtime(lua_State *L, const char *name) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, name);
  if (rt->core == NULL) luaL_error(L, "'%s' on a closed runtime", name);
  if (!art_runtime_is_ours(rt->core)) luaL_error(L, "'%s' on a forked runtime", name);
  return rt;
}

static int runtime_spawn(lua_State *L) {
  struct art_lua_runtime *rt = open_runtime(L, "spawn");
  art_check_callable(L, 2, "spawn");
  struct art_spawn how = {.rt = rt, .scope = rt->root};
  int top = lua_gettop(L);
  check_room(L, top - 2);
  lua_getiuservalue(L, 1, ART_RUNTIME_ANCHORS);
  art_spawn_task(L, &how, 2, top - 2, top + 1);
  return 1;
}

static int runtime_spawn_with(lua_State *L) {
  struct art_lua_runtime *rt = open_runtime(L, "spawn_with");
  struct art_spawn how = {.rt = rt, .scope = rt->root};
  options(L, 2, "spawn_with", NULL, &how);
  art_check_callable(L, 3, "spawn_with");
  if (how.scope->rt != rt) return luaL_error(L, "'spawn_with' into a scope of another runtime");
  int top = lua_gettop(L);
  check_room(L, top - 3);
  lua_getiuservalue(L, 1, ART_RUNTIME_ANCHORS);
  art_spawn_task(L, &how, 3, top - 3, top + 1);
  return 1;
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
