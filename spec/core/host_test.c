/* A host's own loop around the runtime: ticks, the manual clock, how long there is nothing to do, and the descriptor that
** says when there is. Every test runs once a driver, but those of the descriptor, which poll has not. */
#include "runtime_fixture.h"

#include <sys/epoll.h>
#include <sys/wait.h>

#include "executor/runtime.h"
#include "executor/turn.h"

#define SECOND UINT64_C(1000000000)

static struct actor *start_sleeping(char name, uint64_t deadline_ns) {
  struct actor *s = cast(name, sleep_until);
  s->deadline_ns = deadline_ns;
  start(s);
  return s;
}

/* --- how long there is nothing to do ---------------------------------------------------------- */

static void next_is_exact_on_a_clock_that_stands(void **state) {
  (void)state;
  for (enum art_clock_kind clock = ART_CLOCK_VIRTUAL; clock <= ART_CLOCK_MANUAL; clock++) {
    use_clock(clock);
    assert_int_equal(art_runtime_next_ns(rt), ART_NEVER);
    start(cast('n', stay));
    start_sleeping('s', 5 * SECOND + 7);
    start_sleeping('s', 9 * SECOND);
    assert_int_equal(art_runtime_next_ns(rt), 0);
    assert_int_equal(art_runtime_tick(rt, 0), 2);
    assert_int_equal(art_runtime_next_ns(rt), 0);
    assert_int_equal(tick(), 0);
    assert_int_equal(art_runtime_next_ns(rt), 5 * SECOND + 7);
  }
  assert_int_equal(art_runtime_advance(rt, 2 * SECOND, ART_NEVER), 0);
  assert_int_equal(art_runtime_next_ns(rt), 3 * SECOND + 7);
  assert_int_equal(art_runtime_advance(rt, 5 * SECOND, ART_NEVER), 0);
  assert_int_equal(art_runtime_next_ns(rt), 2 * SECOND);
  assert_int_equal(art_runtime_advance(rt, 2 * SECOND, ART_NEVER), 0);
  assert_int_equal(art_runtime_next_ns(rt), ART_NEVER);
}

static void next_never_exceeds_what_is_left_of_a_real_wait(void **state) {
  (void)state;
  uint64_t deadline_ns = art_runtime_now_ns(rt) + 3600 * SECOND;
  start_sleeping('s', deadline_ns);
  assert_int_equal(tick(), 0);
  uint64_t before = deadline_ns - art_runtime_now_ns(rt), next = art_runtime_next_ns(rt);
  assert_true(next <= before);
  assert_true(next >= deadline_ns - art_runtime_now_ns(rt));
}

static void a_wake_that_waits_at_the_door_is_something_to_do(void **state) {
  struct actor *w = cast('w', stay_wakeable);
  (void)state;
  start(w);
  assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_next_ns(rt), ART_NEVER);
  elsewhere(wake_it, w->waker);
  assert_int_equal(art_runtime_next_ns(rt), 0);
  assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_next_ns(rt), ART_NEVER);
  art_waker_wake(w->waker);
  assert_int_equal(art_runtime_next_ns(rt), 0);
  assert_string_equal(trace, "ww");
}

static struct art_timer outer;

static enum art_poll await_outer_deadline(struct actor *self) {
  if (self->polls == 2) return ART_READY;
  outer = (struct art_timer){.waker = art_poll_waker(self->cx)};
  uint64_t now_ns = art_runtime_outer_now_ns(rt);
  art_wheel_arm(art_runtime_outer_wheel(rt), &outer, now_ns + self->deadline_ns);
  return ART_PENDING;
}

static void deadlines_of_the_outside_world_pass_though_a_manual_clock_stands(void **state) {
  struct actor *o = cast('o', await_outer_deadline);
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  o->deadline_ns = 3600 * SECOND;
  start(o);
  start_sleeping('s', 2 * 3600 * SECOND);
  assert_int_equal(tick(), 0);
  assert_in_range(art_runtime_next_ns(rt), 1, 3600 * SECOND);
  start_sleeping('t', 1);
  assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_next_ns(rt), 1);
  assert_int_equal(art_runtime_advance(rt, 2 * 3600 * SECOND, ART_NEVER), 0);
  assert_string_equal(trace, "ostts");
  art_wheel_disarm(&rt->outer_wheel, &outer);
  o = cast('o', await_outer_deadline);
  o->deadline_ns = 1;
  start(o);
  clear_trace();
  while (o->drops == 0) assert_int_equal(tick(), 0); /* real time: it comes by itself */
  assert_string_equal(trace, "oo");
}

/* --- ticks ------------------------------------------------------------------------------------ */

static void a_tick_does_not_wait(void **state) {
  struct actor *r = cast('r', receive), *w = cast('w', await_wake);
  (void)state;
  give_socket(r);
  start(r);
  start(w);
  start_sleeping('s', ART_NEVER - 1);
  assert_int_equal(tick(), 0);
  assert_int_equal(tick(), 0);
  assert_string_equal(trace, "rws");
  send_to(r);
  art_waker_wake(w->waker);
  assert_int_equal(tick(), 0);
  assert_string_equal(trace, "rwsrw");
}

static void a_tick_of_a_virtual_clock_jumps_when_nothing_is_ready(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  start_sleeping('a', SECOND);
  start_sleeping('b', 2 * SECOND);
  assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_now_ns(rt), 0);
  assert_int_equal(art_runtime_alarm_ns(rt), ART_NEVER); /* not by itself */
  assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_now_ns(rt), SECOND);
  assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_now_ns(rt), 2 * SECOND);
  assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_now_ns(rt), 2 * SECOND);
  assert_string_equal(trace, "abab");
}

static void ticks_and_runs_take_turns(void **state) {
  struct actor *a = cast('a', wish);
  (void)state;
  a->wishes = 3;
  start(a);
  start(cast('n', stay));
  assert_int_equal(art_runtime_tick(rt, 0), 2); /* it asked for more */
  run_until_stuck();
  start(cast('b', finish));
  assert_int_equal(tick(), 0);
  start(cast('c', finish));
  run_until_stuck();
  assert_string_equal(trace, "anaaabc");
}

/* --- the manual clock ------------------------------------------------------------------------- */

static void only_a_manual_clock_can_be_advanced(void **state) {
  (void)state;
  assert_int_equal(art_runtime_advance(rt, 1, ART_NEVER), -EINVAL);
  use_clock(ART_CLOCK_VIRTUAL);
  assert_int_equal(art_runtime_advance(rt, 1, ART_NEVER), -EINVAL);
  assert_int_equal(art_runtime_now_ns(rt), 0);
}

static enum art_poll sleep_thrice(struct actor *self) {
  while (sleep_until(self) == ART_READY) {
    assert_int_equal(art_runtime_now_ns(rt), self->deadline_ns);
    if (self->wishes-- == 0) return ART_READY;
    self->deadline_ns += SECOND;
  }
  return ART_PENDING;
}

static void an_advance_goes_from_deadline_to_deadline(void **state) {
  struct actor *a = cast('a', sleep_thrice), *b = cast('b', sleep_thrice);
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  a->deadline_ns = SECOND;
  b->deadline_ns = SECOND * 3 / 2;
  a->wishes = b->wishes = 2;
  start(a);
  start(b);
  assert_int_equal(art_runtime_advance(rt, 0, ART_NEVER), 0);
  assert_string_equal(trace, "ab");
  assert_int_equal(art_runtime_advance(rt, SECOND - 1, ART_NEVER), 0);
  assert_string_equal(trace, "ab");
  assert_int_equal(art_runtime_advance(rt, 1, ART_NEVER), 0);
  assert_string_equal(trace, "aba");
  assert_int_equal(art_runtime_advance(rt, 9 * SECOND, ART_NEVER), 0);
  assert_string_equal(trace, "abababab");
  assert_int_equal(art_runtime_now_ns(rt), 10 * SECOND);
  run();
}

static enum art_poll wake_other_after_sleep(struct actor *self) {
  if (sleep_until(self) == ART_PENDING) return ART_PENDING;
  art_waker_wake(self->other->waker);
  return ART_READY;
}

static enum art_poll note_time_when_woken(struct actor *self) {
  if (await_wake(self) == ART_PENDING) return ART_PENDING;
  assert_int_equal(art_runtime_now_ns(rt), self->deadline_ns);
  return ART_READY;
}

static void who_is_woken_at_a_stop_runs_at_its_time(void **state) {
  struct actor *w = cast('w', note_time_when_woken), *s = cast_with('s', wake_other_after_sleep, w);
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  w->deadline_ns = s->deadline_ns = SECOND;
  start(w);
  start(s);
  start_sleeping('l', 2 * SECOND);
  assert_int_equal(art_runtime_advance(rt, 3 * SECOND, ART_NEVER), 0);
  assert_string_equal(trace, "wslswl");
  run();
}

static void what_an_advance_has_no_time_for_is_left_to_the_next_tick(void **state) {
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  for (char name = 'a'; name <= 'd'; name++) start_sleeping(name, SECOND * (uint64_t)('e' - name));
  assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_advance(rt, SECOND * 7 / 2, 0), 3);
  assert_int_equal(art_runtime_now_ns(rt), SECOND * 7 / 2); /* arrives all the same */
  assert_int_equal(art_runtime_next_ns(rt), 0);
  assert_int_equal(tick(), 0);
  assert_string_equal(trace, "abcddcb");
  assert_int_equal(art_runtime_advance(rt, SECOND, 0), 1);
  assert_int_equal(art_runtime_tick(rt, 0), 0);
  assert_string_equal(trace, "abcddcba");
}

static void an_advance_beyond_all_time_stops_before_never(void **state) {
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  start_sleeping('l', ART_NEVER - 1);
  start_sleeping('n', ART_NEVER);
  assert_int_equal(art_runtime_advance(rt, 5, ART_NEVER), 0);
  assert_int_equal(art_runtime_advance(rt, ART_NEVER, ART_NEVER), 0);
  assert_int_equal(art_runtime_now_ns(rt), ART_NEVER - 1);
  assert_int_equal(art_runtime_advance(rt, 5, ART_NEVER), 0);
  assert_int_equal(art_runtime_now_ns(rt), ART_NEVER - 1);
  assert_string_equal(trace, "lnl");
}

/* --- the descriptor --------------------------------------------------------------------------- */

static int fd;

static bool poll_says_ready(void) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, 0) == 1;
}

/* Asked through poll and through an epoll that it is nested in. */
static bool is_readable(void) {
  struct epoll_event event = {.events = EPOLLIN};
  bool by_poll = poll_says_ready();
  int outer_fd = epoll_create1(EPOLL_CLOEXEC);
  assert_int_equal(epoll_ctl(outer_fd, EPOLL_CTL_ADD, fd, &event), 0);
  bool by_epoll = epoll_wait(outer_fd, &event, 1, 0) == 1;
  close(outer_fd);
  assert_int_equal(by_poll, by_epoll);
  return by_poll;
}

static void await_readable(void) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  assert_int_equal(poll(&p, 1, -1), 1);
}

static void expose(void) {
  fd = art_runtime_fd(rt);
  assert_true(fd >= 0);
  assert_int_equal(art_runtime_fd(rt), fd);
}

/* There is something to do, and after a tick there is not. */
static void assert_busy_once(void) {
  assert_true(is_readable());
  assert_int_equal(tick(), 0);
  assert_false(is_readable());
}

static void it_is_not_readable_when_there_is_nothing_to_do(void **state) {
  (void)state;
  expose();
  assert_false(is_readable());
  start(cast('n', stay));
  start_sleeping('s', ART_NEVER - 1);
  start_sleeping('s', ART_NEVER);
  assert_busy_once();
  for (int i = 0; i < 3; i++) {
    assert_int_equal(tick(), 0);
    assert_false(is_readable());
  }
}

static void it_is_readable_for_io(void **state) {
  struct actor *r = cast('r', receive);
  (void)state;
  give_socket(r);
  start(r);
  assert_int_equal(tick(), 0);
  expose();
  assert_false(is_readable());
  send_to(r);
  assert_busy_once();
  assert_int_equal(r->drops, 1);
}

static void it_is_readable_for_wakes_from_elsewhere(void **state) {
  struct actor *w = cast('w', stay_wakeable);
  (void)state;
  expose();
  start(w);
  assert_busy_once();
  for (int i = 0; i < 3; i++) {
    elsewhere(wake_it, w->waker);
    elsewhere(wake_it, w->waker);
    assert_busy_once();
  }
  pthread_t thread = start_thread(wake_it, w->waker);
  await_readable();
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_busy_once();
  assert_int_equal(w->polls, 5);
}

static void it_is_readable_for_what_the_host_makes_ready(void **state) {
  struct actor *w = cast('w', stay_wakeable), *c = cast('c', stay);
  (void)state;
  expose();
  start(w);
  spawn(c);
  assert_busy_once();
  art_waker_wake(w->waker);
  assert_busy_once();
  art_task_cancel(c->task);
  assert_busy_once();
  art_task_unref(c->task);
  assert_int_equal(c->drops, 1);
}

static void it_stays_readable_while_tasks_are_ready(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) start(cast('r', finish));
  expose(); /* asked for when there is something to do already */
  for (int left = 2; left >= 0; left--) {
    assert_true(is_readable());
    assert_int_equal(art_runtime_tick(rt, 0), left);
  }
  assert_false(is_readable());
}

static void it_becomes_readable_when_a_timer_is_due(void **state) {
  (void)state;
  expose();
  struct actor *s = start_sleeping('s', art_runtime_now_ns(rt) + 3600 * SECOND);
  assert_busy_once();
  struct actor *soon = start_sleeping('t', art_runtime_now_ns(rt) + SECOND / 1000);
  while (soon->drops == 0) { /* real time: perhaps it is due before it waits */
    await_readable();
    assert_int_equal(tick(), 0);
  }
  assert_int_equal(s->polls, 1);
  assert_in_range(soon->polls, 1, 2);
  assert_false(is_readable());
}

static void it_forgets_timers_that_are_gone(void **state) {
  struct actor *s = cast('s', sleep_until);
  (void)state;
  expose();
  s->deadline_ns = art_runtime_now_ns(rt) + SECOND / 1000;
  spawn(s);
  assert_int_equal(tick(), 0);
  art_task_cancel(s->task);
  assert_int_equal(tick(), 0);
  art_task_unref(s->task);
  while (art_runtime_now_ns(rt) < s->deadline_ns + SECOND / 1000) sched_yield();
  assert_false(is_readable());
}

static void it_becomes_readable_when_the_outside_world_is_due(void **state) {
  struct actor *o = cast('o', await_outer_deadline);
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  expose();
  start_sleeping('s', 1);
  o->deadline_ns = SECOND / 1000;
  start(o);
  assert_int_equal(tick(), 0);
  while (o->drops == 0) {
    await_readable();
    assert_int_equal(tick(), 0);
  }
  assert_string_equal(trace, "soo");
  assert_false(is_readable()); /* a manual deadline does not come by itself */
}

static void it_is_readable_when_a_manual_clock_has_left_something(void **state) {
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  expose();
  start_sleeping('s', 1);
  assert_busy_once();
  assert_int_equal(art_runtime_advance(rt, 1, 0), 1);
  assert_busy_once();
  assert_int_equal(art_runtime_advance(rt, 1, ART_NEVER), 0);
  assert_false(is_readable());
}

static void it_is_readable_when_a_virtual_clock_can_jump(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  expose();
  assert_false(is_readable());
  start_sleeping('s', 3600 * SECOND);
  assert_true(is_readable());
  assert_int_equal(tick(), 0);
  assert_busy_once(); /* the jump */
  assert_string_equal(trace, "ss");
}

static void it_goes_on_after_a_run(void **state) {
  (void)state;
  expose();
  start(cast('n', stay));
  run_until_stuck();
  start(cast('f', finish));
  assert_busy_once();
  run_until_stuck();
  assert_false(is_readable());
}

static enum art_poll expose_inside(struct actor *self) {
  expose();
  return wish(self);
}

static void a_child_of_fork_takes_nothing_from_it(void **state) {
  struct actor *r = cast('r', receive);
  int status;
  (void)state;
  expose();
  give_socket(r);
  start(r);
  assert_int_equal(tick(), 0);
  send_to(r);
  pid_t child = fork();
  if (child == 0) _exit(tick() == -ECHILD && tick() == -ECHILD ? 0 : 1);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_busy_once();
  assert_int_equal(r->drops, 1);
}

static void it_may_be_asked_for_in_a_poll(void **state) {
  (void)state;
  struct actor *e = cast('e', expose_inside);
  e->wishes = 2;
  start(e);
  assert_int_equal(tick(), 0);
  assert_false(is_readable());
  start(cast('f', finish));
  assert_busy_once();
}

static void it_drives_a_nested_runtime(void **state) {
  struct actor *r = cast('r', receive), *w = cast('w', await_wake);
  (void)state;
  expose();
  give_socket(r);
  start(r);
  start(w);
  start_sleeping('s', art_runtime_now_ns(rt) + SECOND / 1000);
  assert_int_equal(tick(), 0);
  send_to(r);
  pthread_t thread = start_thread(wake_it, w->waker);
  while (rt->executor.live > 0) {
    await_readable();
    assert_true(tick() >= 0);
  }
  assert_int_equal(pthread_join(thread, NULL), 0);
}

static void poll_has_none(void **state) {
  (void)state;
  driver = "poll";
  use_clock(ART_CLOCK_REAL);
  assert_int_equal(art_runtime_fd(rt), -ENOTSUP);
  start(cast(0, finish));
  assert_int_equal(tick(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_RUNTIME(next_is_exact_on_a_clock_that_stands),
      ON_RUNTIME(next_never_exceeds_what_is_left_of_a_real_wait),
      ON_RUNTIME(a_wake_that_waits_at_the_door_is_something_to_do),
      ON_RUNTIME(deadlines_of_the_outside_world_pass_though_a_manual_clock_stands),
      ON_RUNTIME(a_tick_does_not_wait),
      ON_RUNTIME(a_tick_of_a_virtual_clock_jumps_when_nothing_is_ready),
      ON_RUNTIME(ticks_and_runs_take_turns),
      ON_RUNTIME(only_a_manual_clock_can_be_advanced),
      ON_RUNTIME(an_advance_goes_from_deadline_to_deadline),
      ON_RUNTIME(who_is_woken_at_a_stop_runs_at_its_time),
      ON_RUNTIME(what_an_advance_has_no_time_for_is_left_to_the_next_tick),
      ON_RUNTIME(an_advance_beyond_all_time_stops_before_never),
  };
  const struct CMUnitTest descriptor_tests[] = {
      ON_RUNTIME(it_is_not_readable_when_there_is_nothing_to_do),
      ON_RUNTIME(it_is_readable_for_io),
      ON_RUNTIME(it_is_readable_for_wakes_from_elsewhere),
      ON_RUNTIME(it_is_readable_for_what_the_host_makes_ready),
      ON_RUNTIME(it_stays_readable_while_tasks_are_ready),
      ON_RUNTIME(it_becomes_readable_when_a_timer_is_due),
      ON_RUNTIME(it_forgets_timers_that_are_gone),
      ON_RUNTIME(it_becomes_readable_when_the_outside_world_is_due),
      ON_RUNTIME(it_is_readable_when_a_manual_clock_has_left_something),
      ON_RUNTIME(it_is_readable_when_a_virtual_clock_can_jump),
      ON_RUNTIME(it_goes_on_after_a_run),
      ON_RUNTIME(a_child_of_fork_takes_nothing_from_it),
      ON_RUNTIME(it_may_be_asked_for_in_a_poll),
      ON_RUNTIME(it_drives_a_nested_runtime),
      ON_RUNTIME(poll_has_none),
  };
  int failed = 0;
  while (next_driver()) failed += cmocka_run_group_tests_name(driver, tests, NULL, NULL);
  failed += cmocka_run_group_tests_name("descriptor", descriptor_tests, NULL, NULL);
  return failed;
}
