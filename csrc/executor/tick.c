/* Ticks: a runtime whose turns a host's own loop gives out. */
#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "executor/runtime.h"
#include "executor/turn.h"

uint64_t art_runtime_next_ns(const struct art_runtime *rt) {
  struct art_runtime *r = (struct art_runtime *)(uintptr_t)rt; /* fills the wheels' caches */
  if (art_runtime_ready(rt) > 0 || !art_inbox_empty(rt->inbox)) return 0;
  uint64_t next = ART_NEVER;
  if (rt->clock.kind == ART_CLOCK_REAL) {
    uint64_t at = art_runtime_alarm_ns(r), now = art_runtime_outer_now_ns(rt);
    return at == ART_NEVER || at > now ? at - (at == ART_NEVER ? 0 : now) : 0;
  }
  if (rt->wheel.count > 0) {
    uint64_t at = art_wheel_next(&r->wheel), now = art_runtime_now_ns(rt);
    next = at > now ? at - now : 0;
  }
  if (rt->outer_wheel.count > 0) {
    uint64_t at = art_wheel_next(&r->outer_wheel), now = art_runtime_outer_now_ns(rt);
    uint64_t outer = at > now ? at - now : 0;
    if (outer < next) next = outer;
  }
  return next;
}

/* Most ticks leave the next deadline where it was. */
static void set_alarm(struct art_runtime *rt, uint64_t alarm_ns) {
  struct itimerspec when = {.it_interval = {0, 0}};
  if (alarm_ns == rt->alarm_ns) return;
  if (alarm_ns < ART_NEVER - rt->outer_origin_ns) {
    uint64_t at_ns = rt->outer_origin_ns + alarm_ns;
    when.it_value.tv_sec = (time_t)(at_ns / 1000000000u);
    when.it_value.tv_nsec = (long)(at_ns % 1000000000u);
  }
  timerfd_settime(rt->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
  rt->alarm_ns = alarm_ns;
}

/* It is readable from the moment on at which a tick would find something. */
void art_runtime_expose(struct art_runtime *rt) {
  if (rt->timer_fd < 0 || !art_runtime_is_ours(rt)) return;
  set_alarm(rt, art_runtime_alarm_ns(rt));
  rt->executor.exposed = true;
  bool due = art_runtime_next_ns(rt) == 0 || art_runtime_may_jump(rt);
  if (!art_inbox_sleep(rt->inbox) || due) art_inbox_notify(rt->inbox);
}

int art_runtime_fd(struct art_runtime *rt) {
  if (rt->reactor.fd < 0) return -ENOTSUP;
  if (rt->timer_fd >= 0) return rt->reactor.fd;
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return -errno;
  int err = art_reactor_watch(&rt->reactor, fd);
  if (err < 0) {
    close(fd);
    return err;
  }
  rt->timer_fd = fd;
  rt->alarm_ns = ART_NEVER;
  if (!rt->entered) art_runtime_expose(rt);
  return rt->reactor.fd;
}

static uint64_t until(uint64_t budget_ns) {
  uint64_t now = art_monotonic_ns();
  return budget_ns >= ART_NEVER - now ? ART_NEVER : now + budget_ns;
}

static bool is_late(uint64_t until_ns) {
  return until_ns != ART_NEVER && art_monotonic_ns() >= until_ns;
}

/* Runs until nothing is ready or the time is up. In a child of fork we would take the parent's events. */
static void run_ready(struct art_runtime *rt, uint64_t until_ns) {
  while (art_runtime_is_ours(rt)) {
    art_runtime_poll_drivers(rt);
    if (!art_executor_has_turn(&rt->executor)) return;
    art_executor_run(&rt->executor, ART_TURN_POLLS, until_ns);
    if (is_late(until_ns)) return;
  }
}

/* A host that advances a manual clock and ticks in every frame has made it with the advance. */
static void begin_frame(struct art_runtime *rt, bool advancing) {
  if (rt->frame != NULL && (advancing || !rt->advanced)) art_wake(rt->frame);
  rt->advanced = advancing;
}

void art_runtime_tick_inside(struct art_runtime *rt, uint64_t budget_ns) {
  uint64_t until_ns = until(budget_ns);
  rt->executor.ticking = true;
  art_executor_undefer(&rt->executor);
  begin_frame(rt, false);
  if (rt->timer_fd >= 0) art_runtime_wait_io(rt, 0); /* takes the notify back */
  if (!art_executor_ready(&rt->executor)) art_runtime_jump(rt);
  run_ready(rt, until_ns);
  rt->executor.ticking = false;
}

/* One stop of the manual clock: who yielded at the last one goes on, once. */
static void run_stop(struct art_runtime *rt, uint64_t until_ns) {
  art_executor_undefer(&rt->executor);
  run_ready(rt, until_ns);
}

/* From deadline to deadline, so that every task sees the time at which it was due. Once the time is up, what is due
** until the end is only made ready. */
static void advance_to(struct art_runtime *rt, uint64_t end_ns, uint64_t until_ns) {
  run_stop(rt, until_ns);
  while (!is_late(until_ns) && art_wheel_next(&rt->wheel) <= end_ns) {
    art_clock_set(&rt->clock, art_wheel_next(&rt->wheel));
    run_stop(rt, until_ns);
  }
  art_clock_set(&rt->clock, end_ns);
  art_runtime_advance_timers(rt);
  begin_frame(rt, true);
}

/* Hogs go on once the clock is there: a slice of theirs at every stop would leave the others none of the budget. */
void art_runtime_advance_inside(struct art_runtime *rt, uint64_t dt_ns, uint64_t budget_ns) {
  struct art_executor *ex = &rt->executor;
  uint64_t now = art_runtime_now_ns(rt), until_ns = until(budget_ns);
  ex->ticking = ex->hogs_wait = true;
  advance_to(rt, dt_ns >= ART_NEVER - now ? ART_NEVER - 1 : now + dt_ns, until_ns);
  ex->hogs_wait = false;
  if (!is_late(until_ns)) run_ready(rt, until_ns);
  ex->ticking = false;
}

/* A task may have forked: then this is the child's answer. */
static int leave_with_ready(struct art_runtime *rt) {
  art_runtime_leave(rt);
  return art_runtime_is_ours(rt) ? (int)art_runtime_ready(rt) : -ECHILD;
}

int art_runtime_tick(struct art_runtime *rt, uint64_t budget_ns) {
  int err = art_runtime_enter(rt);
  if (err < 0) return err;
  art_runtime_tick_inside(rt, budget_ns);
  return leave_with_ready(rt);
}

int art_runtime_advance(struct art_runtime *rt, uint64_t dt_ns, uint64_t budget_ns) {
  if (rt->clock.kind != ART_CLOCK_MANUAL) return -EINVAL;
  int err = art_runtime_enter(rt);
  if (err < 0) return err;
  art_runtime_advance_inside(rt, dt_ns, budget_ns);
  return leave_with_ready(rt);
}
