/* The pool: jobs run on other threads and come back to the owner's, whatever the number of threads
** and whenever the pool is closed. Threads are held at a gate, not by time; memory is counted, so
** that a test ends only when the last thread has let go of the pool. */
#include "support.h"

#include <pthread.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <errno.h>

#include "base/list.h"
#include "drivers/pool.h"

/* All that threads share with a test is under the lock; 'changed' tells of every change. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static unsigned running, most_running, ran, dropped;
static size_t allocated;

static pthread_t owner;
static unsigned completed; /* the owner's */
static struct art_allocator allocator;
static struct art_inbox *inbox;
static int bell;

static void wait_until(const unsigned *counter, unsigned value) {
  pthread_mutex_lock(&lock);
  while (*counter != value) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

static void *count_allocations(void *ud, void *block, size_t old_size, size_t size) {
  (void)ud;
  pthread_mutex_lock(&lock);
  allocated += size;
  if (block != NULL) allocated -= old_size;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  if (size != 0) return realloc(block, size);
  free(block);
  return NULL;
}

static void open_gate(void) {
  pthread_mutex_lock(&lock);
  gate_open = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* --- the jobs --------------------------------------------------------------------------------- */

struct errand {
  struct art_job job;
  pthread_t thread; /* where it ran */
  sigset_t mask;    /* and with which signals blocked */
  unsigned number;
};

static unsigned order[8]; /* the numbers, as they ran */

static void free_errand(struct art_job *job) {
  art_free(&allocator, ART_CONTAINER(job, struct errand, job), sizeof(struct errand));
}

static void run_through_gate(struct art_job *job) {
  struct errand *e = ART_CONTAINER(job, struct errand, job);
  e->thread = pthread_self();
  pthread_sigmask(SIG_SETMASK, NULL, &e->mask);
  pthread_mutex_lock(&lock);
  running++;
  if (running > most_running) most_running = running;
  pthread_cond_broadcast(&changed);
  while (!gate_open) pthread_cond_wait(&changed, &lock);
  running--;
  order[ran++ % 8] = e->number;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static struct errand last; /* a copy of the one completed last */

static void complete(struct art_job *job) {
  assert_true(pthread_equal(pthread_self(), owner));
  last = *ART_CONTAINER(job, struct errand, job);
  completed++;
  free_errand(job);
}

static void drop(struct art_job *job) {
  free_errand(job);
  pthread_mutex_lock(&lock);
  dropped++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static struct art_job *new_job(unsigned number) {
  struct errand *e = art_alloc(&allocator, sizeof *e);
  assert_non_null(e);
  memset(e, 0, sizeof *e);
  e->number = number;
  e->job.run = run_through_gate;
  e->job.complete = complete;
  e->job.drop = drop;
  return &e->job;
}

static void submit(struct art_pool *p, unsigned count) {
  for (unsigned i = 0; i < count; i++) assert_int_equal(art_pool_submit(p, new_job(i)), 0);
}

/* --- the owner -------------------------------------------------------------------------------- */

static int set_up(void **state) {
  (void)state;
  gate_open = false;
  running = most_running = ran = dropped = completed = 0;
  owner = pthread_self();
  allocator = (struct art_allocator){.resize = count_allocations};
  bell = eventfd(0, EFD_CLOEXEC);
  inbox = art_inbox_new(&allocator, bell);
  return bell < 0 || inbox == NULL;
}

static int tear_down(void **state) {
  (void)state;
  return allocated == 0 ? 0 : -1;
}

/* Sleeps until threads have sent something, as a runtime does, and takes it. */
static void turn(void) {
  uint64_t times;
  if (art_inbox_sleep(inbox)) assert_int_equal(read(bell, &times, sizeof times), sizeof times);
  art_inbox_awake(inbox);
  art_inbox_deliver(inbox);
}

static void turn_until_completed(unsigned count) {
  while (completed < count) turn();
}

static struct art_pool *new_pool(unsigned max_threads, uint64_t idle_ns) {
  struct art_pool *p = art_pool_new(&allocator, inbox, max_threads, idle_ns);
  assert_non_null(p);
  return p;
}

static void close_pool(struct art_pool *p) {
  art_inbox_close(inbox);
  art_inbox_unref(inbox);
  close(bell);
  art_pool_close(p);
}

/* The pool's block goes with its last thread. */
static void wait_until_all_is_freed(void) {
  pthread_mutex_lock(&lock);
  while (allocated != 0) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

/* --- behaviour -------------------------------------------------------------------------------- */

static void a_job_runs_elsewhere_and_completes_here(void **state) {
  struct art_pool *p = new_pool(4, ART_NEVER);
  (void)state;
  submit(p, 1);
  assert_int_equal(art_pool_pending(p), 1);
  wait_until(&running, 1);
  assert_int_equal(completed, 0);
  open_gate();
  turn_until_completed(1);
  assert_int_equal(art_pool_pending(p), 0);
  assert_false(pthread_equal(last.thread, owner));
  close_pool(p);
  wait_until_all_is_freed();
}

static void signals_stay_with_the_program(void **state) {
  struct art_pool *p = new_pool(1, ART_NEVER);
  const int signals[] = {SIGINT, SIGTERM, SIGALRM, SIGURG, SIGPROF, SIGCHLD, SIGPIPE};
  sigset_t mask;
  (void)state;
  open_gate();
  submit(p, 1);
  turn_until_completed(1);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    assert_true(sigismember(&last.mask, signals[i]));
    assert_false(sigismember(&mask, signals[i]));
  }
  close_pool(p);
  wait_until_all_is_freed();
}

static void jobs_run_side_by_side_up_to_the_limit(void **state) {
  struct art_pool *p = new_pool(3, ART_NEVER);
  (void)state;
  submit(p, 50);
  wait_until(&running, 3);
  assert_int_equal(art_pool_pending(p), 50);
  open_gate();
  turn_until_completed(50);
  assert_int_equal(most_running, 3);
  assert_int_equal(art_pool_pending(p), 0);
  close_pool(p);
  wait_until_all_is_freed();
}

static void one_thread_runs_jobs_in_their_order(void **state) {
  struct art_pool *p = new_pool(1, ART_NEVER);
  (void)state;
  submit(p, 8);
  open_gate();
  turn_until_completed(8);
  for (unsigned i = 0; i < 8; i++) assert_int_equal(order[i], i);
  close_pool(p);
  wait_until_all_is_freed();
}

static void a_thread_serves_many_jobs(void **state) {
  struct art_pool *p = new_pool(1, ART_NEVER);
  (void)state;
  open_gate();
  submit(p, 1);
  turn_until_completed(1);
  pthread_t first = last.thread;
  for (unsigned i = 2; i < 100; i++) {
    submit(p, 1);
    turn_until_completed(i);
    assert_true(pthread_equal(last.thread, first));
  }
  close_pool(p);
  wait_until_all_is_freed();
}

static void threads_that_went_idle_are_replaced(void **state) {
  struct art_pool *p = new_pool(1, 0); /* a thread without a job ends at once */
  (void)state;
  open_gate();
  for (unsigned i = 1; i < 2000; i++) {
    submit(p, 1);
    turn_until_completed(i);
  }
  close_pool(p);
  wait_until_all_is_freed();
}

static void close_gate(void) {
  pthread_mutex_lock(&lock);
  gate_open = false;
  pthread_mutex_unlock(&lock);
}

/* The only thread is idle, or about to be: of two jobs it can take one. */
static void one_idle_thread_is_not_counted_on_twice(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    if (round > 0) set_up(state);
    struct art_pool *p = new_pool(2, ART_NEVER);
    open_gate();
    submit(p, 1);
    turn_until_completed(1);
    close_gate();
    submit(p, 2);
    wait_until(&running, 2);
    open_gate();
    turn_until_completed(3);
    close_pool(p);
    wait_until_all_is_freed();
  }
}

static void no_thread_is_an_error_and_the_job_stays_the_callers(void **state) {
  struct art_pool *p = new_pool(0, ART_NEVER);
  struct art_job *job = new_job(0);
  (void)state;
  assert_int_equal(art_pool_submit(p, job), -EAGAIN);
  assert_int_equal(art_pool_pending(p), 0);
  free_errand(job);
  close_pool(p);
  assert_int_equal(dropped, 0);
  assert_int_equal(allocated, 0);
}

static void close_without_a_thread_frees_at_once(void **state) {
  (void)state;
  close_pool(new_pool(4, ART_NEVER));
  assert_int_equal(allocated, 0);
}

static void close_drops_what_is_queued_and_does_not_wait_for_what_runs(void **state) {
  struct art_pool *p = new_pool(2, ART_NEVER);
  (void)state;
  submit(p, 10);
  wait_until(&running, 2);
  close_pool(p);
  wait_until(&dropped, 8); /* already so; the two that run still do */
  wait_until(&running, 2);
  open_gate();
  wait_until_all_is_freed();
  assert_int_equal(dropped, 10);
  assert_int_equal(ran, 2);
  assert_int_equal(completed, 0);
}

static void a_run_that_ended_before_the_close_is_completed(void **state) {
  struct art_pool *p = new_pool(1, ART_NEVER);
  struct pollfd rings = {.fd = bell, .events = POLLIN};
  (void)state;
  submit(p, 1);
  assert_true(art_inbox_sleep(inbox));
  open_gate();
  assert_int_equal(poll(&rings, 1, -1), 1); /* it has arrived */
  close_pool(p);                            /* the inbox delivers at its close */
  wait_until_all_is_freed();
  assert_int_equal(completed, 1);
  assert_int_equal(dropped, 0);
}

static void close_races_with_threads_that_finish(void **state) {
  (void)state;
  for (int round = 0; round < 50; round++) {
    if (round > 0) set_up(state);
    struct art_pool *p = new_pool(4, round % 2 == 0 ? 0 : ART_NEVER);
    submit(p, 20);
    open_gate();
    if (round % 3 == 0) turn();
    close_pool(p);
    wait_until_all_is_freed();
    assert_int_equal(completed + dropped, 20);
  }
}

#define POOL_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      POOL_TEST(a_job_runs_elsewhere_and_completes_here),
      POOL_TEST(signals_stay_with_the_program),
      POOL_TEST(jobs_run_side_by_side_up_to_the_limit),
      POOL_TEST(one_thread_runs_jobs_in_their_order),
      POOL_TEST(a_thread_serves_many_jobs),
      POOL_TEST(threads_that_went_idle_are_replaced),
      POOL_TEST(one_idle_thread_is_not_counted_on_twice),
      POOL_TEST(no_thread_is_an_error_and_the_job_stays_the_callers),
      POOL_TEST(close_without_a_thread_frees_at_once),
      POOL_TEST(close_drops_what_is_queued_and_does_not_wait_for_what_runs),
      POOL_TEST(a_run_that_ended_before_the_close_is_completed),
      POOL_TEST(close_races_with_threads_that_finish),
  };
  alarm(120);
  return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
