/* Tasks as handles: waiting for them, asking them to stop. */
#include "lua/await.h"

#include "lua/args.h"
#include "lua/boundary.h"
#include "lua/cycle.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/trace.h"
#include "lua/unobserved.h"
#include "lua/view.h"

enum { TARGET = 1 };

static void leave(struct art_lua_task *t) {
  art_waiter_leave(&t->parking.in.waiter);
}

static struct art_lua_task *target_of(const struct art_lua_task *t) {
  return t->parking.in.task;
}

static const struct art_wait task_wait = {
    .what = "task", .abort = leave, .handle = TARGET, .for_whom = target_of};

bool art_waits_for_task(const struct art_lua_task *t) {
  return t->wait == &task_wait;
}

static int answer_await(lua_State *L, struct art_lua_task *target) {
  if (target->outcome == ART_DONE) return art_push_values(L, target, TARGET);
  if (target->outcome == ART_CANCELLED) {
    art_push_task_cancelled(L, target, TARGET);
    return lua_error(L);
  }
  art_observe(L, target, TARGET);
  lua_getiuservalue(L, TARGET, ART_TASK_VALUE);
  return art_rethrow(L);
}

static int answer_join(lua_State *L, struct art_lua_task *target) {
  lua_pushboolean(L, target->outcome == ART_DONE);
  if (target->outcome == ART_DONE) return 1 + art_push_values(L, target, TARGET);
  if (target->outcome == ART_CANCELLED) {
    art_push_task_cancelled(L, target, TARGET);
  } else {
    art_observe(L, target, TARGET);
    lua_getiuservalue(L, TARGET, ART_TASK_VALUE);
  }
  return 2;
}

static void wait_for(struct art_lua_task *t, struct art_lua_task *target) {
  t->parking.in.task = target;
  t->parking.in.waiter = (struct art_waiter){.waker = &t->core.waker};
  art_waitlist_add(&target->awaiters, &t->parking.in.waiter);
}

static int await_k(lua_State *L, int status, lua_KContext ctx);
static int join_k(lua_State *L, int status, lua_KContext ctx);

/* Woken: by the target's end, by a cancel, or by a hint. */
static int resumed(lua_State *L, lua_KContext ctx, lua_KFunction k,
                   int (*answer)(lua_State *, struct art_lua_task *)) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct art_lua_task *target = lua_touserdata(L, TARGET);
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (target->outcome == ART_OPEN) return art_park(L, t, &task_wait, k, ctx);
  return answer(L, target);
}

static int await_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return resumed(L, ctx, await_k, answer_await);
}

static int join_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return resumed(L, ctx, join_k, answer_join);
}

/* Ancestors were spawned before and have scopes of their own. */
int art_check_not_above(lua_State *L, struct art_lua_task *t, struct art_lua_task *target) {
  if (target->cancel.id > t->cancel.id) return 0;
  if (target != t && (target->scope == NULL || target->scope->owner != target)) return 0;
  if (!art_is_ancestor(target, t)) return 0;
  art_push_error(L, "deadlock",
                 target == t ? "a task awaits itself"
                             : "a task awaits one that waits for it to end");
  return lua_error(L);
}

/* The task at TARGET; drops what is above it. */
static struct art_lua_task *to_task_alone(lua_State *L, const struct art_lua *state,
                                          const char *name) {
  bool is_one = art_meta_alone(L) == state->kinds.meta[ART_TASK_KIND];
  struct art_lua_task *t = is_one ? lua_touserdata(L, TARGET) : NULL;
  return t != NULL ? t : art_to_task(L, TARGET, name); /* a supervised one, or none */
}

static int wait_or_answer(lua_State *L, const char *name, lua_KFunction k,
                          int (*answer)(lua_State *, struct art_lua_task *)) {
  const struct art_lua *state = art_lua_of(L);
  struct art_lua_task *target = to_task_alone(L, state, name);
  struct art_lua_task *t = art_checkpoint_in(L, state, name);
  if (target->outcome != ART_OPEN) return art_return(L, t, answer(L, target));
  art_check_not_above(L, t, target);
  if (art_is_waiting(target) || target->scope->owner == target) /* else it waits for nobody */
    art_check_no_cycle(L, &(struct art_closing){.t = t, .first = target, .ends = true}, TARGET);
  wait_for(t, target);
  return art_park(L, t, &task_wait, k, (lua_KContext)t);
}

static int task_await(lua_State *L) {
  return wait_or_answer(L, "await", await_k, answer_await);
}

static int join_for_ever(lua_State *L) {
  return wait_or_answer(L, "join", join_k, answer_join);
}

static int task_join(lua_State *L) {
  if (lua_isnoneornil(L, 2)) return join_for_ever(L);
  struct art_lua_task *target = art_to_task(L, TARGET, "join");
  uint64_t delay_ns = art_check_seconds(L, 2, "join");
  if (target->outcome != ART_OPEN) return join_for_ever(L); /* join(0) asks */
  lua_settop(L, TARGET);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, join_for_ever, 1);
  lua_pushvalue(L, TARGET);
  return art_run_within(L, ART_SCOPE_JOIN, delay_ns, "join");
}

static int task_cancel(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "cancel");
  if (t->outcome != ART_OPEN || t->cancel.cause != ART_NOT_CANCELLED) return 0;
  lua_settop(L, 2);
  art_keep_reason(L);
  if ((t->flags & ART_STARTED) == 0) { /* it never runs: its arguments stay the spawner's */
    lua_pushnil(L);
    lua_setiuservalue(L, 1, ART_TASK_VALUE);
    for (int i = 0; i < t->nvalues; i++) {
      lua_pushnil(L);
      lua_setiuservalue(L, 1, ART_TASK_MORE + i);
    }
    t->nvalues = 0;
  }
  art_cancel_task(t, ART_EXPLICIT);
  return 0;
}

const luaL_Reg art_task_methods[] = {
    {"await", task_await}, {"join", task_join}, {"cancel", task_cancel}, {NULL, NULL}};
const luaL_Reg art_supervised_metamethods[] = {{"__gc", art_unobserved_gc}, {NULL, NULL}};
