/* The executor's inner steps, inline for the loops of task classes: take the next task, poll it, put it away. These are
** the hot path: no call, no clock, no atomic. */
#ifndef ART_EXECUTOR_POLL_H
#define ART_EXECUTOR_POLL_H

#include "executor/executor.h"

static inline void art_queue_push(struct art_queue *q, struct art_task *t) {
  t->next = NULL;
  if (q->first == NULL)
    q->first = t;
  else
    q->last->next = t;
  q->last = t;
}

static inline struct art_task *art_queue_pop(struct art_queue *q) {
  struct art_task *t = q->first;
  if (t != NULL) q->first = t->next;
  return t;
}

/* Where it matters on whose behalf the task was woken, or who must learn of it. */
void art_executor_enqueue_slow(struct art_executor *ex, struct art_task *t);

static inline void art_executor_enqueue(struct art_executor *ex, struct art_task *t) {
  t->state = ART_TASK_QUEUED;
  ex->queued++;
  if (ex->seeded || ex->exposed || ex->phase != ART_PHASE_TASKS)
    art_executor_enqueue_slow(ex, t);
  else
    art_queue_push(&ex->ready, t);
}

/* A task that was woken in its poll. One that yielded inside a tick waits for the next tick. */
void art_executor_put_choosy(struct art_executor *ex, struct art_task *t);

struct art_task *art_executor_next_choosy(struct art_executor *ex);

static inline struct art_task *art_executor_take(struct art_executor *ex) {
  if (ex->choosy) return art_executor_next_choosy(ex);
  if (ex->woken.first != NULL && ex->woken_left > 0) {
    ex->woken_left--;
    return art_queue_pop(&ex->woken);
  }
  if (ex->ready_left == 0) return NULL;
  ex->ready_left--;
  return art_queue_pop(&ex->ready);
}

/* All others have had their polls. */
struct art_task *art_executor_take_hog(struct art_executor *ex);

/* The next task of this turn, running; NULL: the turn is over. */
static inline struct art_task *art_executor_next(struct art_executor *ex) {
  ex->budget = ART_POLL_BUDGET; /* a seed may give less */
  struct art_task *t = art_executor_take(ex);
  if (t == NULL && (ex->hogs.first == NULL || (t = art_executor_take_hog(ex)) == NULL)) return NULL;
  ex->queued--;
  ex->polls++;
  t->state = ART_TASK_RUNNING;
  t->fresh = false;
  t->yielded = false;
  return t;
}

/* After a poll that did not end the task. */
static inline void art_executor_put(struct art_executor *ex, struct art_task *t) {
  if (t->state == ART_TASK_RUNNING)
    t->state = ART_TASK_PARKED;
  else if (ex->choosy || ex->ticking)
    art_executor_put_choosy(ex, t);
  else {
    t->state = ART_TASK_QUEUED;
    ex->queued++;
    art_queue_push(&ex->ready, t);
  }
}

#endif
