/* Tasks as handles: waiting for them, asking them to stop, looking at them. */
#include "lua/await.h"

#include "lua/args.h"
#include "lua/boundary.h"
#include "lua/error.h"
#include "lua/nested.h"
#include "lua/park.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/trace.h"
#include "lua/unobserved.h"

enum { TARGET = 1 };

static void leave(struct art_lua_task *t) {
  art_waiter_leave(&t->parking.in.waiter);
}

static const struct art_wait task_wait = {.what = "task", .abort = leave};

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
int art_check_no_cycle(lua_State *L, struct art_lua_task *t, struct art_lua_task *target) {
  if (target->cancel.id > t->cancel.id) return 0;
  if (target != t && (target->scope == NULL || target->scope->owner != target)) return 0;
  if (!art_is_ancestor(target, t)) return 0;
  art_push_error(L, "deadlock",
                 target == t ? "a task awaits itself"
                             : "a task awaits one that waits for it to end");
  return lua_error(L);
}

static int wait_or_answer(lua_State *L, const char *name, lua_KFunction k,
                          int (*answer)(lua_State *, struct art_lua_task *)) {
  struct art_lua_task *target = art_to_task(L, TARGET, name);
  lua_settop(L, TARGET);
  struct art_lua_task *t = art_checkpoint(L, name);
  if (target->outcome != ART_OPEN && art_executor_spend(t->core.executor)) return answer(L, target);
  if (target->outcome != ART_OPEN) return art_yield(L, t, k, (lua_KContext)t);
  art_check_no_cycle(L, t, target);
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
  lua_insert(L, TARGET);
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

static const char *status_of(const struct art_lua_task *t) {
  static const char *const ended[] = {
      [ART_DONE] = "done", [ART_FAILED] = "failed", [ART_CANCELLED] = "cancelled"};
  if (t->outcome != ART_OPEN) return ended[t->outcome];
  switch ((enum art_task_state)t->core.state) {
  case ART_TASK_PARKED: return "waiting";
  case ART_TASK_QUEUED: return "ready";
  case ART_TASK_RUNNING:
  case ART_TASK_WOKEN:
  case ART_TASK_DONE: break;
  }
  return "running";
}

static int task_status(lua_State *L) {
  lua_pushstring(L, status_of(art_to_task(L, 1, "status")));
  return 1;
}

static int task_id(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)art_to_task(L, 1, "id")->cancel.id);
  return 1;
}

void art_name_task(lua_State *L, struct art_lua_task *t, int index) {
  art_push_value(L, ART_NAMES);
  lua_pushvalue(L, index);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  t->flags |= ART_NAMED;
}

static int task_name(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "name");
  if (!lua_isnoneornil(L, 2)) {
    art_check_string(L, 2, "name", NULL);
    lua_settop(L, 2);
    art_name_task(L, t, 1);
    return 1;
  }
  art_push_value(L, ART_NAMES);
  lua_pushvalue(L, 1);
  lua_rawget(L, -2);
  return 1;
}

static int task_tostring(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "tostring");
  art_push_task_name(L, t, 1);
  lua_pushfstring(L, "%s (%s)", lua_tostring(L, -1), status_of(t));
  return 1;
}

/* [-0, +1, m] "sleep", "task 7 'loader'"; nil if it does not wait. */
static void push_waiting_on(lua_State *L, const struct art_lua_task *t) {
  if (t->outcome != ART_OPEN || t->wait == NULL || t->core.state != ART_TASK_PARKED) {
    lua_pushnil(L);
  } else if (!art_waits_for_task(t)) {
    lua_pushstring(L, t->wait->what);
  } else { /* the target's handle is the argument of the await it waits in */
    lua_pushfstring(L, "task %I", (LUAI_UACINT)t->parking.in.task->cancel.id);
  }
}

static int task_waiting_on(lua_State *L) {
  push_waiting_on(L, art_to_task(L, 1, "waiting_on"));
  return 1;
}

/* [-0, +1, m] What it does; the task is at 1. */
static void push_state(lua_State *L, const struct art_lua_task *t) {
  push_waiting_on(L, t);
  if (!lua_isnil(L, -1)) {
    lua_pushfstring(L, "waiting for %s", lua_tostring(L, -1));
  } else if (t->outcome == ART_FAILED) {
    lua_getiuservalue(L, 1, ART_TASK_VALUE);
    art_push_words(L, -1);
    lua_pushfstring(L, "failed: %s", lua_tostring(L, -1));
    lua_replace(L, -3);
    lua_pop(L, 1);
  } else {
    lua_pushstring(L, status_of(t));
  }
  lua_replace(L, -2);
}

/* [-0, +1, m] Where its code is: in the coroutine that was entered last first, in its own last. */
static void push_all_frames(lua_State *L, const struct art_lua_task *t) {
  lua_pushstring(L, "");
  for (lua_State *co = t->co; co != NULL; co = art_nested_in(co)) {
    art_push_frames(L, co, co == L ? 1 : 0);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
}

static int task_traceback(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "traceback");
  lua_settop(L, 1);
  if (t->outcome == ART_FAILED) {
    lua_getiuservalue(L, 1, ART_TASK_VALUE);
    art_push_story(L, 2);
    if (!lua_isnil(L, -1)) return 1;
    lua_settop(L, 1); /* it was of a string, and another one came after it */
  }
  art_push_task_name(L, t, 1);
  push_state(L, t);
  push_all_frames(L, t);
  art_push_spawn_site(L, t, 1);
  lua_pushfstring(L, "%s, %s%s\n    spawned at %s", lua_tostring(L, 2), lua_tostring(L, 3),
                  lua_tostring(L, 4), lua_tostring(L, 5));
  return 1;
}

const luaL_Reg art_task_methods[] = {{"await", task_await},
                                     {"join", task_join},
                                     {"cancel", task_cancel},
                                     {"status", task_status},
                                     {"id", task_id},
                                     {"name", task_name},
                                     {"waiting_on", task_waiting_on},
                                     {"traceback", task_traceback},
                                     {NULL, NULL}};

const luaL_Reg art_task_metamethods[] = {{"__tostring", task_tostring}, {NULL, NULL}};
const luaL_Reg art_supervised_metamethods[] = {{"__gc", art_unobserved_gc}, {NULL, NULL}};
