/* The ticker: that it ticks on its own thread, stops, can be stopped in a tick, and leaves the signal to others. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/list.h"
#include "drivers/ticker.h"

#define MS 1000000u

struct counter {
  struct art_ticker ticker;
  volatile unsigned ticks;
  volatile bool stop; /* itself, at its next tick */
  pthread_t thread;
  volatile bool strayed;
};

static void count(struct art_ticker *t) {
  struct counter *c = ART_CONTAINER(t, struct counter, ticker);
  c->ticks++;
  if (!pthread_equal(pthread_self(), c->thread)) c->strayed = true;
  if (c->stop) art_ticker_stop(t);
}

static void init(struct counter *c, uint64_t period_ns) {
  memset(c, 0, sizeof *c);
  c->thread = pthread_self();
  art_ticker_init(&c->ticker, count);
  assert_int_equal(art_ticker_set(&c->ticker, period_ns), 0);
}

/* Uses processor time until that many ticks have come. TSan lets signals in at calls only. */
static void work_for(const struct counter *c, unsigned ticks) {
  unsigned before = c->ticks;
  while (c->ticks - before < ticks) (void)art_monotonic_ns();
}

static void work_ms(unsigned ms) {
  uint64_t end_ns = art_monotonic_ns() + ms * MS;
  while (art_monotonic_ns() < end_ns) continue;
}

static void it_ticks_until_it_is_stopped(void **state) {
  static const uint64_t periods[] = {MS / 4, 5 * MS}; /* of either clock */
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct counter c;
    init(&c, periods[i]);
    assert_false(c.ticker.armed);
    art_ticker_start(&c.ticker);
    art_ticker_start(&c.ticker);
    work_for(&c, 3);
    art_ticker_stop(&c.ticker);
    (void)art_monotonic_ns(); /* under TSan a tick from before comes now */
    unsigned ticks = c.ticks;
    work_ms(12);
    assert_int_equal(c.ticks, ticks);
    art_ticker_start(&c.ticker);
    work_for(&c, 1);
    art_ticker_destroy(&c.ticker, true);
    assert_false(c.strayed);
  }
}

static void it_can_be_stopped_in_a_tick(void **state) {
  struct counter c;
  (void)state;
  init(&c, MS / 4);
  c.stop = true;
  art_ticker_start(&c.ticker);
  work_for(&c, 1);
  work_ms(5);
  assert_int_equal(c.ticks, 1);
  assert_false(c.ticker.armed);
  art_ticker_destroy(&c.ticker, true);
}

static void another_period_goes_on_ticking(void **state) {
  struct counter c;
  (void)state;
  init(&c, 60000u * MS);
  art_ticker_start(&c.ticker);
  assert_int_equal(art_ticker_set(&c.ticker, MS / 4), 0);
  assert_true(c.ticker.armed);
  work_for(&c, 2);
  art_ticker_destroy(&c.ticker, true);
}

static void without_a_timer_nothing_happens(void **state) {
  struct art_ticker t;
  (void)state;
  art_ticker_init(&t, count);
  art_ticker_start(&t);
  assert_false(t.armed);
  art_ticker_stop(&t);
  art_ticker_destroy(&t, true);
}

static void *tick_elsewhere(void *failed) {
  struct counter c;
  memset(&c, 0, sizeof c);
  c.thread = pthread_self();
  art_ticker_init(&c.ticker, count);
  bool ok = art_ticker_set(&c.ticker, MS / 4) == 0;
  art_ticker_start(&c.ticker);
  if (ok) work_for(&c, 20);
  art_ticker_destroy(&c.ticker, true);
  *(bool *)failed = !ok || c.strayed;
  return NULL;
}

static void threads_have_tickers_of_their_own(void **state) {
  pthread_t threads[4];
  bool failed[4];
  (void)state;
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, tick_elsewhere, &failed[i]), 0);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_false(failed[i]);
  }
}

static volatile sig_atomic_t urgent;

static void note_urgent(int signal) {
  (void)signal;
  urgent++;
}

static void others_get_their_signals(void **state) {
  struct sigaction theirs = {.sa_handler = note_urgent}, before;
  struct counter c;
  (void)state;
  assert_int_equal(sigaction(SIGURG, &theirs, &before), 0);
  init(&c, MS / 4); /* goes in before theirs again */
  art_ticker_start(&c.ticker);
  raise(SIGURG);
  assert_int_equal(urgent, 1);
  work_for(&c, 2);
  assert_int_equal(urgent, 1);
  art_ticker_destroy(&c.ticker, true);
  raise(SIGURG);
  assert_int_equal(urgent, 2);
}

static struct sigaction ours;
static volatile sig_atomic_t chained;

static void chain(int signal, siginfo_t *info, void *context) {
  chained++;
  ours.sa_sigaction(signal, info, context);
}

static void one_who_calls_ours_gets_it_once(void **state) {
  struct sigaction theirs = {.sa_sigaction = chain, .sa_flags = SA_SIGINFO};
  struct counter first, second;
  (void)state;
  init(&first, MS / 4);
  assert_int_equal(sigaction(SIGURG, &theirs, &ours), 0);
  init(&second, MS / 4); /* goes in before theirs again */
  raise(SIGURG);
  assert_int_equal(chained, 1);
  art_ticker_start(&second.ticker);
  work_for(&second, 2);
  assert_int_equal(chained, 1);
  art_ticker_destroy(&second.ticker, true);
  art_ticker_destroy(&first.ticker, true);
}

static void a_blocked_signal_is_let_through(void **state) {
  struct counter c;
  sigset_t set;
  (void)state;
  sigemptyset(&set);
  sigaddset(&set, SIGURG);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  init(&c, MS / 4);
  art_ticker_start(&c.ticker);
  work_for(&c, 1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  work_ms(2);
  art_ticker_destroy(&c.ticker, true); /* what is pending comes now, while there is a ticker */
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void a_child_of_fork_has_no_ticks(void **state) {
  struct counter c;
  int status;
  (void)state;
  init(&c, MS / 4);
  art_ticker_start(&c.ticker);
  pid_t child = fork();
  if (child == 0) {
    unsigned ticks = c.ticks;
    work_ms(5);
    art_ticker_destroy(&c.ticker, false);
    _exit(c.ticks == ticks ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  work_for(&c, 1);
  art_ticker_destroy(&c.ticker, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_ticks_until_it_is_stopped),
      cmocka_unit_test(it_can_be_stopped_in_a_tick),
      cmocka_unit_test(another_period_goes_on_ticking),
      cmocka_unit_test(without_a_timer_nothing_happens),
      cmocka_unit_test(threads_have_tickers_of_their_own),
      cmocka_unit_test(others_get_their_signals),
      cmocka_unit_test(one_who_calls_ours_gets_it_once),
      cmocka_unit_test(a_blocked_signal_is_let_through),
      cmocka_unit_test(a_child_of_fork_has_no_ticks),
  };
  alarm(120);
  return cmocka_run_group_tests_name("ticker", tests, NULL, NULL);
}
