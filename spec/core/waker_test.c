/* Wakers: a wake is never lost, N wakes before a poll are one poll, what was written before a wake is seen by the poll
** that follows, and a waker may be used at any time, whatever became of task and runtime. */
#include "runtime_fixture.h"

#include "executor/runtime.h"
#include "executor/spawn.h"

/* --- one poll a wake -------------------------------------------------------------------------- */

static enum art_poll wake_in_first_poll(struct actor *self) {
  for (unsigned i = 0; self->polls == 1 && i < self->wishes; i++) wake_self(self);
  return ART_PENDING;
}

static void woken_while_it_runs_it_is_polled_once_more(void **state) {
  (void)state;
  for (unsigned wakes = 0; wakes < 4; wakes++) {
    struct actor *a = cast(0, wake_in_first_poll);
    a->wishes = wakes;
    start(a);
    run_until_stuck();
    assert_int_equal(a->polls, wakes == 0 ? 1 : 2);
  }
}

static enum art_poll wake_both_ways_in_first_poll(struct actor *self) {
  if (self->polls > 1) return ART_PENDING;
  struct art_waker *clone = art_waker_clone(art_poll_waker(self->cx));
  art_waker_wake(clone);
  wake_self(self);
  art_waker_wake(clone);
  art_waker_drop(clone);
  return ART_PENDING;
}

static void a_clone_is_as_good_as_the_borrowed_waker(void **state) {
  struct actor *a = cast(0, wake_both_ways_in_first_poll);
  (void)state;
  start(a);
  run_until_stuck();
  assert_int_equal(a->polls, 2);
}

static enum art_poll be_woken_from_elsewhere(struct actor *self) {
  if (self->polls > 1) return ART_PENDING;
  struct art_waker *clone = art_waker_clone(art_poll_waker(self->cx));
  for (int i = 0; i < 3; i++) elsewhere(wake_it, clone);
  art_waker_drop(clone);
  return ART_PENDING;
}

static void woken_by_others_while_it_runs_it_is_polled_once_more(void **state) {
  struct actor *a = cast(0, be_woken_from_elsewhere);
  (void)state;
  start(a);
  run_until_stuck();
  assert_int_equal(a->polls, 2);
}

static void many_wakes_of_a_parked_task_are_one_poll(void **state) {
  struct actor *a = cast(0, stay_wakeable);
  (void)state;
  start(a);
  assert_int_equal(tick(), 0);
  for (int i = 0; i < 100; i++) art_waker_wake(a->waker);
  assert_int_equal(tick(), 0);
  assert_int_equal(a->polls, 2);
  for (int i = 0; i < 3; i++) elsewhere(wake_it, a->waker);
  assert_int_equal(tick(), 0);
  assert_int_equal(a->polls, 3);
}

static void every_wake_of_a_parked_task_is_a_poll(void **state) {
  struct actor *a = cast(0, stay_wakeable);
  (void)state;
  start(a);
  assert_int_equal(tick(), 0);
  for (unsigned i = 0; i < 10; i++) {
    if (i % 2 == 0)
      art_waker_wake(a->waker);
    else
      elsewhere(wake_it, a->waker);
    assert_int_equal(tick(), 0);
    assert_int_equal(a->polls, i + 2);
  }
}

static void a_wake_before_the_first_poll_is_that_poll(void **state) {
  struct actor *a = cast(0, stay);
  (void)state;
  struct art_waker *waker = art_waker_clone(art_task_waker(spawn(a)));
  art_waker_wake(waker);
  elsewhere(wake_it, waker);
  assert_int_equal(tick(), 0);
  assert_int_equal(a->polls, 1);
  art_waker_drop(waker);
  art_task_unref(a->task);
}

/* --- after the end ---------------------------------------------------------------------------- */

static struct art_waker *kept;

static enum art_poll keep_waker_and_finish(struct actor *self) {
  kept = art_waker_clone(art_poll_waker(self->cx));
  return ART_READY;
}

static void a_wake_after_the_end_does_nothing(void **state) {
  struct actor *a = cast(0, keep_waker_and_finish);
  (void)state;
  start(a);
  run();
  art_waker_wake(kept);
  elsewhere(wake_it, kept);
  struct art_waker *second = art_waker_clone(kept);
  art_waker_drop(kept);
  run();
  art_waker_wake(second);
  assert_int_equal(tick(), 0);
  art_waker_drop(second);
  assert_int_equal(a->polls, 1);
  assert_int_equal(a->drops, 1);
}

static enum art_poll be_woken_and_finish(struct actor *self) {
  kept = art_waker_clone(art_poll_waker(self->cx));
  elsewhere(wake_it, kept);
  wake_self(self);
  return ART_READY;
}

static void a_wake_on_its_way_when_the_task_ends_does_nothing(void **state) {
  struct actor *a = cast(0, be_woken_and_finish), *b = cast(0, wish);
  (void)state;
  b->wishes = 3;
  start(a);
  start(b);
  run();
  art_waker_drop(kept);
  assert_int_equal(a->polls, 1);
  assert_int_equal(a->drops, 1);
}

static void wake_locally(struct actor *self) {
  art_task_wake(self->task);
}

static void nor_does_a_wake_by_a_driver(void **state) {
  struct actor *a = cast(0, finish);
  (void)state;
  a->on_drop = wake_locally;
  spawn(a);
  run();
  art_task_unref(a->task);
  assert_int_equal(tick(), 0);
  assert_int_equal(a->polls, 1);
}

static void *use_and_drop(void *waker) {
  struct art_waker *clone = art_waker_clone(waker);
  art_waker_wake(waker);
  art_waker_wake(clone);
  art_waker_drop(clone);
  art_waker_wake(waker);
  art_waker_drop(waker);
  return NULL;
}

static enum art_poll keep_waker_and_stay(struct actor *self) {
  kept = art_waker_clone(art_poll_waker(self->cx));
  return ART_PENDING;
}

static void wakers_are_safe_when_the_runtime_is_gone(void **state) {
  struct actor *a = cast(0, keep_waker_and_stay);
  (void)state;
  start(a);
  assert_int_equal(tick(), 0);
  close_runtime();
  assert_int_equal(a->drops, 1);
  struct art_waker *second = art_waker_clone(kept);
  use_and_drop(kept);
  elsewhere(use_and_drop, second);
  assert_int_equal(a->polls, 1);
}

static void a_wake_that_nobody_took_goes_with_the_runtime(void **state) {
  struct actor *a = cast(0, keep_waker_and_stay);
  (void)state;
  start(a);
  assert_int_equal(tick(), 0);
  elsewhere(wake_it, kept);
  close_runtime();
  art_waker_wake(kept);
  art_waker_drop(kept);
  assert_int_equal(a->polls, 1);
}

static void wakers_may_be_used_while_the_runtime_closes(void **state) {
  (void)state;
  for (int round = 0; round < 50; round++) {
    struct actor *a = cast(0, keep_waker_and_stay);
    start(a);
    assert_int_equal(tick(), 0);
    pthread_t thread = start_thread(use_and_drop, kept);
    use_clock(ART_CLOCK_REAL);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(a->drops, 1);
  }
}

static void dropping_the_last_waker_leaves_the_task_to_the_runtime(void **state) {
  struct actor *a = cast(0, keep_waker_and_stay);
  (void)state;
  start(a);
  assert_int_equal(tick(), 0);
  art_waker_drop(kept);
  run_until_stuck(); /* nobody can wake it any more */
  assert_int_equal(a->drops, 0);
  close_runtime();
  assert_int_equal(a->drops, 1);
  assert_int_equal(a->polls, 1);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* 'word' is plain: only the wake carries it over. What says that a wake has happened is relaxed, so that it
** carries nothing. The second thread's wake finds the first one's still on its way. */
struct messenger {
  struct art_waker *waker;
  unsigned number, word;
};

static atomic_uint told; /* messages that are on their way */
static struct messenger messenger[2];

static void await_told(unsigned n) {
  while (atomic_load_explicit(&told, memory_order_relaxed) < n) sched_yield();
}

static void *tell(void *arg) {
  struct messenger *m = arg;
  await_told(m->number);
  m->word = 41 + m->number;
  art_waker_wake(m->waker);
  atomic_store_explicit(&told, m->number + 1, memory_order_relaxed);
  return NULL;
}

static enum art_poll await_words(struct actor *self) {
  if (self->polls == 1) {
    await_told(2);
    return ART_PENDING;
  }
  assert_int_equal(messenger[0].word, 41);
  assert_int_equal(messenger[1].word, 42);
  return ART_READY;
}

static void a_redundant_wake_publishes_what_was_written_before(void **state) {
  struct actor *a = cast(0, await_words);
  pthread_t thread[2];
  (void)state;
  atomic_store(&told, 0);
  struct art_waker *waker = art_waker_clone(art_task_waker(spawn(a)));
  for (unsigned i = 0; i < 2; i++) {
    messenger[i] = (struct messenger){waker, i, 0};
    thread[i] = start_thread(tell, &messenger[i]);
  }
  run();
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
  assert_int_equal(a->polls, 2);
  art_waker_drop(waker);
  art_task_unref(a->task);
}

#define STORM_THREADS 4
#define STORM_WAKES 2000

static atomic_uint rained;

static void *storm(void *waker) {
  for (int i = 0; i < STORM_WAKES; i++) {
    atomic_fetch_add_explicit(&rained, 1, memory_order_relaxed);
    art_waker_wake(waker);
  }
  art_waker_drop(waker);
  return NULL;
}

static enum art_poll await_storm(struct actor *self) {
  (void)self;
  unsigned n = atomic_load_explicit(&rained, memory_order_relaxed);
  return n == STORM_THREADS * STORM_WAKES ? ART_READY : ART_PENDING;
}

static void no_wake_of_many_threads_is_lost(void **state) {
  struct actor *a = cast(0, await_storm);
  pthread_t thread[STORM_THREADS];
  (void)state;
  atomic_store(&rained, 0);
  start(a);
  for (int i = 0; i < STORM_THREADS; i++)
    thread[i] = start_thread(storm, art_waker_clone(art_task_waker(a->task)));
  run(); /* ends only if the last wake arrives */
  for (int i = 0; i < STORM_THREADS; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
  assert_in_range(a->polls, 1, STORM_THREADS * STORM_WAKES + 1);
}

#define QUESTIONS 1000

static atomic_uint asked;

/* Answers each question with a wake: sometimes the runtime sleeps by then, sometimes not yet. */
static void *answer(void *waker) {
  for (unsigned answered = 0; answered < QUESTIONS; answered++) {
    while (atomic_load(&asked) == answered) sched_yield();
    art_waker_wake(waker);
  }
  art_waker_drop(waker);
  return NULL;
}

static enum art_poll ask(struct actor *self) {
  (void)self;
  return atomic_fetch_add(&asked, 1) == QUESTIONS ? ART_READY : ART_PENDING;
}

static void a_wake_ends_the_sleep_whenever_it_comes(void **state) {
  struct actor *a = cast(0, ask);
  (void)state;
  atomic_store(&asked, 0);
  start(a);
  pthread_t thread = start_thread(answer, art_waker_clone(art_task_waker(a->task)));
  run();
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(a->polls, QUESTIONS + 1);
}

/* --- re-entrancy ------------------------------------------------------------------------------ */

static enum art_poll wake_other(struct actor *self) {
  art_waker_wake(self->other->waker);
  return ART_READY;
}

static void a_poll_may_wake_another_task(void **state) {
  struct actor *a = cast('a', await_wake), *b = cast_with('b', wake_other, a);
  (void)state;
  start(a);
  start(b);
  run();
  assert_string_equal(trace, "aba");
}

static enum art_poll start_other(struct actor *self) {
  start(self->other);
  return ART_READY;
}

static enum art_poll cancel_other(struct actor *self) {
  art_task_cancel(self->other->task);
  art_task_unref(self->other->task);
  return ART_READY;
}

static void a_poll_may_spawn_and_cancel(void **state) {
  struct actor *b = cast('b', finish), *c = cast('c', stay);
  (void)state;
  spawn(c);
  start(cast_with('s', start_other, b));
  start(cast_with('k', cancel_other, c));
  run();
  assert_string_equal(trace, "cskb");
  assert_int_equal(c->drops, 1);
}

static void wake_other_on_drop(struct actor *self) {
  art_waker_wake(self->other->waker);
}

static void start_other_on_drop(struct actor *self) {
  start(self->other);
}

static void cancel_other_on_drop(struct actor *self) {
  cancel_other(self);
}

static struct actor *start_dropper(char name, void (*on_drop)(struct actor *),
                                   struct actor *other) {
  struct actor *a = cast_with(name, finish, other);
  a->on_drop = on_drop;
  start(a);
  return a;
}

static void a_drop_may_wake_spawn_and_cancel(void **state) {
  struct actor *a = cast('a', await_wake), *b = cast('b', finish), *c = cast('c', stay);
  (void)state;
  start(a);
  spawn(c);
  start_dropper('x', wake_other_on_drop, a);
  start_dropper('y', start_other_on_drop, b);
  start_dropper('z', cancel_other_on_drop, c);
  run();
  assert_string_equal(trace, "acxyzab");
  assert_int_equal(a->drops + b->drops + c->drops, 3);
}

static enum art_poll cancel_self(struct actor *self) {
  art_task_cancel(self->task);
  wake_self(self);
  return ART_PENDING;
}

static void wake_and_cancel_self(struct actor *self) {
  art_waker_wake(kept);
  art_task_cancel(self->task);
  art_task_unref(self->task);
  art_waker_drop(kept);
}

static void a_task_may_wake_and_cancel_itself(void **state) {
  struct actor *a = cast(0, cancel_self), *b = cast(0, keep_waker_and_finish);
  (void)state;
  spawn(a);
  run();
  art_task_unref(a->task);
  assert_int_equal(a->polls, 1);
  assert_int_equal(a->drops, 1);
  b->on_drop = wake_and_cancel_self;
  spawn(b);
  run();
  assert_int_equal(b->polls, 1);
  assert_int_equal(b->drops, 1);
}

struct errand {
  struct art_job job;
  struct actor *patron, *heir;
};

static void do_nothing(struct art_job *job) {
  (void)job;
}

static void wake_patron_and_start_heir(struct art_job *job) {
  struct errand *e = ART_CONTAINER(job, struct errand, job);
  art_waker_wake(e->patron->waker);
  start(e->heir);
}

static void what_other_threads_deliver_may_wake_and_spawn(void **state) {
  struct errand e = {.patron = cast('a', await_wake), .heir = cast('b', finish)};
  (void)state;
  e.job.run = e.job.drop = do_nothing;
  e.job.complete = wake_patron_and_start_heir;
  start(e.patron);
  assert_int_equal(tick(), 0);
  assert_int_equal(art_runtime_submit_job(rt, &e.job), 0);
  run();
  assert_string_equal(trace, "aab");
  close_runtime();
  await_free();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_RUNTIME(woken_while_it_runs_it_is_polled_once_more),
      ON_RUNTIME(a_clone_is_as_good_as_the_borrowed_waker),
      ON_RUNTIME(woken_by_others_while_it_runs_it_is_polled_once_more),
      ON_RUNTIME(many_wakes_of_a_parked_task_are_one_poll),
      ON_RUNTIME(every_wake_of_a_parked_task_is_a_poll),
      ON_RUNTIME(a_wake_before_the_first_poll_is_that_poll),
      ON_RUNTIME(a_wake_after_the_end_does_nothing),
      ON_RUNTIME(nor_does_a_wake_by_a_driver),
      ON_RUNTIME(a_wake_on_its_way_when_the_task_ends_does_nothing),
      ON_RUNTIME(wakers_are_safe_when_the_runtime_is_gone),
      ON_RUNTIME(a_wake_that_nobody_took_goes_with_the_runtime),
      ON_RUNTIME(wakers_may_be_used_while_the_runtime_closes),
      ON_RUNTIME(dropping_the_last_waker_leaves_the_task_to_the_runtime),
      ON_RUNTIME(a_redundant_wake_publishes_what_was_written_before),
      ON_RUNTIME(no_wake_of_many_threads_is_lost),
      ON_RUNTIME(a_wake_ends_the_sleep_whenever_it_comes),
      ON_RUNTIME(a_poll_may_wake_another_task),
      ON_RUNTIME(a_poll_may_spawn_and_cancel),
      ON_RUNTIME(a_drop_may_wake_spawn_and_cancel),
      ON_RUNTIME(a_task_may_wake_and_cancel_itself),
      ON_RUNTIME(what_other_threads_deliver_may_wake_and_spawn),
  };
  alarm(120);
  return cmocka_run_group_tests_name("waker", tests, NULL, NULL);
}
