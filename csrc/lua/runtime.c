#include "lua/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/anchors.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/finaliser.h"
#include "lua/hold.h"
#include "lua/loop.h"
#include "lua/orphan.h"
#include "lua/policy.h"
#include "lua/scope.h"
#include "lua/socket.h"
#include "lua/task.h"
#include "lua/unobserved.h"
#include "lua/usage.h"

const struct art_kind art_runtime_kind = {
    .name = "asyncrt.runtime", .size = sizeof(struct art_lua_runtime), .index = ART_RUNTIME_KIND};

struct art_lua_runtime *art_to_runtime(lua_State *L, int arg, const char *function) {
  return art_check_handle(L, arg, function, &art_runtime_kind);
}

/* --- options ----------------------------------------------------------------------------------------------- */

static void bad_option(lua_State *L, const char *function, const char *name, const char *what) {
  art_arg_error(L, 1, function, lua_pushfstring(L, "field '%s' must be %s", name, what));
}

static void clock_option(lua_State *L, const char *function, struct art_config *c) {
  static const char *const names[] = {"real", "virtual", "manual"};
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  for (int i = 0; i < 3; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    c->clock = (enum art_clock_kind)i;
    return;
  }
  bad_option(L, function, "clock", "\"real\", \"virtual\" or \"manual\"");
}

static void seed_option(lua_State *L, const char *function, struct art_config *c) {
  if (lua_type(L, -1) != LUA_TNUMBER || !lua_isinteger(L, -1))
    bad_option(L, function, "seed", "an integer");
  c->seeded = true;
  c->seed = (uint64_t)lua_tointeger(L, -1);
}

static void driver_option(lua_State *L, const char *function, struct art_config *c) {
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  if (strcmp(name, "auto") != 0 && strcmp(name, "epoll") != 0 && strcmp(name, "poll") != 0)
    bad_option(L, function, "driver", "\"auto\", \"epoll\" or \"poll\"");
  c->driver = name;
}

static void check_handler(lua_State *L, const char *function, const char *name) {
  if (lua_isfunction(L, -1)) return;
  if (luaL_getmetafield(L, -1, "__call") == LUA_TNIL) bad_option(L, function, name, "a function");
  lua_pop(L, 1);
}

static void check_on_error(lua_State *L, const char *function, struct art_config *c) {
  (void)c;
  check_handler(L, function, "on_error");
}

static void check_on_slow(lua_State *L, const char *function, struct art_config *c) {
  (void)c;
  check_handler(L, function, "on_slow");
}

static void read_later(lua_State *L, const char *function, struct art_config *c) {
  (void)L;
  (void)function;
  (void)c;
}

static void check_deadlock(lua_State *L, const char *function, struct art_config *c) {
  (void)c;
  if (!lua_isboolean(L, -1)) bad_option(L, function, "deadlock", "a boolean");
}

static const struct {
  const char *name;
  void (*read)(lua_State *L, const char *function, struct art_config *c);
} options[] = {{"clock", clock_option},      {"seed", seed_option},
               {"driver", driver_option},    {"on_error", check_on_error},
               {"deadlock", check_deadlock}, {"on_slow", check_on_slow},
               {"frame", read_later}, /* by frame_option, */
               {"slice", read_later}, /* and by policy_options */
               {"hog", read_later},          {"slow", read_later}};

enum { OPTIONS = sizeof options / sizeof *options };

/* The environment decides what the script leaves open: a failing schedule is replayed without an edit. */
static void read_environment(struct art_config *c) {
  const char *driver = getenv("ASYNCRT_DRIVER"), *seed = getenv("ASYNCRT_SEED");
  if (driver != NULL && *driver != '\0' && c->driver == NULL) c->driver = driver;
  if (seed == NULL || *seed == '\0' || c->seeded) return;
  c->seeded = true;
  c->seed = strtoull(seed, NULL, 0);
}

static void read_options(lua_State *L, int table, const char *function, struct art_config *c) {
  const char *names[OPTIONS + 1] = {NULL};
  for (int i = 0; i < OPTIONS; i++) names[i] = options[i].name;
  if (table != 0) {
    art_check_option_names(L, table, function, names);
    for (int i = 0; i < OPTIONS; i++) {
      if (lua_getfield(L, table, options[i].name) != LUA_TNIL) options[i].read(L, function, c);
      lua_pop(L, 1); /* strings stay alive in the table */
    }
  }
}

/* What decides on the driver: the environment only what nobody else has. */
static const char *driver_from(const struct art_config *host, const struct art_config *script,
                               const struct art_config *all) {
  if (script->driver != NULL) return script->driver == host->driver ? "host" : "option";
  return all->driver != NULL ? "ASYNCRT_DRIVER" : "default";
}

/* --- made ---------------------------------------------------------------------------------------------------- */

/* [-0, +1, m] A table of anchors with the weak one inside. */
static void new_anchors(lua_State *L) {
  lua_createtable(L, 64, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawseti(L, -2, 0);
}

static void keep_lua_options(lua_State *L, int table, int handle, struct art_lua_runtime *rt) {
  rt->deadlock = true;
  if (table == 0) return;
  lua_getfield(L, table, "on_error");
  lua_setiuservalue(L, handle, ART_RUNTIME_ON_ERROR);
  lua_getfield(L, table, "on_slow");
  lua_setiuservalue(L, handle, ART_RUNTIME_ON_SLOW);
  if (lua_getfield(L, table, "deadlock") == LUA_TBOOLEAN) rt->deadlock = lua_toboolean(L, -1);
  lua_pop(L, 1);
}

#define FRAME_NS 16666667 /* 60 a second */

static uint64_t frame_option(lua_State *L, int table, const char *function) {
  uint64_t ns = FRAME_NS;
  if (table == 0) return ns;
  if (lua_getfield(L, table, "frame") != LUA_TNIL && (!art_to_seconds(L, -1, &ns) || ns == 0))
    bad_option(L, function, "frame", "a number of seconds above 0");
  lua_pop(L, 1);
  return ns;
}

static struct art_policy policy_options(lua_State *L, int table, const char *function) {
  struct art_policy p = {.next = NULL};
  if (table == 0) return p;
  art_policy_slice(L, table, function, &p);
  art_policy_hog(L, table, function, &p);
  art_policy_slow(L, table, function, &p);
  return p;
}

static void open_core(lua_State *L, struct art_lua_runtime *rt, const struct art_config *c) {
  rt->core = art_runtime_new(c);
  if (rt->core == NULL && errno == ENOMEM) art_no_memory(L);
  if (rt->core == NULL) luaL_error(L, "cannot make a runtime: %s", strerror(errno));
  rt->root = art_scope_open(rt, NULL, NULL, ART_SCOPE_RUN);
  if (rt->root == NULL) art_no_memory(L); /* the handle's finaliser closes the core */
  rt->root->supervise = true;
}

struct art_lua_runtime *art_new_runtime(lua_State *L, int table, const char *function) {
  art_check_finalising(L, function); /* while a state is closed nothing new is finalised */
  struct art_config c = art_lua_of(L)->defaults;
  read_options(L, table, function, &c);
  struct art_policy policy = policy_options(L, table, function);
  uint64_t frame_ns = frame_option(L, table, function);
  struct art_config script = c;
  read_environment(&c);
  struct art_lua_runtime *rt = art_new_handle(L, &art_runtime_kind, ART_RUNTIME_VALUES);
  int handle = lua_gettop(L);
  rt->state = art_lua_of(L);
  rt->pace = 1;
  art_preempt_init(&rt->preempt);
  rt->driver_from = driver_from(&rt->state->defaults, &script, &c);
  rt->seed = c.seed;
  art_list_init(&rt->reports);
  art_list_init(&rt->limbo);
  art_list_init(&rt->sockets);
  art_list_init(&rt->holds);
  art_push_value(L, ART_RUNTIMES);
  lua_pushvalue(L, handle);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  new_anchors(L);
  lua_setiuservalue(L, handle, ART_RUNTIME_ANCHORS);
  lua_newtable(L);
  lua_setiuservalue(L, handle, ART_RUNTIME_IDLE);
  keep_lua_options(L, table, handle, rt);
  open_core(L, rt, &c);
  art_frames_init(rt, frame_ns);
  rt->root->policy = art_policy_keep(L, rt, policy);
  return rt;
}

static int runtime(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) art_check_table(L, 1, "runtime");
  art_new_runtime(L, lua_isnoneornil(L, 1) ? 0 : 1, "runtime");
  return 1;
}

/* --- closed ---------------------------------------------------------------------------------------------------- */

#define LAST_TURNS 1000 /* for tasks to unwind in, once their shields are lifted */

/* Frees all that is C's. */
static void destroy(struct art_lua_runtime *rt) {
  struct art_allocator a = rt->core->allocator;
  art_hold_end_all(NULL, rt, 0);
  art_preempt_destroy(&rt->preempt, art_runtime_is_ours(rt->core));
  art_policy_free_all(rt);
  art_socket_close_all(rt);
  art_usage_free(rt);
  art_runtime_close(rt->core);
  rt->core = NULL;
  art_free(&a, rt->idle, rt->idle_room * sizeof *rt->idle);
  art_free(&a, rt->free_slots, rt->slots_room * sizeof *rt->free_slots);
  while (rt->spare != NULL) {
    struct art_scope *s = rt->spare;
    rt->spare = s->parent;
    art_free(&a, s, sizeof *s);
  }
}

/* Without running any Lua. */
static void collect(lua_State *L, struct art_lua_runtime *rt, int index) {
  if (rt->root != NULL) { /* else making it failed */
    lua_getiuservalue(L, index, ART_RUNTIME_ANCHORS);
    art_orphan_all(L, rt, lua_gettop(L));
    lua_pop(L, 1);
  }
  destroy(rt);
}

static void wake_nobody(struct art_waker *self) {
  (void)self;
}

/* Turns until all has ended, nothing can go on, or the time is up: the runtime's or, lest tasks that are always ready
** hold a virtual clock for ever, the real one. */
static void turn_until(struct art_lua_runtime *rt, uint64_t grace_ns) {
  struct art_wheel *w = art_runtime_outer_wheel(rt->core);
  struct art_waker waker = {wake_nobody};
  struct art_timer end = {.waker = &waker};
  uint64_t deadline_ns = art_deadline(art_runtime_outer_now_ns(rt->core), grace_ns);
  uint64_t real_ns = art_deadline(art_monotonic_ns(), grace_ns);
  if (deadline_ns != ART_NEVER) art_wheel_arm(w, &end, deadline_ns);
  while (!art_list_empty(&rt->root->children)) {
    if (art_loop_turn(rt) == ART_TURN_STUCK) break;
    if (deadline_ns != ART_NEVER && !art_timer_armed(&end)) break;
    if (art_monotonic_ns() >= real_ns) break;
  }
  art_wheel_disarm(w, &end);
}

#define LEAST_GRACE_NS 10000000

/* Code that does not suspend is given the grace, too; then it is stopped. */
static void limit_hogs(struct art_lua_runtime *rt, uint64_t grace_ns) {
  int err;
  if (art_list_empty(&rt->root->children) || grace_ns == ART_NEVER) return;
  struct art_policy wanted = {.closing = true,
                              .slice_ns = grace_ns < LEAST_GRACE_NS ? LEAST_GRACE_NS : grace_ns};
  const struct art_policy *p = art_policy_find(rt, wanted, &err);
  if (p == NULL) return;
  rt->preempt.closing_ns = p->slice_ns;
  art_policy_spread(rt, p);
}

void art_close_runtime(lua_State *L, struct art_lua_runtime *rt, int index, uint64_t grace_ns) {
  if (rt->core == NULL) return;
  if (!art_runtime_is_ours(rt->core)) { /* the tasks go on in the parent, which forked us */
    collect(L, rt, index);
    return;
  }
  art_loop_enter(L, rt, index, "close");
  art_scope_cancel(rt->root, ART_CLOSED);
  limit_hogs(rt, grace_ns);
  turn_until(rt, grace_ns);
  rt->unshield = true;
  art_scope_lift_shields(rt->root);
  for (int i = 0; i < LAST_TURNS && art_executor_ready(&rt->core->executor); i++) art_loop_turn(rt);
  art_loop_kill(rt, rt->root);
  rt->ended = true;
  art_unobserved_tell(L, rt, &rt->root->unobserved, rt->anchors);
  art_loop_report(rt);
  if (!art_list_empty(&rt->limbo) || rt->state->rejected > 0) {
    art_loop_collect(rt); /* what nobody holds any more tells its failure in a finaliser */
    art_loop_report(rt);
  }
  art_unobserved_close(L, rt, rt->anchors);
  art_hold_end_all(L, rt, rt->anchors);
  rt->state->stray += rt->slots - rt->free_count;
  art_loop_leave(L, rt);
  art_scope_end(rt->root);
  destroy(rt);
}

static int runtime_close(lua_State *L) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, "close");
  uint64_t grace_ns = lua_isnoneornil(L, 2) ? ART_CLOSE_GRACE_NS : art_check_seconds(L, 2, "close");
  art_close_runtime(L, rt, 1, grace_ns);
  return 0;
}

static int runtime_close_variable(lua_State *L) {
  art_close_runtime(L, art_to_runtime(L, 1, "close"), 1, ART_CLOSE_GRACE_NS);
  return 0;
}

static void warn_of_lost(lua_State *L, struct art_lua_runtime *rt) {
  char text[100];
  unsigned n = rt->core->executor.live;
  if (n == 0) return;
  rt->state->lost += n;
  snprintf(text, sizeof text, "asyncrt: a runtime was collected with %u task%s that had not ended",
           n, n == 1 ? "" : "s");
  lua_warning(L, text, 0);
}

/* Collected, or lua_close: no Lua is run. */
static int runtime_gc(lua_State *L) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, "__gc");
  if (rt->core == NULL) return 0;
  if (rt->host != NULL &&
      !art_is_finaliser(L)) /* it is collected while it runs in lua_close only */
    return luaL_error(L, "'__gc' on a runtime that is running");
  warn_of_lost(L, rt);
  collect(L, rt, 1);
  return 0;
}

static int runtime_tostring(lua_State *L) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, "tostring");
  if (rt->core == NULL)
    lua_pushliteral(L, "runtime (closed)");
  else
    lua_pushfstring(L, "runtime (%d tasks)", (int)rt->core->executor.live);
  return 1;
}

const luaL_Reg art_runtime_functions[] = {{"runtime", runtime}, {NULL, NULL}};
const luaL_Reg art_runtime_methods[] = {{"close", runtime_close}, {NULL, NULL}};
const luaL_Reg art_runtime_metamethods[] = {{"__gc", runtime_gc},
                                            {"__close", runtime_close_variable},
                                            {"__tostring", runtime_tostring},
                                            {NULL, NULL}};
