/* Pool: a queue of jobs under one lock. A submit makes a thread when more jobs are queued than
** threads are idle. The pool's block is held by its owner and by every thread; whoever leaves last
** frees it, so that close need not wait for a job that runs. */
#include "drivers/pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"

#define STACK_SIZE ((size_t)256 * 1024) /* getaddrinfo with its plugins takes some 100 KiB */

struct art_pool {
  struct art_allocator allocator;
  struct art_inbox *inbox; /* a reference */
  unsigned max_threads;
  uint64_t idle_ns;
  unsigned pending;      /* the owner's alone */
  pthread_mutex_t lock;  /* for all below */
  pthread_cond_t queued; /* a job came, or the pool was closed */
  struct art_job *first, **end;
  unsigned waiting; /* jobs in the queue */
  unsigned idle;    /* threads in wait_for_job */
  unsigned threads;
  bool closed; /* by the owner, who is gone; the queue stays empty */
};

/* --- the queue, under the lock ---------------------------------------------------------------- */

static void enqueue(struct art_pool *p, struct art_job *job) {
  job->next = NULL;
  *p->end = job;
  p->end = &job->next;
  p->waiting++;
}

static struct art_job *dequeue(struct art_pool *p) {
  struct art_job *job = p->first;
  p->first = job->next;
  if (p->first == NULL) p->end = &p->first;
  p->waiting--;
  return job;
}

static struct art_job *take_all(struct art_pool *p) {
  struct art_job *jobs = p->first;
  p->first = NULL;
  p->end = &p->first;
  p->waiting = 0;
  return jobs;
}

/* --- a thread --------------------------------------------------------------------------------- */

/* When nobody is left and the lock is free: frees the pool. */
static void destroy(struct art_pool *p) {
  struct art_allocator a = p->allocator;
  art_inbox_unref(p->inbox);
  pthread_cond_destroy(&p->queued);
  pthread_mutex_destroy(&p->lock);
  art_free(&a, p, sizeof *p);
}

static struct timespec deadline_after(uint64_t delay_ns) {
  uint64_t now_ns = art_monotonic_ns();
  uint64_t ns = delay_ns < UINT64_MAX - now_ns ? now_ns + delay_ns : UINT64_MAX;
  return (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
}

/* Under the lock, which it gives up while it waits. NULL: the thread is to end. */
static struct art_job *wait_for_job(struct art_pool *p) {
  struct timespec deadline = deadline_after(p->idle_ns);
  int err = 0;
  p->idle++;
  while (p->first == NULL && !p->closed && err == 0)
    err = pthread_cond_timedwait(&p->queued, &p->lock, &deadline);
  p->idle--;
  return p->first != NULL ? dequeue(p) : NULL; /* a job that came with the timeout is taken */
}

/* Without the lock. From the push on, the job is the owner's. */
static void run_job(struct art_pool *p, struct art_job *job) {
  job->run(job);
  if (!art_inbox_push(p->inbox, &job->node)) job->drop(job);
}

static void *work(void *arg) {
  struct art_pool *p = arg;
  struct art_job *job;
  pthread_mutex_lock(&p->lock);
  while ((job = wait_for_job(p)) != NULL) {
    pthread_mutex_unlock(&p->lock);
    run_job(p, job);
    pthread_mutex_lock(&p->lock);
  }
  p->threads--;
  bool last = p->closed && p->threads == 0;
  pthread_mutex_unlock(&p->lock);
  if (last) destroy(p);
  return NULL;
}

static size_t stack_size(void) {
  size_t least = (size_t)PTHREAD_STACK_MIN;
  return least > STACK_SIZE ? least : STACK_SIZE;
}

/* Signals stay with the threads of the program: a thread starts with the mask of the one that makes
** it. */
static int start_thread(struct art_pool *p) {
  pthread_attr_t attr;
  pthread_t thread;
  sigset_t all, before;
  int err = pthread_attr_init(&attr);
  if (err != 0) return -err;
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, stack_size());
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  err = pthread_create(&thread, &attr, work, p);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  return -err;
}

/* Under the lock: one more thread if there may be one. */
static int add_thread(struct art_pool *p) {
  if (p->threads >= p->max_threads) return -EAGAIN;
  int err = start_thread(p);
  if (err == 0) p->threads++;
  return err;
}

/* --- the owner -------------------------------------------------------------------------------- */

/* Idle times are measured on a clock that nobody sets. */
static int init_condition(pthread_cond_t *condition) {
  pthread_condattr_t attr;
  int err = pthread_condattr_init(&attr);
  if (err != 0) return -err;
  err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  if (err == 0) err = pthread_cond_init(condition, &attr);
  pthread_condattr_destroy(&attr);
  return -err;
}

struct art_pool *art_pool_new(const struct art_allocator *a, struct art_inbox *inbox,
                              unsigned max_threads, uint64_t idle_ns) {
  struct art_pool *p = art_alloc(a, sizeof *p);
  if (p == NULL) return NULL;
  *p = (struct art_pool){.allocator = *a, .max_threads = max_threads, .idle_ns = idle_ns};
  p->end = &p->first;
  if (init_condition(&p->queued) < 0) goto free_pool;
  if (pthread_mutex_init(&p->lock, NULL) != 0) goto destroy_condition;
  p->inbox = art_inbox_ref(inbox);
  return p;

destroy_condition:
  pthread_cond_destroy(&p->queued);
free_pool:
  art_free(a, p, sizeof *p);
  return NULL;
}

static void deliver(struct art_inbox_node *node) {
  struct art_job *job = ART_CONTAINER(node, struct art_job, node);
  job->pool->pending--;
  job->complete(job);
}

int art_pool_submit(struct art_pool *p, struct art_job *job) {
  int err = 0;
  job->pool = p;
  job->node.deliver = deliver;
  pthread_mutex_lock(&p->lock);
  if (p->waiting >= p->idle) err = add_thread(p);
  bool accepted = err == 0 || p->threads > 0; /* else nobody would ever take it */
  if (accepted) {
    enqueue(p, job);
    p->pending++;
    pthread_cond_signal(&p->queued);
  }
  pthread_mutex_unlock(&p->lock);
  return accepted ? 0 : err;
}

unsigned art_pool_pending(const struct art_pool *p) {
  return p->pending;
}

void art_pool_close(struct art_pool *p) {
  pthread_mutex_lock(&p->lock);
  struct art_job *jobs = take_all(p);
  p->closed = true;
  bool last = p->threads == 0;
  pthread_cond_broadcast(&p->queued);
  pthread_mutex_unlock(&p->lock);
  if (last) destroy(p);
  while (jobs != NULL) {
    struct art_job *job = jobs;
    jobs = job->next; /* drop frees the job */
    job->drop(job);
  }
}
