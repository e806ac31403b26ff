/* Tasks made from a C poll function. The block is counted: one reference is the handle's, one the runtime's until
** the task has ended. State is touched on the runtime's thread only, and dropped once. The handle holds a clone
** of the remote waker, because a cancel may come from any thread, also after the end. */
#include "executor/spawn.h"

#include <errno.h>
#include <stdatomic.h>

#include "executor/cx.h"
#include "executor/poll.h"
#include "executor/remote.h"
#include "executor/runtime.h"

struct poll_task {
  struct art_task task;
  struct art_list owned; /* in the runtime's list until the task has ended */
  art_poll_fn *poll;
  art_drop_fn *drop;
  void *state;
  struct art_waker *waker; /* the task's own and, as a clone, the handle's */
  atomic_uint refs;
  atomic_bool cancelled;
  atomic_bool ended;
  struct art_allocator allocator;
};

static struct poll_task *of(struct art_task *t) {
  return ART_CONTAINER(t, struct poll_task, task);
}

static void unref(struct poll_task *p) {
  if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1) return;
  struct art_allocator a = p->allocator;
  art_free(&a, p, sizeof *p);
}

static void end(struct poll_task *p) {
  art_list_remove(&p->owned);
  art_task_end(&p->task);
  art_remote_cut(p->waker);
  if (p->drop != NULL) p->drop(p->state);
  atomic_store_explicit(&p->ended, true, memory_order_release); /* pairs with art_task_ended */
  unref(p);
}

static enum art_poll poll_once(struct poll_task *p) {
  struct art_poll_cx cx = {.task = &p->task, .waker = p->waker};
  if (atomic_load_explicit(&p->cancelled, memory_order_acquire)) return ART_READY;
  return p->poll(&cx, p->state);
}

static struct art_task *run(struct art_executor *ex, struct art_task *t);

static const struct art_task_class poll_class = {.run = run};

static struct art_task *run(struct art_executor *ex, struct art_task *t) {
  do {
    if (poll_once(of(t)) == ART_PENDING)
      art_executor_put(ex, t);
    else
      end(of(t));
    t = art_executor_next(ex);
  } while (t != NULL && t->klass == &poll_class);
  return t;
}

struct art_task *art_spawn(struct art_runtime *rt, art_poll_fn *poll, void *state,
                           art_drop_fn *drop) {
  struct poll_task *p = art_alloc(&rt->allocator, sizeof *p);
  if (p == NULL) goto no_memory;
  p->waker = art_remote_new(&rt->allocator, rt->inbox, &p->task);
  if (p->waker == NULL) goto free_task;
  art_task_init(&p->task, &poll_class, &rt->executor);
  art_waker_clone(p->waker);
  p->poll = poll;
  p->drop = drop;
  p->state = state;
  p->allocator = rt->allocator;
  atomic_init(&p->refs, 2);
  atomic_init(&p->cancelled, false);
  atomic_init(&p->ended, false);
  p->owned.prev = p->owned.next = NULL;
  art_list_push(&rt->owned, &p->owned);
  art_task_wake(&p->task);
  return &p->task;
free_task:
  art_free(&rt->allocator, p, sizeof *p);
no_memory:
  errno = ENOMEM;
  return NULL;
}

struct art_waker *art_task_waker(struct art_task *t) {
  return of(t)->waker;
}

/* The flag is written before the wake, which releases it to the poll that follows. */
void art_task_cancel(struct art_task *task) {
  struct poll_task *p = of(task);
  atomic_store_explicit(&p->cancelled, true, memory_order_release);
  art_waker_wake(p->waker);
}

bool art_task_ended(const struct art_task *task) {
  const struct poll_task *p = of((struct art_task *)(uintptr_t)task);
  return atomic_load_explicit(&p->ended, memory_order_acquire);
}

void art_task_unref(struct art_task *task) {
  struct poll_task *p = of(task);
  art_waker_drop(p->waker);
  unref(p);
}

void art_runtime_cancel_owned(struct art_runtime *rt) {
  struct art_list *node;
  while ((node = art_list_first(&rt->owned)) != NULL) {
    art_executor_clear(&rt->executor); /* of what is to go, and of what the last drop has queued */
    end(ART_CONTAINER(node, struct poll_task, owned));
  }
}
