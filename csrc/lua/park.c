#include "lua/park.h"

#include "executor/poll.h"
#include "lua/coroutines.h"
#include "lua/ending.h"
#include "lua/error.h"
#include "lua/hook.h"
#include "lua/loop.h"
#include "lua/scope.h"
#include "lua/usage.h"

static const struct art_wait yield_wait = {.what = "yield"};
static const struct art_wait children_wait = {.what = "its children"};

/* A cancel cuts the waits of parked tasks only. One that came after a hint had queued the task is noticed here, where the
** continuation has found nothing and waits again. */
static void cut_own_wait(struct art_lua_task *t, const struct art_wait *wait) {
  wait->abort(t);
  t->flags |= ART_ABORTED;
  art_task_wake(&t->core);
}

int art_park(lua_State *L, struct art_lua_task *t, const struct art_wait *wait, lua_KFunction k,
             lua_KContext ctx) {
  t->wait = wait;
  if (wait->abort != NULL && !wait->forced && art_cancelled_by(t) != NULL) cut_own_wait(t, wait);
  return lua_yieldk(L, 0, ctx, k);
}

bool art_take_abort(struct art_lua_task *t) {
  bool aborted = (t->flags & ART_ABORTED) != 0;
  t->flags &= (uint16_t)~ART_ABORTED;
  return aborted;
}

static void go_behind(struct art_lua_task *t, const struct art_wait *wait) {
  t->core.state = ART_TASK_WOKEN;
  t->wait = wait;
}

int art_yield(lua_State *L, struct art_lua_task *t) {
  t->core.yielded = true;
  go_behind(t, &yield_wait);
  return lua_yieldk(L, 0, 0, NULL);
}

void art_yield_in_hook(lua_State *L, struct art_lua_task *t) {
  t->core.yielded = true;
  go_behind(t, &yield_wait);
  lua_yield(L, 0);
}

int art_give_way(lua_State *L, struct art_lua_task *t, const struct art_wait *wait, lua_KFunction k,
                 lua_KContext ctx) {
  t->core.yielded = art_executor_puts_off(t->core.executor);
  go_behind(t, wait);
  return lua_yieldk(L, 0, ctx, k);
}

static int return_k(lua_State *L, int status, lua_KContext results) {
  (void)L, (void)status;
  return (int)results;
}

int art_return_later(lua_State *L, struct art_lua_task *t, int results) {
  return art_give_way(L, t, &yield_wait, return_k, results);
}

bool art_waits_for_children(const struct art_lua_task *t) {
  return t->wait == &children_wait;
}

int art_park_for_children(lua_State *L, struct art_lua_task *t, lua_KFunction k, lua_KContext ctx) {
  return art_park(L, t, &children_wait, k, ctx);
}

/* Pushes on the coroutine what its body gets: handler, handle, function, arguments. From here on the handle anchors the
** coroutine. The number of them; 0: no memory. */
static int load(struct art_lua_task *t, struct art_lua_runtime *rt, lua_State *co) {
  lua_State *L = rt->host;
  int n = t->nvalues;
  if (n > 8 && (!lua_checkstack(co, n + 4) || !lua_checkstack(L, n + 4))) return 0;
  lua_pushvalue(co, ART_CO_BODY);
  lua_pushvalue(co, ART_CO_HANDLER);
  lua_rawgeti(L, rt->anchors, t->cancel.slot);
  lua_getiuservalue(L, -1, ART_TASK_VALUE);
  art_take_coroutine(rt);
  lua_setiuservalue(L, -3, ART_TASK_VALUE);
  for (int i = 0; i < n; i++) {
    lua_getiuservalue(L, -2 - i, ART_TASK_MORE + i);
    lua_pushnil(L);
    lua_setiuservalue(L, -4 - i, ART_TASK_MORE + i);
  }
  lua_xmove(L, co, n + 2);
  return n + 3;
}

/* Gives the task its coroutine. The number of arguments for its first resume; 0: the error is on the host's stack. */
static int start(struct art_lua_task *t) {
  struct art_lua_runtime *rt = t->rt;
  lua_State *co = art_idle_coroutine(rt);
  if (co == NULL) return 0;
  int nargs = load(t, rt, co);
  if (nargs == 0) {
    lua_pushliteral(rt->host, "not enough memory");
    return 0;
  }
  t->co = co;
  t->nvalues = 0;
  t->flags |= ART_STARTED;
  return nargs;
}

/* Had it to be made to, once the grace of a closing runtime was over? */
static bool is_too_late(const struct art_lua_task *t) {
  const struct art_lua_runtime *rt = t->rt;
  if (t->outcome != ART_CANCELLED || (t->flags & ART_STARTED) == 0) return false;
  return rt->unshield || (rt->preempt.closing_ns != 0 && (t->flags & ART_DOOMED) != 0);
}

/* After the end, on the host's stack: the handle is let go, unless its failure is still to be told. */
static void finish(struct art_lua_task *t) {
  struct art_lua_runtime *rt = t->rt;
  bool too_late = is_too_late(t);
  art_task_end(&t->core);
  if (too_late && (t->flags & ART_HELD) == 0) art_loop_name_killed(rt, t);
  if ((t->flags & ART_HELD) == 0) art_let_go(rt->host, t, rt->anchors);
}

/* The task ends with the error on top of the host's stack, outside of its body. */
static void fail(struct art_lua_task *t) {
  lua_State *L = t->rt->host;
  lua_rawgeti(L, t->rt->anchors, t->cancel.slot);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, ART_TASK_VALUE);
  lua_pop(L, 1);
  t->nvalues = 1;
  art_abandon_scopes(L, t, t->rt->anchors);
  art_end_task(t, ART_FAILED);
  finish(t);
}

/* Cancelled before its first poll: it never runs. */
static void never_run(struct art_lua_task *t, const struct art_cancel *cancel) {
  struct art_lua_runtime *rt = t->rt;
  lua_State *L = rt->host;
  lua_rawgeti(L, rt->anchors, t->cancel.slot);
  art_push_reason(L, cancel, rt->anchors);
  lua_setiuservalue(L, -2, ART_TASK_VALUE);
  lua_pop(L, 1);
  art_end_task(t, ART_CANCELLED);
  finish(t);
}

/* No memory to begin the body or to keep its results: the coroutine is not used again. */
static void broken(struct art_lua_task *t) {
  struct art_lua_runtime *rt = t->rt;
  lua_xmove(t->co, rt->host, 1);
  rt->coroutines--;
  t->co = NULL;
  fail(t);
}

/* A plain coroutine.yield that no resume of the task's own takes: it gets an error. */
static void plain_yield(struct art_lua_task *t, int nresults) {
  lua_pop(t->co, nresults);
  art_preempt_forget(t->co);
  (void)art_raise_next(t->co, ART_YIELD_IN_TASK);
  t->core.yielded = true; /* a loop of these is held to one a tick, too */
  art_task_wake(&t->core);
  art_executor_put(t->core.executor, &t->core);
}

/* The first poll: a coroutine, its function and arguments. The number of arguments; 0: the task has ended. */
static int first_poll(struct art_lua_task *t) {
  const struct art_cancel *cancel = art_cancelled_by(t);
  if (cancel != NULL) {
    never_run(t, cancel);
    return 0;
  }
  int nargs = start(t);
  if (nargs == 0) fail(t);
  return nargs;
}

/* The coroutine of a task that has ended. */
static void give_back(struct art_lua_task *t) {
  if ((t->flags & ART_DOOMED) != 0) art_preempt_forget(t->co);
  if ((t->flags & ART_EXPOSED) == 0) {
    art_give_coroutine(t->rt, t->co);
  } else {
    lua_settop(t->co, 0); /* dead, for whoever holds it */
    t->rt->coroutines--;
  }
  t->co = NULL;
}

/* What a resume gave that is not a park: the end, or something odd. */
static void not_parked(struct art_lua_task *t, int status, int nresults) {
  if (status == LUA_YIELD) {
    plain_yield(t, nresults);
  } else if (status != LUA_OK) {
    broken(t);
  } else {
    give_back(t);
    finish(t);
  }
}

static struct art_task *run(struct art_executor *ex, struct art_task *core);

const struct art_task_class art_lua_task_class = {.run = run};

/* Said before anything that may run Lua between two polls: from one to the next nothing does. */
static inline void nobody_runs(struct art_lua *state) {
  state->current = NULL;
  state->running = state->entered = NULL;
}

/* Every return after a yield is mispredicted, for a yield is a long jump: so there is no frame between this loop and
** the one lua_resume. 'profiled' is known where it is made part of the two functions below. */
static inline __attribute__((always_inline)) struct art_task *
poll_all(struct art_executor *ex, struct art_task *core, bool profiled) {
  struct art_lua_runtime *rt = ART_CONTAINER(core, struct art_lua_task, core)->rt;
  struct art_lua *state = rt->state;
  lua_State *host = rt->host;
  float now_s = rt->turn_s;
  const volatile char *birth_page = rt->core->birth.page;
  art_preempt_begin(rt);
  do {
    struct art_lua_task *t = ART_CONTAINER(core, struct art_lua_task, core);
    int nargs = 0, nresults;
    if (t->co == NULL) {
      nobody_runs(state);
      if ((nargs = first_poll(t)) == 0) continue;
    }
    t->wait = NULL;
    t->polls++;
    t->polled_s = now_s;
    state->current = t;
    state->running = state->entered = t->co;
    int status = lua_resume(t->co, host, nargs, &nresults);
    if (profiled) art_usage_polled(rt, t);
    if (status == LUA_YIELD && t->wait != NULL) {
      art_executor_put(ex, core);
    } else {
      nobody_runs(state);
      not_parked(t, status, nresults);
    }
    if (!art_birth_seems_here(birth_page)) break;
  } while ((core = art_executor_next(ex)) != NULL && core->klass == &art_lua_task_class);
  nobody_runs(state);
  art_preempt_end(rt);
  if (!art_birth_seems_here(birth_page))
    return NULL; /* in a child of fork: the others go on in the parent */
  return core;
}

static struct art_task *run_profiled(struct art_executor *ex, struct art_task *core) {
  struct art_lua_runtime *rt = ART_CONTAINER(core, struct art_lua_task, core)->rt;
  rt->poll_began_ns = art_monotonic_ns();
  struct art_task *next = poll_all(ex, core, true);
  rt->poll_began_ns = 0;
  return next;
}

static struct art_task *run(struct art_executor *ex, struct art_task *core) {
  struct art_lua_runtime *rt = ART_CONTAINER(core, struct art_lua_task, core)->rt;
  art_usage_turn(rt);
  if (rt->busy_ns != NULL) return run_profiled(ex, core);
  return poll_all(ex, core, false);
}
