/* Executor: who runs next. Tasks woken by timers and I/O go before those woken by other tasks, and hogs, which had to be
** pre-empted, last; each group is first in, first out. With a seed, what has no promised order is shuffled instead. */
#ifndef ART_EXECUTOR_EXECUTOR_H
#define ART_EXECUTOR_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "executor/task.h"

struct art_inbox;

#define ART_TURN_POLLS 61   /* polls between two looks at the drivers */
#define ART_POLL_BUDGET 128 /* operations that complete at once before a poll should yield */
#define ART_LANES 4         /* shuffling queues of a seeded executor */
#define ART_TICK_SWITCHES                                                                          \
  1024 /* that a seed may make in a tick before they put tasks off until the next */

struct art_queue {
  struct art_task *first, *last;
};

enum art_phase { ART_PHASE_TASKS, ART_PHASE_IO, ART_PHASE_TIMERS };

struct art_executor {
  struct art_queue woken;    /* by timers and I/O */
  struct art_queue ready;    /* by other tasks; with a seed: not polled yet */
  struct art_queue hogs;     /* pre-empted; with the others idle, one a turn */
  struct art_queue deferred; /* yielded in this tick */
  struct art_inbox *inbox;
  unsigned queued; /* tasks in woken, ready, hogs and the lanes */
  unsigned deferred_count;
  unsigned live;       /* tasks that have not ended */
  unsigned woken_left; /* polls that this turn has left for either kind */
  unsigned ready_left;
  bool hog_left;        /* this turn may still poll one of the hogs */
  uint32_t polls;       /* so far: tells one poll from the next */
  uint32_t hog_poll;    /* the last one of a hog */
  uint64_t until_ns;    /* monotonic; when the turn ends in any case */
  bool begun;           /* a task was polled in this turn */
  bool choosy;          /* a seed or until_ns has a say in what is next */
  unsigned budget;      /* operations left to the running poll */
  enum art_phase phase; /* on whose behalf wakes come in */
  bool ticking;         /* a host drives: yields last until the next tick */
  bool hogs_wait;       /* a manual clock is on its way: hogs go on where it arrives */
  bool exposed;         /* a host waits on the descriptor: the next push must notify it */
  bool seeded;
  unsigned
      longest; /* with a seed: a poll has fewer operations than this before it lets others run, */
  unsigned switches; /* and so often did one do so in this tick */
  uint64_t random;
  const uint64_t *firing_ns;     /* in the timers' phase: the deadline that fires now, */
  uint64_t group_ns;             /* the deadline that the last woken task belongs to, */
  struct art_task *group_before; /* and the last woken task of an earlier one */
  struct art_queue lane[ART_LANES];
};

void art_executor_init(struct art_executor *ex, struct art_inbox *inbox);
void art_executor_seed(struct art_executor *ex, uint64_t seed);

/* Polls at most max_polls tasks woken by drivers and as many ready ones, until until_ns (monotonic; ART_NEVER: no
** clock is read), at least one. */
void art_executor_run(struct art_executor *ex, unsigned max_polls, uint64_t until_ns);

/* Would a turn poll somebody now? */
bool art_executor_has_turn(const struct art_executor *ex);

/* What yielded since the last call becomes ready. */
void art_executor_undefer(struct art_executor *ex);

/* Takes out of the queues what was ended while it was in one. Their memory may go after that. */
void art_executor_purge(struct art_executor *ex);

/* Closing: nobody is queued any more. Tasks end there without having been taken out of their queue. */
void art_executor_clear(struct art_executor *ex);

/* For every choice that a seed decides. */
static inline uint64_t art_executor_random(struct art_executor *ex) {
  return art_random(&ex->random);
}

static inline bool art_executor_ready(const struct art_executor *ex) {
  return ex->queued > 0;
}

/* One operation that could complete at once. False: the budget is spent, or a seed wants others to run first; the caller
** should wake itself and park. */
static inline bool art_executor_spend(struct art_executor *ex) {
  if (ex->budget == 0) return false;
  ex->budget--;
  return true;
}

/* After a false: is the task to wait for the next tick, as one that yielded? A spent budget says so, lest one that never
** has to wait hold the tick for ever; a switch that only the seed made does not, as long as there are not too many. */
bool art_executor_puts_off(struct art_executor *ex);

#endif
