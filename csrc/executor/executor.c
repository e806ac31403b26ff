#include "executor/executor.h"

#include <string.h>

#include "base/clock.h"
#include "base/inbox.h"
#include "base/list.h"

static void push(struct art_queue *q, struct art_task *t) {
  t->next = NULL;
  if (q->first == NULL)
    q->first = t;
  else
    q->last->next = t;
  q->last = t;
}

static struct art_task *pop(struct art_queue *q) {
  struct art_task *t = q->first;
  if (t != NULL) q->first = t->next;
  return t;
}

uint64_t art_executor_random(struct art_executor *ex) {
  uint64_t x = ex->random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  ex->random = x;
  return x * 0x2545F4914F6CDD1Dull;
}

void art_executor_init(struct art_executor *ex, const struct art_allocator *a,
                       struct art_inbox *inbox) {
  memset(ex, 0, sizeof *ex);
  ex->allocator = a;
  ex->inbox = inbox;
  ex->random = 1;
}

void art_executor_seed(struct art_executor *ex, uint64_t seed) {
  ex->seeded = true;
  ex->random = seed * 0x9E3779B97F4A7C15ull + 0xD1B54A32D192ED03ull;
  if (ex->random == 0) ex->random = 1;
  for (int i = 0; i < 4; i++) art_executor_random(ex); /* near seeds part ways */
}

/* At the front or the back of the timers with the same deadline; those of earlier ones stay before it. */
static void push_in_group(struct art_executor *ex, struct art_task *t) {
  if (ex->woken.first == NULL) {
    ex->group_before = NULL;
    ex->group_ns = *ex->firing_ns;
  } else if (ex->group_ns != *ex->firing_ns) {
    ex->group_before = ex->woken.last;
    ex->group_ns = *ex->firing_ns;
  }
  struct art_task **head = ex->group_before == NULL ? &ex->woken.first : &ex->group_before->next;
  if (*head == NULL || (art_executor_random(ex) & 1) != 0) {
    push(&ex->woken, t);
  } else {
    t->next = *head;
    *head = t;
  }
}

static void push_seeded(struct art_executor *ex, struct art_task *t) {
  if (ex->phase == ART_PHASE_TIMERS)
    push_in_group(ex, t);
  else if (t->fresh)
    push(&ex->ready, t);
  else
    push(&ex->lane[art_executor_random(ex) % ART_LANES], t);
}

static void enqueue(struct art_executor *ex, struct art_task *t) {
  t->state = ART_TASK_QUEUED;
  ex->queued++;
  if (ex->seeded)
    push_seeded(ex, t);
  else if (ex->phase != ART_PHASE_TASKS)
    push(&ex->woken, t);
  else
    push(&ex->ready, t);
  if (ex->exposed) {
    ex->exposed = false;
    art_inbox_notify(ex->inbox);
  }
}

static void wake_local(struct art_waker *self) {
  struct art_task *t = ART_CONTAINER(self, struct art_task, waker);
  switch ((enum art_task_state)t->state) {
  case ART_TASK_PARKED: enqueue(t->executor, t); break;
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
  t->remote = NULL;
  t->state = ART_TASK_PARKED;
  t->fresh = true;
  t->yielded = false;
  ex->live++;
}

static void after_poll(struct art_executor *ex, struct art_task *t) {
  if (t->state == ART_TASK_RUNNING) {
    t->state = ART_TASK_PARKED;
  } else if (t->yielded && ex->ticking) {
    t->state = ART_TASK_QUEUED;
    push(&ex->deferred, t);
    ex->deferred_count++;
  } else {
    enqueue(ex, t);
  }
}

static void run_one(struct art_executor *ex, struct art_task *t) {
  ex->queued--;
  ex->running = t;
  ex->budget = ART_POLL_BUDGET;
  t->state = ART_TASK_RUNNING;
  t->fresh = false;
  t->yielded = false;
  if (t->klass->run(t) == ART_PENDING) after_poll(ex, t);
  ex->running = NULL;
}

/* A lane at random, then the next one that has a task; the tasks that were never polled are one lane. */
static struct art_task *pop_seeded(struct art_executor *ex) {
  unsigned start = (unsigned)(art_executor_random(ex) % (ART_LANES + 1));
  for (unsigned i = 0; i <= ART_LANES; i++) {
    unsigned lane = (start + i) % (ART_LANES + 1);
    struct art_task *t = pop(lane == ART_LANES ? &ex->ready : &ex->lane[lane]);
    if (t != NULL) return t;
  }
  return NULL;
}

static struct art_task *pop_woken(struct art_executor *ex) {
  struct art_task *t = pop(&ex->woken);
  if (t == ex->group_before)
    ex->group_before = NULL; /* what is left of its group leads the queue */
  return t;
}

static struct art_task *pop_ready(struct art_executor *ex) {
  return ex->seeded ? pop_seeded(ex) : pop(&ex->ready);
}

unsigned art_executor_run(struct art_executor *ex, unsigned max_polls, uint64_t until_ns) {
  struct art_task *(*const sources[])(struct art_executor *) = {pop_woken, pop_ready};
  unsigned polls = 0;
  for (int s = 0; s < 2; s++) {
    struct art_task *t;
    for (unsigned n = 0; n < max_polls && (t = sources[s](ex)) != NULL; n++) {
      run_one(ex, t);
      polls++;
      if (until_ns != ART_NEVER && art_monotonic_ns() >= until_ns) return polls;
    }
  }
  return polls;
}

void art_executor_undefer(struct art_executor *ex) {
  struct art_task *t;
  while ((t = pop(&ex->deferred)) != NULL) {
    t->yielded = false;
    ex->deferred_count--;
    enqueue(ex, t);
  }
}
