/* Runtime: a thread's executor, timers and reactor, and the turn that goes round them: run the ready tasks; sleep
** in the reactor until an event, a notify or the next deadline; advance the timers. */
#ifndef ART_EXECUTOR_RUNTIME_H
#define ART_EXECUTOR_RUNTIME_H

#include "base/birth.h"
#include "base/clock.h"
#include "base/inbox.h"
#include "base/list.h"
#include "drivers/pool.h"
#include "drivers/reactor.h"
#include "drivers/wheel.h"
#include "executor/executor.h"

struct art_runtime {
  struct art_allocator allocator;
  struct art_clock clock;
  struct art_wheel wheel; /* deadlines of the runtime's clock */
  struct art_wheel
      outer_wheel; /* but with a virtual clock: deadlines of the outside world, in real time */
  uint64_t outer_origin_ns; /* the monotonic time that counts as 0 there */
  struct art_reactor reactor;
  struct art_inbox *inbox;
  struct art_pool *pool; /* made at the first job */
  struct art_executor executor;
  struct art_waker *frame; /* woken once a tick or at the end of an advance; or NULL */
  bool advanced;           /* since the last tick: that one is no frame */
  struct art_list owned;   /* tasks made by art_spawn that have not ended */
  int timer_fd;            /* made by art_runtime_fd; -1 before */
  uint64_t alarm_ns;       /* for when it is set */
  struct art_birth birth;  /* a child of fork must leave the runtime alone */
  unsigned holds;          /* while there are any a virtual clock does not jump */
  bool entered;            /* a turn is under way */
};

enum art_turn {
  ART_TURN_GOES_ON, /* something ran, or is ready, or may become so */
  ART_TURN_STUCK    /* nothing is ready and nothing can ever make it so */
};

/* False in a child of fork: there only close is of any use. */
bool art_runtime_is_ours(const struct art_runtime *rt);

/* Lets no call from inside a poll, and no child of fork, drive the loop. 0, -EBUSY or -ECHILD; leave after 0. */
int art_runtime_enter(struct art_runtime *rt);
void art_runtime_leave(struct art_runtime *rt);

/* Entered. One turn, which sleeps if nothing is ready. An enum art_turn, -EINTR if a signal ended the sleep, -ECHILD if a
** task has forked and this is the child. */
int art_runtime_turn(struct art_runtime *rt);

/* Entered. What art_runtime_tick and, on a manual clock, art_runtime_advance do. */
void art_runtime_tick_inside(struct art_runtime *rt, uint64_t budget_ns);
void art_runtime_advance_inside(struct art_runtime *rt, uint64_t dt_ns, uint64_t budget_ns);

/* Tasks that a turn would poll, with those that wait for the next tick. */
unsigned art_runtime_ready(const struct art_runtime *rt);

/* Deadlines of I/O, names, processes: real time, but on a virtual clock the virtual one. */
struct art_wheel *art_runtime_outer_wheel(struct art_runtime *rt);
uint64_t art_runtime_outer_now_ns(const struct art_runtime *rt);

/* Submits a blocking job; 0 or -errno as art_pool_submit. */
int art_runtime_submit_job(struct art_runtime *rt, struct art_job *job);

#endif
