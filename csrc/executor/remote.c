/* The waker for any thread: a counted block that outlives task and runtime. On the runtime's thread it wakes the
** task as the local waker does; from elsewhere it goes through the runtime's inbox, at most once at a time. Every
** clone holds a reference to the inbox, so a shared inbox says that somebody elsewhere may still wake us. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/inbox.h"
#include "base/list.h"
#include "executor/executor.h"
#include "executor/task.h"
#include "executor/remote.h"

struct art_remote {
  struct art_waker waker;
  struct art_inbox_node node;
  atomic_uint refs;   /* the task's, each clone's, and one while it is in the inbox */
  atomic_uint queued; /* in the inbox, or on its way */
  struct art_inbox *inbox;
  pthread_t owner;
  struct art_task *task; /* owner's thread only; NULL once the task has ended */
  struct art_allocator allocator;
};

static void unref(struct art_remote *r) {
  if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1) return;
  struct art_allocator a = r->allocator;
  art_free(&a, r, sizeof *r);
}

/* Owner's thread. */
static void wake_task(struct art_remote *r) {
  if (r->task != NULL) art_task_wake(r->task);
}

static void wake_remote(struct art_waker *self) {
  struct art_remote *r = ART_CONTAINER(self, struct art_remote, waker);
  if (pthread_equal(r->owner, pthread_self())) { /* no atomics on the local path */
    wake_task(r);
    return;
  }
  /* Also when it is queued already: the write releases what the caller wrote before, and the exchange in
  ** deliver acquires it. A plain load here could leave the poll that follows without it. */
  if (atomic_exchange_explicit(&r->queued, 1, memory_order_acq_rel) != 0) return;
  atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
  if (!art_inbox_push(r->inbox, &r->node)) unref(r); /* the runtime is gone */
}

static void deliver(struct art_inbox_node *node) {
  struct art_remote *r = ART_CONTAINER(node, struct art_remote, node);
  atomic_exchange_explicit(&r->queued, 0, memory_order_acq_rel); /* pairs with wake_remote's */
  wake_task(r);
  unref(r);
}

struct art_waker *art_remote_new(const struct art_allocator *a, struct art_inbox *inbox,
                                 struct art_task *t) {
  struct art_remote *r = art_alloc(a, sizeof *r);
  if (r == NULL) return NULL;
  r->waker.wake = wake_remote;
  r->node.deliver = deliver;
  atomic_init(&r->refs, 1);
  atomic_init(&r->queued, 0);
  r->inbox = inbox;
  r->owner = pthread_self();
  r->task = t;
  r->allocator = *a;
  return &r->waker;
}

void art_remote_cut(struct art_waker *waker) {
  struct art_remote *r = ART_CONTAINER(waker, struct art_remote, waker);
  r->task = NULL;
  unref(r);
}

struct art_waker *art_waker_clone(struct art_waker *waker) {
  struct art_remote *r = ART_CONTAINER(waker, struct art_remote, waker);
  atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
  art_inbox_ref(r->inbox);
  return waker;
}

void art_waker_wake(struct art_waker *waker) {
  art_wake(waker);
}

void art_waker_drop(struct art_waker *waker) {
  struct art_remote *r = ART_CONTAINER(waker, struct art_remote, waker);
  struct art_inbox *inbox = r->inbox;
  unref(r);
  art_inbox_unref(inbox);
}
