#include "executor/executor.h"

#include <string.h>

#include "base/clock.h"
#include "base/inbox.h"
#include "base/list.h"
#include "executor/poll.h"

void art_executor_init(struct art_executor *ex, struct art_inbox *inbox) {
  memset(ex, 0, sizeof *ex);
  ex->inbox = inbox;
  ex->random = 1;
}

/* Some schedules switch at every other call, some hardly ever: what takes many switches in a row comes as often as what
** takes none where they do harm. */
void art_executor_seed(struct art_executor *ex, uint64_t seed) {
  ex->seeded = true;
  ex->random = art_random_seed(seed);
  ex->longest = 2u << art_random_below(&ex->random, 7);
}

bool art_executor_puts_off(struct art_executor *ex) {
  return !ex->seeded || ++ex->switches > ART_TICK_SWITCHES;
}

/* At the front or the back of the timers with the same deadline; those of earlier ones stay before it. */
static void push_in_group(struct art_executor *ex, struct art_task *t) {
  if (ex->group_ns != *ex->firing_ns) {
    ex->group_before = ex->woken.first == NULL ? NULL : ex->woken.last;
    ex->group_ns = *ex->firing_ns;
  }
  struct art_task **head = ex->group_before == NULL ? &ex->woken.first : &ex->group_before->next;
  if (*head == NULL || (art_executor_random(ex) & 1) != 0) {
    art_queue_push(&ex->woken, t);
  } else {
    t->next = *head;
    *head = t;
  }
}

static void push_seeded(struct art_executor *ex, struct art_task *t) {
  if (ex->phase == ART_PHASE_TIMERS)
    push_in_group(ex, t);
  else if (t->fresh)
    art_queue_push(&ex->ready, t);
  else
    art_queue_push(&ex->lane[art_executor_random(ex) % ART_LANES], t);
}

void art_executor_enqueue_slow(struct art_executor *ex, struct art_task *t) {
  if (ex->seeded)
    push_seeded(ex, t);
  else if (ex->phase != ART_PHASE_TASKS)
    art_queue_push(&ex->woken, t);
  else
    art_queue_push(&ex->ready, t);
  if (ex->exposed) {
    ex->exposed = false;
    art_inbox_notify(ex->inbox);
  }
}

static void wake_local(struct art_waker *self) {
  struct art_task *t = ART_CONTAINER(self, struct art_task, waker);
  switch ((enum art_task_state)t->state) {
  case ART_TASK_PARKED: art_executor_enqueue(t->executor, t); break;
  case ART_TASK_RUNNING: t->state = ART_TASK_WOKEN; break;
  case ART_TASK_QUEUED:
  case ART_TASK_WOKEN:
  case ART_TASK_DONE: break;
  }
}

void art_task_init(struct art_task *t, const struct art_task_class *klass,
                   struct art_executor *ex) {
  t->waker.wake = wake_local;
  t->klass = klass;
  t->executor = ex;
  t->next = NULL;
  t->state = ART_TASK_PARKED;
  t->fresh = true;
  t->yielded = false;
  t->hog = false;
  t->slices = 0;
  ex->live++;
}

static void requeue(struct art_executor *ex, struct art_task *t) {
  if (!t->hog) {
    art_executor_enqueue(ex, t);
    return;
  }
  t->state = ART_TASK_QUEUED;
  ex->queued++;
  art_queue_push(&ex->hogs, t);
}

void art_executor_put_choosy(struct art_executor *ex, struct art_task *t) {
  if (!t->yielded || !ex->ticking) {
    requeue(ex, t);
    return;
  }
  t->state = ART_TASK_QUEUED;
  art_queue_push(&ex->deferred, t);
  ex->deferred_count++;
}

void art_task_end(struct art_task *t) {
  t->state = ART_TASK_DONE;
  t->executor->live--;
}

/* A lane at random, then the next one that has a task; the tasks that were never polled are one lane. */
static struct art_task *pop_seeded(struct art_executor *ex) {
  unsigned start = (unsigned)(art_executor_random(ex) % (ART_LANES + 1));
  for (unsigned i = 0; i <= ART_LANES; i++) {
    unsigned lane = (start + i) % (ART_LANES + 1);
    struct art_task *t = art_queue_pop(lane == ART_LANES ? &ex->ready : &ex->lane[lane]);
    if (t != NULL) return t;
  }
  return NULL;
}

static struct art_task *pop_woken(struct art_executor *ex) {
  struct art_task *t = art_queue_pop(&ex->woken);
  if (t == ex->group_before)
    ex->group_before = NULL; /* what is left of its group leads the queue */
  return t;
}

/* At least one poll a turn, however late it is. */
static bool is_late(struct art_executor *ex) {
  if (ex->until_ns == ART_NEVER || !ex->begun) return false;
  return art_monotonic_ns() >= ex->until_ns;
}

static struct art_task *pick(struct art_executor *ex) {
  if (ex->seeded) ex->budget = art_random_below(&ex->random, ex->longest);
  if (ex->woken_left > 0 && ex->woken.first != NULL) {
    ex->woken_left--;
    return pop_woken(ex);
  }
  if (ex->ready_left == 0) return NULL;
  ex->ready_left--;
  return ex->seeded ? pop_seeded(ex) : art_queue_pop(&ex->ready);
}

struct art_task *art_executor_next_choosy(struct art_executor *ex) {
  struct art_task *t = is_late(ex) ? NULL : pick(ex);
  if (t != NULL) ex->begun = true;
  return t;
}

struct art_task *art_executor_take_hog(struct art_executor *ex) {
  if (!ex->hog_left || is_late(ex)) return NULL;
  ex->begun = true;
  ex->hog_left = false;
  struct art_task *t = art_queue_pop(&ex->hogs);
  t->hog = false;
  ex->hog_poll = ex->polls + 1;
  return t;
}

static bool has_ready(const struct art_executor *ex) {
  bool any = ex->ready.first != NULL;
  for (int i = 0; i < ART_LANES; i++) any |= ex->lane[i].first != NULL;
  return any;
}

bool art_executor_has_turn(const struct art_executor *ex) {
  if (ex->queued == 0) return false;
  bool hogs_count = ex->hogs.first == NULL || !ex->hogs_wait;
  return hogs_count || ex->woken.first != NULL || has_ready(ex);
}

/* If the time ended the last turn before it came to the ready tasks, the woken ones go on with the polls that they had
** left: a flood of them keeps nobody waiting from one short tick to the next. */
static void begin_turn(struct art_executor *ex, unsigned max_polls) {
  bool goes_on = ex->ready_left == max_polls && has_ready(ex);
  if (!goes_on) ex->woken_left = max_polls;
  ex->ready_left = max_polls;
  ex->hog_left = !ex->hogs_wait;
}

void art_executor_run(struct art_executor *ex, unsigned max_polls, uint64_t until_ns) {
  begin_turn(ex, max_polls);
  ex->until_ns = until_ns;
  ex->begun = false;
  ex->choosy = ex->seeded || until_ns != ART_NEVER;
  struct art_task *t = art_executor_next(ex);
  while (t != NULL) t = t->klass->run(ex, t);
}

/* The number of tasks that were in the queue and have ended. */
static unsigned purge(struct art_queue *q) {
  struct art_queue all = *q;
  struct art_task *t;
  unsigned purged = 0;
  q->first = q->last = NULL;
  while ((t = art_queue_pop(&all)) != NULL) {
    if (t->state == ART_TASK_DONE)
      purged++;
    else
      art_queue_push(q, t);
  }
  return purged;
}

void art_executor_purge(struct art_executor *ex) {
  ex->queued -= purge(&ex->woken) + purge(&ex->ready) + purge(&ex->hogs);
  for (int i = 0; i < ART_LANES; i++) ex->queued -= purge(&ex->lane[i]);
  ex->deferred_count -= purge(&ex->deferred);
  ex->group_before = NULL;
}

void art_executor_undefer(struct art_executor *ex) {
  struct art_task *t;
  ex->switches = 0;
  while ((t = art_queue_pop(&ex->deferred)) != NULL) {
    t->yielded = false;
    ex->deferred_count--;
    requeue(ex, t);
  }
}

void art_executor_clear(struct art_executor *ex) {
  ex->woken = ex->ready = ex->hogs = ex->deferred = (struct art_queue){NULL, NULL};
  memset(ex->lane, 0, sizeof ex->lane);
  ex->group_before = NULL;
  ex->queued = ex->deferred_count = 0;
}
