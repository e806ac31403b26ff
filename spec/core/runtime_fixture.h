/* What the specs of the executor share: a runtime whose allocations are counted and can be made to fail, and actors:
** tasks that play a part, note every poll in a trace, and give back what they hold when their state is dropped.
** After every test no block and no descriptor may be left; a test that waits for ever is ended by an alarm. */
#ifndef SPEC_RUNTIME_FIXTURE_H
#define SPEC_RUNTIME_FIXTURE_H

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asyncrt.h"

/* --- memory and descriptors ------------------------------------------------------------------- */

static atomic_size_t allocated; /* bytes */
static atomic_uint allocations; /* calls that asked for memory */
static unsigned fail_at;        /* the allocation that fails, counted from 1; 0: none */
static bool fail_on;            /* and all that follow */

static inline bool is_to_fail(unsigned n) {
  return fail_at != 0 && (n == fail_at || (fail_on && n > fail_at));
}

static inline void *count_allocations(void *ud, void *block, size_t old_size, size_t size) {
  (void)ud;
  if (size != 0 && is_to_fail(atomic_fetch_add(&allocations, 1) + 1)) return NULL;
  atomic_fetch_add(&allocated, size);
  if (block != NULL) atomic_fetch_sub(&allocated, old_size);
  if (size != 0) return realloc(block, size);
  free(block);
  return NULL;
}

static inline void fail_allocation(unsigned n, bool all_that_follow) {
  atomic_store(&allocations, 0);
  fail_at = n;
  fail_on = all_that_follow;
}

/* The pool goes with its last thread. */
static inline void await_free(void) {
  while (atomic_load(&allocated) != 0) sched_yield();
}

static inline unsigned open_descriptors(void) {
  unsigned n = 0;
  for (int fd = 0; fd < 1024; fd++) n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

/* --- the runtime ------------------------------------------------------------------------------ */

static const char *driver; /* NULL: the best */
static struct art_runtime *rt;
static unsigned descriptors_before;

static inline struct art_runtime *new_runtime(struct art_config config) {
  if (config.driver == NULL) config.driver = driver;
  config.allocator.resize = count_allocations;
  return art_runtime_new(&config);
}

/* In place of the one that every test begins with. */
static inline void use_runtime(struct art_config config) {
  art_runtime_close(rt);
  rt = new_runtime(config);
  assert_non_null(rt);
}

static inline void use_clock(enum art_clock_kind clock) {
  use_runtime((struct art_config){.clock = clock});
}

static inline void close_runtime(void) {
  art_runtime_close(rt);
  rt = NULL;
}

static char trace[8192]; /* of who was polled */
static size_t traced;

static inline void clear_trace(void) {
  traced = 0;
  trace[0] = 0;
}

/* Steps through the drivers: the whole table is run for each. False after the last. */
static inline bool next_driver(void) {
  static const char *const names[] = {"epoll", "poll", NULL};
  static size_t next;
  alarm(120);
  driver = names[next++];
  return driver != NULL;
}

static inline void run(void) {
  assert_int_equal(art_runtime_run(rt), 0);
}

static inline void run_until_stuck(void) {
  assert_int_equal(art_runtime_run(rt), -EDEADLK);
}

static inline int tick(void) {
  return art_runtime_tick(rt, ART_NEVER);
}

/* --- actors ----------------------------------------------------------------------------------- */

struct actor;
typedef enum art_poll act_fn(struct actor *self);

struct actor {
  char name; /* in the trace; 0: not in it */
  act_fn *act;
  void (*on_drop)(struct actor *self);
  struct art_poll_cx *cx;  /* inside a poll */
  struct art_waker *waker; /* a clone, its own until its state is dropped */
  struct art_sleep *sleep; /* same */
  struct art_io *io;       /* same */
  char byte;               /* where it receives: the driver may write here between two polls */
  int fd, peer;            /* both ends of a connection, same; 0: none */
  uint64_t deadline_ns;
  struct actor *other;           /* whom it acts on */
  struct art_task *task;         /* of the last spawn; a handle only if the test kept it */
  unsigned polls, drops, wishes; /* wishes: polls that it asks for itself */
};

static struct actor
    stage[1024]; /* outlives the test function, as tasks do that are dropped at the close */
static unsigned on_stage;

static inline struct actor *cast(char name, act_fn *act) {
  assert_true(on_stage < sizeof stage / sizeof stage[0]);
  struct actor *a = &stage[on_stage++];
  *a = (struct actor){.name = name, .act = act};
  return a;
}

static inline struct actor *cast_with(char name, act_fn *act, struct actor *other) {
  struct actor *a = cast(name, act);
  a->other = other;
  return a;
}

static inline void note(char name) {
  if (name == 0 || traced + 1 >= sizeof trace) return;
  trace[traced++] = name;
  trace[traced] = 0;
}

static inline enum art_poll poll_actor(struct art_poll_cx *cx, void *state) {
  struct actor *a = state;
  a->polls++;
  a->cx = cx;
  note(a->name);
  enum art_poll answer = a->act(a);
  a->cx = NULL;
  return answer;
}

static inline void drop_actor(void *state) {
  struct actor *a = state;
  a->drops++;
  if (a->waker != NULL) art_waker_drop(a->waker);
  a->waker = NULL;
  if (a->sleep != NULL) art_sleep_free(a->sleep);
  a->sleep = NULL;
  if (a->io != NULL) art_io_free(a->io);
  a->io = NULL;
  if (a->fd > 0) close(a->fd);
  if (a->peer > 0) close(a->peer);
  a->fd = a->peer = 0;
  if (a->on_drop != NULL) a->on_drop(a);
}

static inline void give_pair(struct actor *a) {
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  a->fd = fds[0];
  a->peer = fds[1];
}

/* A pair of which it can wait for one end. */
static inline void give_socket(struct actor *a) {
  give_pair(a);
  a->io = art_io_new(rt, a->fd);
  assert_non_null(a->io);
}

static inline void send_to(const struct actor *a) {
  assert_int_equal(send(a->peer, "x", 1, 0), 1);
}

/* Spawns it and keeps the handle. */
static inline struct art_task *spawn(struct actor *a) {
  a->task = art_spawn(rt, poll_actor, a, drop_actor);
  assert_non_null(a->task);
  return a->task;
}

/* Spawns it and lets go of the handle: nobody outside can wake it. */
static inline void start(struct actor *a) {
  art_task_unref(spawn(a));
}

static inline void wake_self(struct actor *self) {
  art_waker_wake(art_poll_waker(self->cx));
}

static inline int set_up(void **state) {
  (void)state;
  fail_allocation(0, false);
  clear_trace();
  on_stage = 0;
  descriptors_before = open_descriptors();
  rt = new_runtime((struct art_config){.clock = ART_CLOCK_REAL});
  return rt == NULL;
}

static inline int tear_down(void **state) {
  (void)state;
  if (rt != NULL) close_runtime();
  if (atomic_load(&allocated) != 0) print_error("%zu bytes left\n", atomic_load(&allocated));
  if (open_descriptors() != descriptors_before) print_error("descriptors left open\n");
  return atomic_load(&allocated) == 0 && open_descriptors() == descriptors_before ? 0 : -1;
}

#define ON_RUNTIME(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* --- parts to play ---------------------------------------------------------------------------- */

static inline enum art_poll finish(struct actor *self) {
  (void)self;
  return ART_READY;
}

static inline enum art_poll stay(struct actor *self) {
  (void)self;
  return ART_PENDING;
}

/* Ready with the poll after the last wish. */
static inline enum art_poll wish(struct actor *self) {
  if (self->wishes == 0) return ART_READY;
  self->wishes--;
  wake_self(self);
  return ART_PENDING;
}

/* Leaves a clone of its waker for others at the first poll and is ready at the second. */
static inline enum art_poll await_wake(struct actor *self) {
  if (self->waker != NULL) return ART_READY;
  self->waker = art_waker_clone(art_poll_waker(self->cx));
  return ART_PENDING;
}

/* As await_wake, but always goes on waiting. */
static inline enum art_poll stay_wakeable(struct actor *self) {
  if (self->waker == NULL) self->waker = art_waker_clone(art_poll_waker(self->cx));
  return ART_PENDING;
}

static inline enum art_poll sleep_until(struct actor *self) {
  if (self->sleep == NULL) self->sleep = art_sleep_new(rt);
  assert_non_null(self->sleep);
  return art_sleep(self->cx, self->sleep, self->deadline_ns);
}

/* Ready with the first byte. */
static inline enum art_poll receive(struct actor *self) {
  ssize_t n;
  if (art_recv(self->cx, self->io, &self->byte, 1, &n) == ART_PENDING) return ART_PENDING;
  assert_int_equal(n, 1);
  return ART_READY;
}

/* --- other threads ---------------------------------------------------------------------------- */

static inline pthread_t start_thread(void *(*body)(void *), void *arg) {
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, body, arg), 0);
  return thread;
}

static inline void elsewhere(void *(*body)(void *), void *arg) {
  assert_int_equal(pthread_join(start_thread(body, arg), NULL), 0);
}

static inline void *wake_it(void *waker) {
  art_waker_wake(waker);
  return NULL;
}

static inline void *cancel_it(void *task) {
  art_task_cancel(task);
  return NULL;
}

#endif
