/* The scenario that has no Lua in it: what only hosts in C ask the core for. */
#ifndef ART_SPEC_C_TASKS_H
#define ART_SPEC_C_TASKS_H

#include <errno.h>

#include "sweep.h"

/* A task that sleeps, then waits at a descriptor that is never ready, and leaves a waker to somebody. */
struct c_task {
  struct art_runtime *rt;
  struct art_sleep *sleep;
  struct art_io *io;
  struct art_waker *waker;
  int fd;
  bool slept, dropped, refused;
};

static enum art_poll poll_c_task(struct art_poll_cx *cx, void *state) {
  struct c_task *t = state;
  char byte;
  ssize_t n;
  if (t->waker == NULL && art_poll_waker(cx) != NULL)
    t->waker = art_waker_clone(art_poll_waker(cx));
  if (t->sleep == NULL) t->sleep = art_sleep_new(t->rt);
  if (t->io == NULL) t->io = art_io_new(t->rt, t->fd);
  t->refused = t->waker == NULL || t->sleep == NULL || t->io == NULL;
  if (t->refused) return ART_READY;
  if (art_sleep(cx, t->sleep, 1000) == ART_PENDING) return ART_PENDING;
  t->slept = true;
  return art_recv(cx, t->io, &byte, 1, &n);
}

static void drop_c_task(void *state) {
  struct c_task *t = state;
  if (t->sleep != NULL) art_sleep_free(t->sleep);
  if (t->io != NULL) art_io_free(t->io);
  t->dropped = true;
}

/* False: it was refused something, and said so. */
static bool run_c_task(struct c_task *t) {
  struct art_config config = {.clock = ART_CLOCK_VIRTUAL, .allocator = {.resize = core_resize}};
  t->rt = art_runtime_new(&config);
  if (t->rt == NULL) return errno != ENOMEM;
  struct art_task *task = art_spawn(t->rt, poll_c_task, t, drop_c_task);
  bool spawned = task != NULL || errno != ENOMEM;
  if (task != NULL) art_task_unref(task);
  for (int i = 0; i < 4; i++) (void)art_runtime_tick(t->rt, ART_NEVER);
  art_runtime_close(t->rt);
  if (t->waker != NULL) art_waker_drop(t->waker);
  return spawned && !t->refused;
}

static bool sweep_c_task(void *unused, enum mode mode, long k) {
  int ends[2];
  (void)unused;
  unsigned long long fds = open_fds();
  begin_run(mode, k);
  if (pipe(ends) < 0) return false;
  struct c_task t = {.fd = ends[0]};
  sweep.armed = true;
  bool done = run_c_task(&t);
  sweep.armed = false;
  close(ends[0]);
  close(ends[1]);
  bool fine = done == (sweep.refusals == 0) && (!done || (t.slept && t.dropped));
  if (!fine) fine = complain("%s", done ? "a refusal went unnoticed" : "no work done, no refusal");
  return books_balance(fds) && fine;
}

#endif
