/* Memory: every allocation of the core fails, once and for ever, and each time the answer is -ENOMEM and nothing is
** left; and what has begun goes on without allocating. Every test runs once a driver. */
#include "runtime_fixture.h"

#include <stdio.h>

#include "executor/runtime.h"

#define SECOND UINT64_C(1000000000)

/* --- a scenario that asks for memory wherever the core does ----------------------------------- */

#define READERS 20 /* more than the poll driver has room for at first */

static bool refused; /* something in the scenario was answered with -ENOMEM */

static bool is_refusal(bool failed, int err) {
  if (!failed) return false;
  assert_int_equal(err, ENOMEM);
  refused = true;
  return true;
}

static enum art_poll sleep_a_second(struct actor *self) {
  if (self->sleep == NULL) self->sleep = art_sleep_new(rt);
  if (is_refusal(self->sleep == NULL, ENOMEM)) return ART_READY;
  return art_sleep(self->cx, self->sleep, SECOND);
}

static enum art_poll open_and_receive(struct actor *self) {
  ssize_t n;
  if (self->io == NULL) self->io = art_io_new(rt, self->fd);
  if (is_refusal(self->io == NULL, errno)) return ART_READY;
  if (art_recv(self->cx, self->io, &self->byte, 1, &n) == ART_PENDING) return ART_PENDING;
  if (!is_refusal(n < 0, (int)-n)) assert_int_equal(n, 1);
  return ART_READY;
}

static struct actor *try_start(struct actor *a) {
  errno = 0;
  struct art_task *task = art_spawn(rt, poll_actor, a, drop_actor);
  if (is_refusal(task == NULL, errno)) {
    assert_int_equal(a->drops, 0);
    drop_actor(a); /* it is still ours */
  } else {
    art_task_unref(task);
  }
  return a;
}

static struct art_job job;
static unsigned answered; /* jobs */

static void do_nothing(struct art_job *self) {
  (void)self;
}

static void count_answer(struct art_job *self) {
  (void)self;
  answered++;
}

static void submit_job(void) {
  job = (struct art_job){.run = do_nothing, .complete = count_answer, .drop = count_answer};
  int err = art_runtime_submit_job(rt, &job);
  if (is_refusal(err < 0, -err)) count_answer(&job);
}

static void start_readers(struct actor **readers) {
  for (int i = 0; i < READERS; i++) {
    readers[i] = cast(0, open_and_receive);
    give_pair(readers[i]);
    try_start(readers[i]);
  }
}

static void feed(struct actor **readers) {
  for (int i = 0; i < READERS; i++)
    if (readers[i]->drops == 0) send_to(readers[i]);
}

static void play(void) {
  struct actor *readers[READERS];
  on_stage = 0;
  answered = 0;
  rt = new_runtime((struct art_config){.clock = ART_CLOCK_VIRTUAL, .seeded = true});
  if (is_refusal(rt == NULL, errno)) return;
  struct actor *sleeper = try_start(cast(0, sleep_a_second)),
               *w = try_start(cast(0, stay_wakeable));
  start_readers(readers);
  submit_job();
  (void)art_runtime_fd(rt);
  assert_int_equal(tick(), 0);
  if (w->waker != NULL) art_waker_wake(w->waker);
  feed(readers);
  while (answered == 0) assert_int_equal(tick(), 0);
  for (int i = 0; i < 2; i++) assert_int_equal(tick(), 0);
  for (int i = 0; i < READERS; i++) assert_int_equal(readers[i]->drops, 1);
  assert_int_equal(sleeper->drops, 1);
  close_runtime();
  assert_int_equal(w->drops, 1);
  assert_int_equal(answered, 1);
}

/* The number of allocations that failed, each in a scenario of its own. */
static unsigned sweep(bool all_that_follow) {
  for (unsigned k = 1;; k++) {
    unsigned descriptors = open_descriptors();
    refused = false;
    fail_allocation(k, all_that_follow);
    play();
    unsigned asked = atomic_load(&allocations);
    fail_allocation(0, false);
    await_free();
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(refused, asked >= k);
    if (!refused) return k - 1;
    assert_in_range(k, 1, 1000);
  }
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  close_runtime();
  unsigned once = sweep(false), for_ever = sweep(true);
  assert_int_equal(once, for_ever);
  assert_in_range(once, 2 + 2 * (READERS + 2) + 1 + READERS + 1, 100);
  printf("note: %s: %u allocations failed, once and for ever\n", driver, once);
}

/* --- and nothing allocates after that --------------------------------------------------------- */

#define LAPS 1000

/* Sleeps, sends itself a byte, receives it, and yields, again and again. */
static enum art_poll do_it_all(struct actor *self) {
  ssize_t n;
  for (; self->wishes < LAPS; self->wishes++) {
    if (sleep_until(self) == ART_PENDING) return ART_PENDING;
    while (art_recv(self->cx, self->io, &self->byte, 1, &n) == ART_PENDING) {
      if (self->byte == 0) send_to(self);
      self->byte = 1;
      wake_self(self);
      return ART_PENDING;
    }
    self->byte = 0;
    self->deadline_ns += SECOND;
  }
  return ART_READY;
}

static void what_has_begun_does_not_allocate(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  for (int i = 0; i < 5; i++) {
    struct actor *a = cast(0, do_it_all);
    a->deadline_ns = 1;
    give_socket(a);
    start(a);
  }
  struct actor *a = cast(0, await_wake), *hog = cast(0, wish);
  hog->wishes = LAPS;
  start(a);
  assert_int_equal(tick(), 0);
  fail_allocation(1, true);
  art_waker_wake(a->waker);
  elsewhere(wake_it, a->waker);
  run();
  assert_int_equal(atomic_load(&allocations), 0);
  fail_allocation(0, false);
  start(hog);
  fail_allocation(1, true);
  run();
  assert_int_equal(hog->polls, LAPS + 1);
  assert_int_equal(atomic_load(&allocations), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_RUNTIME(every_allocation_may_fail),
      ON_RUNTIME(what_has_begun_does_not_allocate),
  };
  int failed = 0;
  while (next_driver()) failed += cmocka_run_group_tests_name(driver, tests, NULL, NULL);
  return failed;
}
