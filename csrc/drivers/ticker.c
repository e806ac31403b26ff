#include "drivers/ticker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNAL SIGURG
#define CPU_FROM_NS 4000000 /* the kernel looks at processor time once a tick of its own */

/* What handles a signal belongs to the whole process. Ours goes in at the first ticker and stays: whoever had the signal
** before is called for all that is not a timer's. */
static struct {
  pthread_mutex_t lock;
  pthread_once_t once;
  bool installed;
  struct sigaction first;  /* written before ours can run: what there was then, */
  struct sigaction before; /* and what has taken the signal since, which may call ours in turn */
  volatile sig_atomic_t passing;
  pthread_t passer;
} handler = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static void lock(void) {
  pthread_mutex_lock(&handler.lock);
}

static void unlock(void) {
  pthread_mutex_unlock(&handler.lock);
}

/* A child of fork may need the lock that another thread of the parent had. */
static void keep_over_fork(void) {
  (void)pthread_atfork(lock, unlock, unlock);
}

static void call(const struct sigaction *action, int signal, siginfo_t *info, void *context) {
  if ((action->sa_flags & SA_SIGINFO) != 0)
    action->sa_sigaction(signal, info, context);
  else if (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN)
    action->sa_handler(signal);
}

static void pass_on(int signal, siginfo_t *info, void *context) {
  if (handler.passing && pthread_equal(handler.passer, pthread_self())) {
    call(&handler.first, signal, info, context); /* it came back to us */
    return;
  }
  handler.passer = pthread_self();
  handler.passing = 1;
  call(&handler.before, signal, info, context);
  handler.passing = 0;
}

static void handle(int signal, siginfo_t *info, void *context) {
  int err = errno;
  if (info->si_code == SI_TIMER) {
    struct art_ticker *t = info->si_value.sival_ptr; /* no thread-local look-up: it may allocate */
    t->tick(t);
  } else {
    pass_on(signal, info, context);
  }
  errno = err;
}

/* Also where somebody else has taken the signal since. */
static int install(void) {
  struct sigaction ours = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
  struct sigaction now;
  int err = 0;
  sigemptyset(&ours.sa_mask);
  pthread_once(&handler.once, keep_over_fork);
  lock();
  if (sigaction(SIGNAL, NULL, &now) < 0) {
    err = -errno;
  } else if ((now.sa_flags & SA_SIGINFO) == 0 || now.sa_sigaction != handle) {
    handler.before = now;
    if (!handler.installed) handler.first = now;
    if (sigaction(SIGNAL, &ours, NULL) < 0) err = -errno;
    if (err == 0) handler.installed = true;
  }
  unlock();
  return err;
}

static void unblock(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGNAL);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* A tick that is on its way is delivered as the call returns, for the signal is not blocked here. */
static void delete (struct art_ticker *t) {
  unblock();
  timer_delete(t->timer);
}

void art_ticker_init(struct art_ticker *t, void (*tick)(struct art_ticker *)) {
  memset(t, 0, sizeof *t);
  t->tick = tick;
}

int art_ticker_set(struct art_ticker *t, uint64_t period_ns) {
  clockid_t clock = period_ns < CPU_FROM_NS ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGNAL};
  timer_t timer;
  int err = install();
  if (err < 0) return err;
  event.sigev_value.sival_ptr = t;
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  if (timer_create(clock, &event, &timer) < 0) return -errno;
  bool armed = t->armed;
  if (t->period_ns != 0) delete (t);
  unblock();
  t->timer = timer;
  t->period_ns = period_ns;
  t->armed = false;
  if (armed) art_ticker_start(t);
  return 0;
}

static void set_time(struct art_ticker *t, uint64_t ns) {
  struct timespec every = {.tv_sec = (time_t)(ns / 1000000000u),
                           .tv_nsec = (long)(ns % 1000000000u)};
  struct itimerspec when = {.it_interval = every, .it_value = every};
  timer_settime(t->timer, 0, &when, NULL);
}

void art_ticker_start(struct art_ticker *t) {
  if (t->period_ns == 0 || t->armed) return;
  t->armed = true;
  set_time(t, t->period_ns);
}

void art_ticker_stop(struct art_ticker *t) {
  if (t->period_ns == 0 || !t->armed) return;
  t->armed = false;
  set_time(t, 0);
}

uint64_t art_ticker_used_ns(void) {
  struct timespec used = {0};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

void art_ticker_destroy(struct art_ticker *t, bool ours) {
  if (t->period_ns != 0 && ours) delete (t);
  t->period_ns = 0;
  t->armed = false;
}
