/* Tasks: whenever and from wherever one is cancelled, its state is dropped exactly once, on the runtime's thread, and
** the end is visible to those who hold the handle, for as long as they like. */
#include "runtime_fixture.h"

#include <sys/wait.h>

#include "executor/task.h"

/* --- cancel ----------------------------------------------------------------------------------- */

static void assert_ended(const struct actor *a, unsigned polls) {
  assert_true(art_task_ended(a->task));
  assert_int_equal(a->polls, polls);
  assert_int_equal(a->drops, 1);
}

static void a_task_that_is_ready_is_dropped_once(void **state) {
  struct actor *a = cast(0, finish);
  (void)state;
  spawn(a);
  assert_false(art_task_ended(a->task));
  run();
  assert_ended(a, 1);
  art_task_unref(a->task);
}

static void a_state_without_a_drop_function_is_left_alone(void **state) {
  struct actor *a = cast(0, finish);
  (void)state;
  art_task_unref(art_spawn(rt, poll_actor, a, NULL));
  struct art_task *task = art_spawn(rt, poll_actor, a, NULL);
  art_task_cancel(task);
  run();
  assert_true(art_task_ended(task));
  art_task_unref(task);
  assert_int_equal(a->polls, 1);
}

static void cancelled_before_its_first_poll_it_is_never_polled(void **state) {
  struct actor *a = cast(0, stay);
  (void)state;
  art_task_cancel(spawn(a));
  assert_false(art_task_ended(a->task)); /* asked, not done */
  run();
  assert_ended(a, 0);
  art_task_unref(a->task);
}

static void a_parked_task_is_dropped_instead_of_polled(void **state) {
  struct actor *a = cast(0, stay);
  (void)state;
  spawn(a);
  assert_int_equal(tick(), 0);
  art_task_cancel(a->task);
  assert_int_equal(a->drops, 0); /* in the loop, not in the call */
  run();
  assert_ended(a, 1);
  art_task_unref(a->task);
}

static void a_queued_task_is_dropped_instead_of_polled(void **state) {
  struct actor *a = cast(0, stay_wakeable);
  (void)state;
  spawn(a);
  assert_int_equal(tick(), 0);
  art_waker_wake(a->waker);
  art_task_cancel(a->task);
  run();
  assert_ended(a, 1);
  art_task_unref(a->task);
}

static enum art_poll be_cancelled_and_finish(struct actor *self) {
  art_task_cancel(self->task);
  return ART_READY;
}

static enum art_poll be_cancelled_and_stay(struct actor *self) {
  art_task_cancel(self->task);
  assert_int_equal(self->drops, 0);
  return ART_PENDING;
}

static void a_running_task_is_dropped_after_its_poll(void **state) {
  act_fn *const acts[] = {be_cancelled_and_finish, be_cancelled_and_stay};
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct actor *a = cast(0, acts[i]);
    spawn(a);
    run();
    assert_ended(a, 1);
    art_task_unref(a->task);
  }
}

static void a_cancel_after_the_end_does_nothing(void **state) {
  struct actor *a = cast(0, finish);
  (void)state;
  spawn(a);
  run();
  art_task_cancel(a->task);
  elsewhere(cancel_it, a->task);
  run();
  assert_ended(a, 1);
  art_task_unref(a->task);
}

static void cancelled_many_times_is_cancelled_once(void **state) {
  struct actor *a = cast(0, stay);
  (void)state;
  spawn(a);
  assert_int_equal(tick(), 0);
  for (int i = 0; i < 3; i++) {
    art_task_cancel(a->task);
    elsewhere(cancel_it, a->task);
  }
  run();
  art_task_cancel(a->task);
  run();
  assert_ended(a, 1);
  art_task_unref(a->task);
}

static void a_sleeping_runtime_hears_a_cancel_from_elsewhere(void **state) {
  struct actor *a = cast(0, stay);
  (void)state;
  spawn(a);
  pthread_t thread = start_thread(cancel_it, a->task);
  run(); /* does not end without it */
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_ended(a, a->polls);
  assert_in_range(a->polls, 0, 1);
  art_task_unref(a->task);
}

static void *cancel_and_unref(void *task) {
  art_task_cancel(task);
  art_task_cancel(task);
  art_task_unref(task);
  return NULL;
}

static void a_cancel_may_race_with_the_end(void **state) {
  (void)state;
  for (unsigned round = 0; round < 200; round++) {
    struct actor *a = cast(0, wish);
    a->wishes = round % 8;
    pthread_t thread = start_thread(cancel_and_unref, spawn(a));
    run();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(a->drops, 1);
    assert_in_range(a->polls, 0, round % 8 + 1);
  }
}

/* --- the end, seen from elsewhere ------------------------------------------------------------- */

static unsigned last_words; /* plain: art_task_ended carries it over */

static void leave_last_words(struct actor *self) {
  assert_false(art_task_ended(self->task));
  last_words = 42;
}

static void *await_end(void *task) {
  while (!art_task_ended(task)) sched_yield();
  return last_words == 42 ? task : NULL;
}

static void who_sees_the_end_sees_all_that_the_drop_did(void **state) {
  struct actor *a = cast(0, wish);
  void *seen;
  (void)state;
  last_words = 0;
  a->wishes = 100;
  a->on_drop = leave_last_words;
  pthread_t thread = start_thread(await_end, spawn(a));
  run();
  assert_int_equal(pthread_join(thread, &seen), 0);
  assert_ptr_equal(seen, a->task);
  art_task_unref(a->task);
}

/* --- handles ---------------------------------------------------------------------------------- */

static void a_task_goes_on_without_its_handle(void **state) {
  struct actor *a = cast(0, wish);
  (void)state;
  a->wishes = 3;
  start(a);
  run();
  assert_int_equal(a->polls, 4);
  assert_int_equal(a->drops, 1);
}

static void unref_own_handle(struct actor *self) {
  art_task_unref(self->task);
}

static void a_handle_may_be_given_up_in_the_drop(void **state) {
  struct actor *a = cast(0, finish), *b = cast(0, stay);
  (void)state;
  a->on_drop = b->on_drop = unref_own_handle;
  spawn(a);
  spawn(b);
  assert_int_equal(tick(), 0);
  close_runtime();
  assert_int_equal(a->drops + b->drops, 2);
}

static void *use_handle_and_unref(void *task) {
  art_task_cancel(task);
  bool ended = art_task_ended(task);
  art_task_unref(task);
  return ended ? task : NULL;
}

static void handles_are_safe_when_the_runtime_is_gone(void **state) {
  struct actor *a = cast(0, finish), *b = cast(0, stay);
  void *ended;
  (void)state;
  spawn(a);
  spawn(b);
  assert_int_equal(tick(), 0);
  close_runtime();
  assert_ended(a, 1);
  assert_ended(b, 1);
  assert_ptr_equal(use_handle_and_unref(a->task), a->task);
  assert_int_equal(pthread_join(start_thread(use_handle_and_unref, b->task), &ended), 0);
  assert_ptr_equal(ended, b->task);
}

/* --- close ------------------------------------------------------------------------------------ */

static void close_drops_every_state_once(void **state) {
  struct actor *fresh = cast(0, stay), *parked = cast(0, stay), *asleep = cast(0, sleep_until),
               *queued = cast(0, stay_wakeable), *cancelled = cast(0, stay),
               *done = cast(0, finish);
  (void)state;
  asleep->deadline_ns = ART_NEVER - 1;
  start(parked);
  start(asleep);
  start(queued);
  spawn(cancelled);
  start(done);
  assert_int_equal(tick(), 0);
  start(fresh);
  art_waker_wake(queued->waker);
  art_task_cancel(cancelled->task);
  art_task_unref(cancelled->task);
  close_runtime();
  for (struct actor *a = stage; a < stage + on_stage; a++) assert_int_equal(a->drops, 1);
  assert_int_equal(fresh->polls, 0);
}

static void wake_self_and_other(struct actor *self) {
  art_task_cancel(self->task);
  art_task_unref(self->task);
  if (self->other == NULL) return;
  if (self->other->waker != NULL) art_waker_wake(self->other->waker);
  if (self->other->drops == 0) art_task_cancel(self->other->task);
}

/* A ring of tasks, each of which wakes and cancels its neighbour when it is dropped. */
static void drops_may_wake_and_cancel_during_close(void **state) {
  struct actor *first = cast(0, stay_wakeable), *last = first;
  (void)state;
  for (int i = 0; i < 9; i++) last = cast_with(0, stay_wakeable, last);
  first->other = last;
  for (struct actor *a = stage; a < stage + on_stage; a++) {
    a->on_drop = wake_self_and_other;
    spawn(a);
  }
  assert_int_equal(tick(), 0);
  for (struct actor *a = stage; a < stage + on_stage; a += 2) art_waker_wake(a->waker);
  close_runtime();
  for (struct actor *a = stage; a < stage + on_stage; a++) {
    assert_int_equal(a->drops, 1);
    assert_int_equal(a->polls, 1);
  }
}

static void start_another(struct actor *self) {
  if (on_stage == 50) return;
  struct actor *a = cast(0, self->act);
  a->on_drop = start_another;
  start(a);
}

/* The last of the queue is the first to go: what the other one's drop spawns must not be put behind it. */
static void what_drops_spawn_during_close_is_dropped_too(void **state) {
  struct actor *a = cast(0, stay_wakeable), *b = cast(0, stay_wakeable);
  (void)state;
  b->on_drop = start_another;
  start(a);
  start(b);
  assert_int_equal(tick(), 0);
  art_waker_wake(b->waker);
  art_waker_wake(a->waker);
  close_runtime();
  assert_int_equal(on_stage, 50);
  for (struct actor *t = stage; t < stage + on_stage; t++) {
    assert_int_equal(t->drops, 1);
    assert_int_equal(t->polls, t == a || t == b ? 1 : 0);
  }
}

static void wake_other(struct actor *self) {
  art_waker_wake(self->other->waker);
}

/* The same for what a drop wakes, which a seed puts into lanes. */
static void what_drops_wake_during_close_is_not_put_behind_the_dead(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 20; seed++) {
    use_runtime((struct art_config){.seeded = true, .seed = seed});
    on_stage = 0;
    struct actor *a = cast(0, stay_wakeable), *b = cast(0, stay), *c = cast(0, stay_wakeable);
    b->other = c;
    b->on_drop = wake_other;
    start(a);
    start(b);
    start(c);
    assert_int_equal(tick(), 0);
    art_waker_wake(a->waker);
    close_runtime();
    assert_int_equal(a->drops + b->drops + c->drops, 3);
    assert_int_equal(a->polls + b->polls + c->polls, 3);
    rt = new_runtime((struct art_config){.clock = ART_CLOCK_REAL});
  }
}

static void a_wake_on_its_way_is_not_taken_during_close(void **state) {
  struct actor *a = cast(0, stay_wakeable), *b = cast(0, stay_wakeable);
  (void)state;
  b->on_drop = start_another;
  start(a);
  start(b);
  assert_int_equal(tick(), 0);
  on_stage = 49; /* one more */
  elsewhere(wake_it, b->waker);
  elsewhere(wake_it, a->waker);
  close_runtime();
  assert_int_equal(a->drops + b->drops + stage[49].drops, 3);
  assert_int_equal(a->polls + b->polls + stage[49].polls, 2);
}

/* --- no memory -------------------------------------------------------------------------------- */

static void a_spawn_without_memory_leaves_nothing_behind(void **state) {
  struct actor *a = cast(0, stay);
  unsigned k = 0;
  (void)state;
  do {
    fail_allocation(++k, false);
    errno = 0;
    a->task = art_spawn(rt, poll_actor, a, drop_actor);
    if (a->task != NULL) break;
    assert_int_equal(errno, ENOMEM);
    fail_allocation(0, false);
    run(); /* no task is left */
  } while (k < 100);
  assert_in_range(k, 2, 99);
  assert_int_equal(a->drops, 0);
  art_task_cancel(a->task);
  run();
  assert_ended(a, 0);
  art_task_unref(a->task);
}

/* --- who may drive ---------------------------------------------------------------------------- */

static enum art_poll drive_own_runtime(struct actor *self) {
  (void)self;
  assert_int_equal(art_runtime_run(rt), -EBUSY);
  assert_int_equal(art_runtime_tick(rt, ART_NEVER), -EBUSY);
  assert_int_equal(art_runtime_advance(rt, 1, ART_NEVER), -EBUSY);
  return ART_READY;
}

static void a_poll_may_not_drive_its_runtime(void **state) {
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  start(cast(0, drive_own_runtime));
  run();
  start(cast(0, drive_own_runtime));
  assert_int_equal(tick(), 0);
  start(cast(0, drive_own_runtime));
  assert_int_equal(art_runtime_advance(rt, 1, ART_NEVER), 0);
}

static int drive_in_child(void) {
  if (art_runtime_run(rt) != -ECHILD) return 1;
  if (art_runtime_tick(rt, ART_NEVER) != -ECHILD) return 2;
  if (art_runtime_advance(rt, 1, ART_NEVER) != -ECHILD) return 3;
  art_runtime_close(rt);
  if (stage[0].drops != 1 || stage[0].polls != 1) return 4;
  return atomic_load(&allocated) == 0 && open_descriptors() == descriptors_before ? 0 : 5;
}

static void a_child_of_fork_may_only_close(void **state) {
  struct actor *a = cast(0, await_wake);
  int status;
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  assert_true(art_runtime_fd(rt) >= 0);
  start(a);
  assert_int_equal(tick(), 0);
  pid_t child = fork();
  if (child == 0) _exit(drive_in_child());
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  art_waker_wake(a->waker); /* the parent's goes on as if nothing had been */
  run();
  assert_int_equal(a->polls, 2);
}

static pid_t forked = -1;

static enum art_poll fork_once(struct art_poll_cx *cx, void *state) {
  (void)state;
  if (forked > 0) return ART_READY;
  if (forked < 0) forked = fork();
  art_waker_wake(art_poll_waker(cx));
  return ART_PENDING;
}

/* Its next turn would take events that are the parent's. */
static void a_task_that_forks_goes_on_in_the_parent_only(void **state) {
  int status;
  (void)state;
  for (int round = 0; round < 2; round++) {
    forked = -1;
    art_task_unref(art_spawn(rt, fork_once, NULL, NULL));
    int outcome = round == 0 ? art_runtime_run(rt) : tick();
    if (forked == 0) _exit(outcome == -ECHILD ? 0 : 1);
    assert_int_equal(outcome, 0);
    assert_int_equal(waitpid(forked, &status, 0), forked);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
  }
}

/* --- many ------------------------------------------------------------------------------------- */

static unsigned chain;

static enum art_poll spawn_next(struct art_poll_cx *cx, void *state) {
  (void)cx, (void)state;
  if (chain-- > 1) art_task_unref(art_spawn(rt, spawn_next, NULL, NULL));
  return ART_READY;
}

static void chains_and_crowds_of_tasks_end(void **state) {
  (void)state;
  chain = 10000;
  art_task_unref(art_spawn(rt, spawn_next, NULL, NULL));
  run();
  assert_int_equal(chain, 0);
  struct actor *a = cast(0, finish);
  for (int i = 0; i < 10000; i++) start(a);
  run();
  assert_int_equal(a->polls, 10000);
  assert_int_equal(a->drops, 10000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_RUNTIME(a_task_that_is_ready_is_dropped_once),
      ON_RUNTIME(a_state_without_a_drop_function_is_left_alone),
      ON_RUNTIME(cancelled_before_its_first_poll_it_is_never_polled),
      ON_RUNTIME(a_parked_task_is_dropped_instead_of_polled),
      ON_RUNTIME(a_queued_task_is_dropped_instead_of_polled),
      ON_RUNTIME(a_running_task_is_dropped_after_its_poll),
      ON_RUNTIME(a_cancel_after_the_end_does_nothing),
      ON_RUNTIME(cancelled_many_times_is_cancelled_once),
      ON_RUNTIME(a_sleeping_runtime_hears_a_cancel_from_elsewhere),
      ON_RUNTIME(a_cancel_may_race_with_the_end),
      ON_RUNTIME(who_sees_the_end_sees_all_that_the_drop_did),
      ON_RUNTIME(a_task_goes_on_without_its_handle),
      ON_RUNTIME(a_handle_may_be_given_up_in_the_drop),
      ON_RUNTIME(handles_are_safe_when_the_runtime_is_gone),
      ON_RUNTIME(close_drops_every_state_once),
      ON_RUNTIME(drops_may_wake_and_cancel_during_close),
      ON_RUNTIME(what_drops_spawn_during_close_is_dropped_too),
      ON_RUNTIME(what_drops_wake_during_close_is_not_put_behind_the_dead),
      ON_RUNTIME(a_wake_on_its_way_is_not_taken_during_close),
      ON_RUNTIME(a_spawn_without_memory_leaves_nothing_behind),
      ON_RUNTIME(a_poll_may_not_drive_its_runtime),
      ON_RUNTIME(a_child_of_fork_may_only_close),
      ON_RUNTIME(a_task_that_forks_goes_on_in_the_parent_only),
      ON_RUNTIME(chains_and_crowds_of_tasks_end),
  };
  alarm(120);
  return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
