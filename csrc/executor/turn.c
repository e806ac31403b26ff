/* The turn: the one place where a runtime waits, and the ways in which its clocks go on. */
#include "executor/turn.h"

#include <errno.h>

#include "executor/runtime.h"

static bool has_jobs(const struct art_runtime *rt) {
  return rt->pool != NULL && art_pool_pending(rt->pool) > 0;
}

/* May somebody elsewhere still wake us? Our own references to the inbox are the owner's and the pool's. */
static bool has_foreign_wakers(const struct art_runtime *rt) {
  return art_inbox_refs(rt->inbox) > (rt->pool == NULL ? 1u : 2u);
}

static void advance_wheel(struct art_runtime *rt, struct art_wheel *w, uint64_t now_ns) {
  if (w->count == 0) return;
  rt->executor.phase = ART_PHASE_TIMERS;
  rt->executor.firing_ns = &w->elapsed_ns;
  art_wheel_advance(w, now_ns);
  rt->executor.phase = ART_PHASE_TASKS;
}

void art_runtime_advance_timers(struct art_runtime *rt) {
  if (rt->wheel.count > 0) advance_wheel(rt, &rt->wheel, art_runtime_now_ns(rt));
  if (rt->outer_wheel.count > 0) advance_wheel(rt, &rt->outer_wheel, art_runtime_outer_now_ns(rt));
}

int art_runtime_wait_io(struct art_runtime *rt, uint64_t timeout_ns) {
  rt->executor.phase = ART_PHASE_IO;
  int n = art_reactor_wait(&rt->reactor, timeout_ns);
  rt->executor.phase = ART_PHASE_TASKS;
  return n;
}

void art_runtime_poll_drivers(struct art_runtime *rt) {
  if (rt->reactor.pending > 0) art_runtime_wait_io(rt, 0);
  if (!art_inbox_empty(rt->inbox)) art_inbox_deliver(rt->inbox);
  art_runtime_advance_timers(rt);
}

uint64_t art_runtime_alarm_ns(struct art_runtime *rt) {
  if (rt->clock.kind == ART_CLOCK_VIRTUAL) return ART_NEVER;
  uint64_t outer = art_wheel_next(&rt->outer_wheel);
  if (rt->clock.kind == ART_CLOCK_MANUAL || rt->wheel.count == 0) return outer;
  uint64_t when = art_clock_when(&rt->clock, art_wheel_next(&rt->wheel));
  if (when == ART_NEVER) return outer;
  uint64_t own = when > rt->outer_origin_ns ? when - rt->outer_origin_ns : 0;
  return own < outer ? own : outer;
}

/* How long the kernel may keep us. */
static uint64_t sleep_ns(struct art_runtime *rt) {
  uint64_t next = art_runtime_alarm_ns(rt);
  if (next == ART_NEVER) return ART_NEVER;
  uint64_t now = art_runtime_outer_now_ns(rt);
  return next > now ? next - now : 0;
}

/* Work that finishes by itself holds a virtual clock. Waits on peers do not, nor does who holds a waker or a handle;
** they get two looks, the second for what the first set going inside the kernel. */
bool art_runtime_may_jump(const struct art_runtime *rt) {
  if (rt->clock.kind != ART_CLOCK_VIRTUAL || rt->wheel.count == 0) return false;
  return rt->reactor.holding == 0 && rt->holds == 0 && !has_jobs(rt);
}

bool art_runtime_jump(struct art_runtime *rt) {
  if (!art_runtime_may_jump(rt)) return false;
  for (int look = 0; look < 2; look++) {
    art_runtime_poll_drivers(rt);
    if (art_executor_ready(&rt->executor)) return true;
  }
  art_clock_set(&rt->clock, art_wheel_next(&rt->wheel));
  art_runtime_advance_timers(rt);
  return true;
}

/* Sleeps until something may be ready. */
static int sleep_in_reactor(struct art_runtime *rt) {
  uint64_t timeout_ns = sleep_ns(rt);
  bool can_end =
      timeout_ns != ART_NEVER || rt->reactor.pending > 0 || has_jobs(rt) || has_foreign_wakers(rt);
  if (!can_end && art_inbox_empty(rt->inbox)) return ART_TURN_STUCK;
  int n = 0;
  if (art_inbox_sleep(rt->inbox)) n = art_runtime_wait_io(rt, timeout_ns);
  art_inbox_deliver(rt->inbox); /* ends the sleep */
  art_runtime_advance_timers(rt);
  return n == -EINTR ? -EINTR : ART_TURN_GOES_ON;
}

int art_runtime_turn(struct art_runtime *rt) {
  if (!art_runtime_is_ours(rt)) return -ECHILD; /* or we would take the parent's events */
  if (art_executor_ready(&rt->executor)) {
    art_executor_run(&rt->executor, ART_TURN_POLLS, ART_NEVER);
    art_runtime_poll_drivers(rt);
    return ART_TURN_GOES_ON;
  }
  if (art_runtime_jump(rt)) return ART_TURN_GOES_ON;
  return sleep_in_reactor(rt);
}

int art_runtime_run(struct art_runtime *rt) {
  int turn = art_runtime_enter(rt);
  if (turn < 0) return turn;
  art_executor_undefer(&rt->executor);
  while (rt->executor.live > 0) {
    turn = art_runtime_turn(rt);
    if (turn != ART_TURN_GOES_ON) break;
  }
  art_runtime_leave(rt);
  if (turn < 0) return turn;
  if (!art_runtime_is_ours(rt)) return -ECHILD; /* a task has forked in the last turn */
  return rt->executor.live > 0 ? -EDEADLK : 0;
}
