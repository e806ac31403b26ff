/* Task: what the executor knows of one. Parked -> queued -> running -> (woken ->) queued or parked ... -> done.
** What a poll does, and who owns the memory, is its class's business. */
#ifndef ART_EXECUTOR_TASK_H
#define ART_EXECUTOR_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "asyncrt.h"
#include "base/waker.h"

struct art_executor;
struct art_task;

enum art_task_state {
  ART_TASK_PARKED,  /* waits for a wake; in no queue */
  ART_TASK_QUEUED,  /* in a ready queue; further wakes change nothing */
  ART_TASK_RUNNING, /* being polled */
  ART_TASK_WOKEN,   /* being polled, and queued once more when the poll ends */
  ART_TASK_DONE     /* never polled again; wakes change nothing */
};

/* Kinds of tasks. A class polls its tasks in a loop of its own, so that between the executor's loop and the poll
** there is no call for every task: see poll.h. */
struct art_task_class {
  /* Polls 't', then whatever tasks of the same class come next. The first task of another class, NULL: none. */
  struct art_task *(*run)(struct art_executor *ex, struct art_task *t);
};

/* Embedded in every kind of task. */
struct art_task {
  struct art_waker waker; /* the local one: runtime's thread only */
  const struct art_task_class *klass;
  struct art_executor *executor;
  struct art_task *next; /* in a ready queue */
  uint8_t state;         /* enum art_task_state */
  bool fresh;            /* never polled: such tasks keep their order under every seed */
  bool yielded;          /* asked to be put behind the others: in a tick, until the next one */
  bool hog;              /* with that, was made to: it goes last of all */
  uint8_t slices;        /* its class's own: how often in a row it was */
};

/* A parked task, known to the executor and counted by it. Nothing can fail. */
void art_task_init(struct art_task *t, const struct art_task_class *klass, struct art_executor *ex);

/* Inside its poll, or when it is parked for good: the task is done. */
void art_task_end(struct art_task *t);

/* Queues a parked task, or marks a running one to be queued after its poll. */
static inline void art_task_wake(struct art_task *t) {
  art_wake(&t->waker);
}

#endif
