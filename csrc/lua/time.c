/* Time, and the calls of a task about itself. */
#include "lua/time.h"

#include "lua/args.h"
#include "lua/error.h"
#include "lua/locals.h"
#include "lua/park.h"
#include "lua/task.h"

static void disarm(struct art_lua_task *t) {
  art_wheel_disarm(&t->rt->core->wheel, &t->parking.timer);
}

static const struct art_wait sleep_wait = {.what = "sleep", .abort = disarm, .timer = true};

static int sleep_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_timer_armed(&t->parking.timer)) return art_park(L, t, &sleep_wait, sleep_k, ctx);
  return 0;
}

/* A timer that never fires is not armed: nothing is left that could wake the task, but a cancel. */
static int never_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  return art_park(L, t, &sleep_wait, never_k, ctx);
}

static int sleep_till(lua_State *L, struct art_lua_task *t, uint64_t deadline_ns) {
  t->parking.timer = (struct art_timer){.waker = &t->core.waker};
  if (deadline_ns == ART_NEVER) return art_park(L, t, &sleep_wait, never_k, (lua_KContext)t);
  art_wheel_arm(&t->rt->core->wheel, &t->parking.timer, deadline_ns);
  return art_park(L, t, &sleep_wait, sleep_k, (lua_KContext)t);
}

static int sleep(lua_State *L) {
  uint64_t delay_ns = art_check_seconds(L, 1, "sleep");
  struct art_lua_task *t = art_checkpoint(L, "sleep");
  if (delay_ns == 0) return art_yield(L, t);
  return sleep_till(L, t, art_deadline(art_runtime_now_ns(t->rt->core), delay_ns));
}

static int sleep_until(lua_State *L) {
  uint64_t deadline_ns = art_check_seconds(L, 1, "sleep_until");
  struct art_lua_task *t = art_checkpoint(L, "sleep_until");
  if (deadline_ns <= art_runtime_now_ns(t->rt->core)) return art_yield(L, t);
  return sleep_till(L, t, deadline_ns);
}

static void disarm_outside(struct art_lua_task *t) {
  art_wheel_disarm(art_runtime_outer_wheel(t->rt->core), &t->parking.timer);
}

static const struct art_wait outside_wait = {.what = "sleep", .abort = disarm_outside};

static int outside_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_timer_armed(&t->parking.timer)) return art_park(L, t, &outside_wait, outside_k, ctx);
  return 0;
}

/* sleep_outside(seconds): by the clock of the outside world, for deadlines of I/O */
static int sleep_outside(lua_State *L) {
  uint64_t delay_ns = art_check_seconds(L, 1, "sleep_outside");
  struct art_lua_task *t = art_checkpoint(L, "sleep_outside");
  struct art_runtime *rt = t->rt->core;
  uint64_t deadline_ns = art_deadline(art_runtime_outer_now_ns(rt), delay_ns);
  t->parking.timer = (struct art_timer){.waker = &t->core.waker};
  if (deadline_ns == ART_NEVER) return art_park(L, t, &sleep_wait, never_k, (lua_KContext)t);
  art_wheel_arm(art_runtime_outer_wheel(rt), &t->parking.timer, deadline_ns);
  return art_park(L, t, &outside_wait, outside_k, (lua_KContext)t);
}

static int yield(lua_State *L) {
  return art_yield(L, art_checkpoint(L, "yield"));
}

/* give_way(): when core.checkpoint has said so */
static int give_way(lua_State *L) {
  return art_return_later(L, art_current_in_lua(L, "give_way"), 0);
}

static int now(lua_State *L) {
  struct art_lua_runtime *rt = art_lua_of(L)->active;
  if (rt == NULL) return luaL_error(L, "'now' called while no runtime runs: use rt:now()");
  lua_pushnumber(L, (lua_Number)art_runtime_now_ns(rt->core) / 1e9);
  return 1;
}

/* The same for the Lua layer: nil while no runtime runs. */
static int clock_or_nil(lua_State *L) {
  if (art_lua_of(L)->active == NULL) return 0;
  return now(L);
}

static int current(lua_State *L) {
  art_push_task(L, art_current_for(L, "current"));
  return 1;
}

/* Outside a task nothing is cancelled. */
static int cancelling(lua_State *L) {
  const struct art_lua_task *t = art_lua_of(L)->current;
  const struct art_cancel *cancel = t == NULL ? NULL : art_cancelled_by(t);
  if (cancel == NULL) return lua_pushnil(L), 1;
  art_push_value(L, ART_ANCHORS);
  art_push_reason(L, cancel, lua_gettop(L));
  if (lua_isnil(L, -1)) lua_pushliteral(L, "cancelled");
  return 1;
}

const luaL_Reg art_time_functions[] = {{"sleep", sleep},
                                       {"sleep_until", sleep_until},
                                       {"sleep_outside", sleep_outside},
                                       {"yield", yield},
                                       {"give_way", give_way},
                                       {"now", now},
                                       {"clock", clock_or_nil},
                                       {"current", current},
                                       {"cancelling", cancelling},
                                       {"locals", art_locals},
                                       {NULL, NULL}};
