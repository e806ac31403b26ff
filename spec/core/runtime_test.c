/* The runtime: its clocks, what a run answers, several of them side by side, jobs on other threads, and that nothing is
** left of one that is closed. Every test runs once a driver. */
#include "runtime_fixture.h"

#include <signal.h>

#include "executor/runtime.h"
#include "executor/spawn.h"
#include "executor/turn.h"

#define SECOND UINT64_C(1000000000)
#define CENTURY (UINT64_C(100) * 365 * 24 * 3600 * SECOND)

static struct actor *start_sleeping(char name, uint64_t deadline_ns) {
  struct actor *s = cast(name, sleep_until);
  s->deadline_ns = deadline_ns;
  start(s);
  return s;
}

/* --- making one ------------------------------------------------------------------------------- */

static void all_defaults_will_do(void **state) {
  (void)state;
  struct art_runtime *plain = art_runtime_new(NULL);
  assert_non_null(plain);
  assert_int_equal(art_runtime_run(plain), 0);
  assert_int_equal(art_runtime_tick(plain, 0), 0);
  art_runtime_close(plain);
}

static void an_unknown_driver_is_refused(void **state) {
  (void)state;
  errno = 0;
  assert_null(new_runtime((struct art_config){.driver = "abacus"}));
  assert_int_equal(errno, EINVAL);
  struct art_runtime *best = new_runtime((struct art_config){.driver = "auto"});
  assert_non_null(best);
  art_runtime_close(best);
}

/* --- clocks ----------------------------------------------------------------------------------- */

static void a_clock_starts_near_zero(void **state) {
  (void)state;
  assert_true(art_runtime_now_ns(rt) < CENTURY / 100);
  use_clock(ART_CLOCK_VIRTUAL);
  assert_int_equal(art_runtime_now_ns(rt), 0);
  use_clock(ART_CLOCK_MANUAL);
  assert_int_equal(art_runtime_now_ns(rt), 0);
}

static void a_real_clock_waits_until_the_deadline(void **state) {
  (void)state;
  uint64_t deadline_ns = art_runtime_now_ns(rt) + SECOND / 1000;
  struct actor *s = start_sleeping('s', deadline_ns);
  run();
  assert_true(art_runtime_now_ns(rt) >= deadline_ns);
  assert_int_equal(s->drops, 1);
  assert_in_range(s->polls, 1, 2); /* none too early; on a slow day it never waits */
}

static enum art_poll note_time(struct actor *self) {
  if (sleep_until(self) == ART_PENDING) return ART_PENDING;
  assert_int_equal(art_runtime_now_ns(rt), self->deadline_ns);
  return ART_READY;
}

static void start_noting_time(char name, uint64_t deadline_ns) {
  struct actor *s = cast(name, note_time);
  s->deadline_ns = deadline_ns;
  start(s);
}

static void a_virtual_clock_jumps_from_deadline_to_deadline(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  start_noting_time('c', 5 * CENTURY);
  start_noting_time('a', 1);
  start_noting_time('b', CENTURY);
  start_noting_time('b', CENTURY);
  run();
  assert_string_equal(trace, "cabbabbc");
  assert_int_equal(art_runtime_now_ns(rt), 5 * CENTURY);
}

/* Every day of a century; and once more, in case a level of the wheel is only reached late. */
static enum art_poll live_from_day_to_day(struct actor *self) {
  const uint64_t day = 24 * 3600 * SECOND;
  while (sleep_until(self) == ART_READY) {
    assert_int_equal(art_runtime_now_ns(rt), self->deadline_ns);
    if (self->deadline_ns >= 2 * CENTURY) return ART_READY;
    self->deadline_ns += day;
  }
  return ART_PENDING;
}

static void a_virtual_clock_lives_through_centuries(void **state) {
  struct actor *a = cast(0, live_from_day_to_day);
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  start(a);
  run();
  assert_int_equal(a->polls, 2 * 36500 + 1);
  assert_int_equal(art_runtime_now_ns(rt), 2 * CENTURY);
}

static enum art_poll send_after_sleep(struct actor *self) {
  if (sleep_until(self) == ART_PENDING) return ART_PENDING;
  send_to(self->other);
  return ART_READY;
}

static void waits_on_peers_do_not_hold_a_virtual_clock(void **state) {
  struct actor *r = cast('r', receive), *s = cast_with('s', send_after_sleep, r);
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  give_socket(r);
  s->deadline_ns = CENTURY;
  start_sleeping('l', CENTURY + 1);
  start(r);
  start(s);
  run();
  assert_string_equal(trace, "lrssrl"); /* what is in the kernel goes before a jump */
}

static enum art_poll receive_and_stay(struct actor *self) {
  if (self->wishes == 0) self->wishes = receive(self) == ART_READY;
  return ART_PENDING;
}

#define IDLERS 130 /* more than the events that one look takes */

static void start_idlers(void) {
  for (int i = 0; i < IDLERS; i++) {
    struct actor *a = cast(0, receive_and_stay);
    give_socket(a);
    start(a);
  }
}

static void feed_idlers(void) {
  for (int i = 0; i < IDLERS; i++) send_to(&stage[i]);
}

/* Behind as many events that nobody waits for is one that somebody does. */
static void what_the_kernel_has_at_hand_goes_before_a_jump(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  start_idlers();
  struct actor *r = cast('r', receive);
  give_socket(r);
  start(r);
  start_sleeping('s', CENTURY);
  assert_int_equal(tick(), 0);
  feed_idlers();
  assert_int_equal(tick(), 0);
  feed_idlers();
  send_to(r);
  assert_int_equal(tick(), 0);
  assert_string_equal(trace, "rsr");
  assert_int_equal(art_runtime_now_ns(rt), 0);
}

static enum art_poll wake_other_after_sleep(struct actor *self) {
  if (sleep_until(self) == ART_PENDING) return ART_PENDING;
  art_waker_wake(self->other->waker);
  return ART_READY;
}

static void handles_and_wakers_do_not_hold_a_virtual_clock(void **state) {
  struct actor *w = cast('w', await_wake), *s = cast_with('s', wake_other_after_sleep, w);
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  s->deadline_ns = CENTURY;
  start(w);
  spawn(s);
  run();
  assert_string_equal(trace, "wssw");
  assert_int_equal(art_runtime_now_ns(rt), CENTURY);
  art_task_unref(s->task);
}

static void never_is_never(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  start_sleeping('n', ART_NEVER);
  start_sleeping('l', ART_NEVER - 1);
  run_until_stuck();
  assert_string_equal(trace, "nll");
  assert_int_equal(art_runtime_now_ns(rt), ART_NEVER - 1);
}

static enum art_poll sleep_anew(struct actor *self) {
  if (self->polls == 1) {
    self->deadline_ns = 50;
    assert_int_equal(sleep_until(self), ART_PENDING);
    self->deadline_ns = 10; /* another deadline takes the place of the first */
  } else if (self->polls == 2) {
    assert_int_equal(art_runtime_now_ns(rt), 10);
    assert_int_equal(sleep_until(self), ART_READY);
    self->deadline_ns = 20;
  } else {
    assert_int_equal(art_runtime_now_ns(rt), 20);
  }
  return sleep_until(self);
}

static void a_sleep_has_one_deadline_at_a_time(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  start(cast('s', sleep_anew));
  run();
  assert_string_equal(trace, "sss");
  assert_int_equal(art_runtime_now_ns(rt), 20);
}

static enum art_poll sleep_on_others_sleep(struct actor *self) {
  return art_sleep(self->cx, self->other->sleep, 10);
}

static void a_sleep_wakes_whoever_polled_it_last(void **state) {
  struct actor *a = cast('a', sleep_until), *b = cast_with('b', sleep_on_others_sleep, a);
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  a->deadline_ns = 10;
  start(a);
  start(b);
  run_until_stuck();
  assert_string_equal(trace, "abb");
}

static enum art_poll free_sleep_and_go_on(struct actor *self) {
  if (self->polls == 1) {
    self->deadline_ns = 10;
    assert_int_equal(sleep_until(self), ART_PENDING);
    art_sleep_free(self->sleep);
    self->sleep = NULL;
    self->deadline_ns = 20;
  }
  return sleep_until(self);
}

static void a_sleep_that_was_freed_wakes_nobody(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  start(cast('s', free_sleep_and_go_on));
  run();
  assert_string_equal(trace, "ss");
}

/* --- what a run answers ----------------------------------------------------------------------- */

static void a_run_without_tasks_ends_at_once(void **state) {
  (void)state;
  run();
  run();
}

static void a_run_is_stuck_when_nothing_can_wake_anybody(void **state) {
  struct actor *w = cast('w', await_wake);
  (void)state;
  start(w);
  start(cast('n', stay));
  start(cast('f', finish));
  struct actor *s = cast('s', stay);
  spawn(s);
  assert_int_equal(tick(), 0);
  art_task_unref(s->task);
  art_waker_wake(w->waker);
  run_until_stuck();
  run_until_stuck(); /* still */
  assert_string_equal(trace, "wnfsw");
}

static void a_manual_clock_does_not_keep_a_run_waiting(void **state) {
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  start_sleeping('s', 1);
  run_until_stuck();
  assert_int_equal(art_runtime_advance(rt, 1, ART_NEVER), 0);
  run();
}

/* Lets go of a waker, or of a handle, when the runtime sleeps or a little before. */
static void *wake_and_drop(void *waker) {
  art_waker_wake(waker);
  art_waker_drop(waker);
  return NULL;
}

static void *cancel_and_unref(void *task) {
  art_task_cancel(task);
  art_task_unref(task);
  return NULL;
}

static enum art_poll finish_when_woken(struct actor *self) {
  return self->polls == 1 ? ART_PENDING : ART_READY;
}

static void a_run_waits_for_whoever_holds_a_waker_or_a_handle(void **state) {
  (void)state;
  for (int round = 0; round < 100; round++) {
    struct actor *w = cast(0, finish_when_woken), *h = cast(0, stay);
    struct art_waker *waker = art_waker_clone(art_task_waker(spawn(w)));
    art_task_unref(w->task);
    spawn(h);
    pthread_t a = start_thread(wake_and_drop, waker), b = start_thread(cancel_and_unref, h->task);
    run();
    assert_int_equal(pthread_join(a, NULL), 0);
    assert_int_equal(pthread_join(b, NULL), 0);
    assert_int_equal(w->drops + h->drops, 2);
  }
}

static void a_wake_at_the_door_counts_though_nobody_holds_a_waker_any_more(void **state) {
  struct actor *w = cast('w', finish_when_woken);
  (void)state;
  struct art_waker *waker = art_waker_clone(art_task_waker(spawn(w)));
  art_task_unref(w->task);
  assert_int_equal(tick(), 0);
  elsewhere(wake_and_drop, waker);
  run();
  assert_int_equal(w->drops, 1);
}

static void do_nothing_with(int number) {
  (void)number;
}

static atomic_bool interrupted;

static void *interrupt(void *thread) {
  while (!atomic_load(&interrupted)) {
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    sched_yield();
  }
  return NULL;
}

static void a_signal_ends_a_run_that_can_go_on(void **state) {
  struct actor *r = cast('r', receive);
  struct sigaction action = {.sa_handler = do_nothing_with}, before;
  pthread_t self = pthread_self();
  (void)state;
  assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
  give_socket(r);
  start(r);
  atomic_store(&interrupted, false);
  pthread_t thread = start_thread(interrupt, &self);
  assert_int_equal(art_runtime_run(rt), -EINTR);
  atomic_store(&interrupted, true);
  assert_int_equal(pthread_join(thread, NULL), 0);
  send_to(r);
  run();
  assert_string_equal(trace, "rr");
  assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

/* --- several ---------------------------------------------------------------------------------- */

static enum art_poll run_another_runtime(struct actor *self) {
  struct art_runtime *outer = rt;
  rt = new_runtime((struct art_config){.clock = ART_CLOCK_VIRTUAL});
  assert_non_null(rt);
  start_sleeping('i', CENTURY);
  struct actor *w = cast_with('w', await_wake, self);
  start(w);
  assert_int_equal(tick(), 0);
  art_waker_wake(w->waker);
  wake_self(self); /* the outer one's task, while the inner one could run */
  run();
  art_runtime_close(rt);
  rt = outer;
  return self->polls == 1 ? ART_PENDING : ART_READY;
}

static void a_poll_may_run_another_runtime(void **state) {
  (void)state;
  start(cast('o', run_another_runtime));
  run();
  assert_string_equal(trace, "oiwwioiwwi");
}

static enum art_poll wake_other_and_wish(struct actor *self) {
  if (self->other->waker != NULL) art_waker_wake(self->other->waker);
  return stay_wakeable(self);
}

static void two_runtimes_of_a_thread_wake_each_other(void **state) {
  struct actor *a = cast('a', wake_other_and_wish), *b = cast_with('b', wake_other_and_wish, a);
  (void)state;
  struct art_runtime *first = rt, *second = new_runtime((struct art_config){.seeded = true});
  assert_non_null(second);
  a->other = b;
  start(a);
  rt = second;
  start(b);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(art_runtime_tick(first, ART_NEVER), 0);
    assert_int_equal(art_runtime_tick(second, ART_NEVER), 0);
  }
  assert_string_equal(trace, "abababab");
  art_runtime_close(first); /* what b holds is a's waker, which now does nothing */
  a->waker = NULL;
  assert_int_equal(a->drops, 1);
}

/* A ring of runtimes, one a thread, that hand a token round. */
#define RING 4
#define ROUNDS 200

struct member {
  struct art_runtime *runtime;
  struct art_waker
      *waker; /* of its task; the runtime's thread makes it, the one before it uses it */
  struct member *next;
  atomic_uint token; /* rounds that have reached it */
  unsigned passed;
};

static struct member ring[RING];
static pthread_barrier_t all_ready;

static enum art_poll pass_token(struct art_poll_cx *cx, void *state) {
  struct member *m = state;
  (void)cx;
  while (m->passed < atomic_load_explicit(&m->token, memory_order_relaxed)) {
    m->passed++;
    bool is_last = m->next == ring;
    if (is_last && m->passed == ROUNDS) break;
    atomic_fetch_add_explicit(&m->next->token, 1, memory_order_relaxed);
    art_waker_wake(m->next->waker);
  }
  return m->passed == ROUNDS ? ART_READY : ART_PENDING;
}

static void *run_member(void *arg) {
  struct member *m = arg;
  m->runtime = new_runtime((struct art_config){.clock = ART_CLOCK_REAL});
  struct art_task *task = art_spawn(m->runtime, pass_token, m, NULL);
  m->waker = art_waker_clone(art_task_waker(task));
  art_task_unref(task);
  pthread_barrier_wait(&all_ready);
  int result = art_runtime_run(m->runtime);
  art_runtime_close(m->runtime);
  return result == 0 ? m : NULL;
}

static void runtimes_of_several_threads_wake_each_other(void **state) {
  pthread_t thread[RING];
  (void)state;
  assert_int_equal(pthread_barrier_init(&all_ready, NULL, RING), 0);
  for (int i = 0; i < RING; i++) {
    ring[i].passed = 0;
    ring[i].next = &ring[(i + 1) % RING];
    atomic_init(&ring[i].token, i == 0);
  }
  for (int i = 0; i < RING; i++) thread[i] = start_thread(run_member, &ring[i]);
  for (int i = 0; i < RING; i++) {
    void *result;
    assert_int_equal(pthread_join(thread[i], &result), 0);
    assert_ptr_equal(result, &ring[i]);
    assert_int_equal(ring[i].passed, ROUNDS);
  }
  for (int i = 0; i < RING; i++) art_waker_drop(ring[i].waker);
  pthread_barrier_destroy(&all_ready);
}

/* --- jobs ------------------------------------------------------------------------------------- */

struct gate {
  struct art_job job;
  int fd[2]; /* its run waits for a byte */
  struct actor *client, *heir;
  uint64_t completed_ns;
  unsigned completed, dropped;
};

static struct gate gate;

static void wait_at_gate(struct art_job *job) {
  char byte;
  (void)job;
  if (read(gate.fd[0], &byte, 1) != 1) abort();
}

static void complete_job(struct art_job *job) {
  (void)job;
  gate.completed++;
  gate.completed_ns = art_runtime_now_ns(rt);
  if (gate.client != NULL) art_waker_wake(gate.client->waker);
  if (gate.heir != NULL) start(gate.heir);
}

static void drop_job(struct art_job *job) {
  (void)job;
  gate.dropped++;
}

static void submit_gate(struct actor *client) {
  gate = (struct gate){.client = client};
  gate.job.run = wait_at_gate;
  gate.job.complete = complete_job;
  gate.job.drop = drop_job;
  assert_int_equal(pipe(gate.fd), 0);
  assert_int_equal(art_runtime_submit_job(rt, &gate.job), 0);
}

static void open_gate(void) {
  assert_int_equal(write(gate.fd[1], "x", 1), 1);
}

static void tear_gate_down(void) {
  close_runtime();
  await_free(); /* of the pool's threads */
  close(gate.fd[0]);
  close(gate.fd[1]);
}

static void a_run_waits_for_jobs(void **state) {
  struct actor *w = cast('w', await_wake), *n = cast('n', stay);
  (void)state;
  start(w);
  submit_gate(w);
  open_gate();
  run();
  assert_int_equal(gate.completed, 1);
  start(n);
  run_until_stuck(); /* the pool that is there now wakes nobody by itself */
  tear_gate_down();
}

static void a_job_holds_a_virtual_clock(void **state) {
  struct actor *w = cast('w', await_wake);
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  start(w);
  start_sleeping('s', SECOND);
  submit_gate(w);
  for (int i = 0; i < 5; i++) assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_enter(rt), 0);
  assert_false(art_runtime_jump(rt));
  art_runtime_leave(rt);
  open_gate();
  run();
  assert_int_equal(gate.completed_ns, 0);
  assert_int_equal(art_runtime_now_ns(rt), SECOND);
  assert_string_equal(trace, "wsws");
  tear_gate_down();
}

static void a_job_that_came_back_is_completed_by_the_close(void **state) {
  struct actor *n = cast('n', stay);
  (void)state;
  submit_gate(NULL);
  gate.heir = cast('h', finish);
  start(n);
  assert_int_equal(tick(), 0);
  open_gate();
  while (art_inbox_empty(rt->inbox)) sched_yield();
  close_runtime();
  assert_int_equal(gate.completed, 1);
  assert_int_equal(n->drops, 1);
  assert_int_equal(gate.heir->drops, 1);
  assert_int_equal(gate.heir->polls, 0);
  close(gate.fd[0]);
  close(gate.fd[1]);
  await_free();
}

/* --- close ------------------------------------------------------------------------------------ */

static void close_takes_what_waits_with_it(void **state) {
  struct actor *r = cast('r', receive), *s = cast('s', sleep_until);
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  give_socket(r);
  s->deadline_ns = CENTURY;
  start(r);
  start(s);
  (void)art_runtime_fd(rt);
  submit_gate(NULL);
  assert_int_equal(tick(), 0);
  assert_int_equal(rt->reactor.pending, 1);
  close_runtime(); /* does not wait for the job */
  assert_int_equal(r->drops + s->drops, 2);
  open_gate();
  await_free();
  assert_int_equal(gate.completed, 0);
  assert_int_equal(gate.dropped, 1);
  close(gate.fd[0]);
  close(gate.fd[1]);
}

static void a_runtime_without_tasks_leaves_nothing(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) use_clock((enum art_clock_kind)(i % 3));
  assert_int_equal(open_descriptors() - descriptors_before, 2); /* of the last one */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_RUNTIME(all_defaults_will_do),
      ON_RUNTIME(an_unknown_driver_is_refused),
      ON_RUNTIME(a_clock_starts_near_zero),
      ON_RUNTIME(a_real_clock_waits_until_the_deadline),
      ON_RUNTIME(a_virtual_clock_jumps_from_deadline_to_deadline),
      ON_RUNTIME(a_virtual_clock_lives_through_centuries),
      ON_RUNTIME(waits_on_peers_do_not_hold_a_virtual_clock),
      ON_RUNTIME(what_the_kernel_has_at_hand_goes_before_a_jump),
      ON_RUNTIME(handles_and_wakers_do_not_hold_a_virtual_clock),
      ON_RUNTIME(never_is_never),
      ON_RUNTIME(a_sleep_has_one_deadline_at_a_time),
      ON_RUNTIME(a_sleep_wakes_whoever_polled_it_last),
      ON_RUNTIME(a_sleep_that_was_freed_wakes_nobody),
      ON_RUNTIME(a_run_without_tasks_ends_at_once),
      ON_RUNTIME(a_run_is_stuck_when_nothing_can_wake_anybody),
      ON_RUNTIME(a_manual_clock_does_not_keep_a_run_waiting),
      ON_RUNTIME(a_run_waits_for_whoever_holds_a_waker_or_a_handle),
      ON_RUNTIME(a_wake_at_the_door_counts_though_nobody_holds_a_waker_any_more),
      ON_RUNTIME(a_signal_ends_a_run_that_can_go_on),
      ON_RUNTIME(a_poll_may_run_another_runtime),
      ON_RUNTIME(two_runtimes_of_a_thread_wake_each_other),
      ON_RUNTIME(runtimes_of_several_threads_wake_each_other),
      ON_RUNTIME(a_run_waits_for_jobs),
      ON_RUNTIME(a_job_holds_a_virtual_clock),
      ON_RUNTIME(a_job_that_came_back_is_completed_by_the_close),
      ON_RUNTIME(close_takes_what_waits_with_it),
      ON_RUNTIME(a_runtime_without_tasks_leaves_nothing),
  };
  int failed = 0;
  while (next_driver()) failed += cmocka_run_group_tests_name(driver, tests, NULL, NULL);
  return failed;
}
