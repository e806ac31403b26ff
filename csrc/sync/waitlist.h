/* Wait list: the one fair queue in which tasks wait for each other: first come, first woken. */
#ifndef ART_SYNC_WAITLIST_H
#define ART_SYNC_WAITLIST_H

#include <stdbool.h>

#include "base/list.h"
#include "base/waker.h"

/* Embedded in whoever waits. Zeroed is not waiting. */
struct art_waiter {
  struct art_list node;
  struct art_waker *waker; /* set by the owner before it waits */
};

struct art_waitlist {
  struct art_list waiters;
};

static inline void art_waitlist_init(struct art_waitlist *wl) {
  art_list_init(&wl->waiters);
}

static inline bool art_waitlist_empty(const struct art_waitlist *wl) {
  return art_list_empty(&wl->waiters);
}

static inline bool art_waiter_waiting(const struct art_waiter *w) {
  return art_list_linked(&w->node);
}

/* At the end of the queue. */
static inline void art_waitlist_add(struct art_waitlist *wl, struct art_waiter *w) {
  art_list_push(&wl->waiters, &w->node);
}

/* Leaves the queue, wherever it stands; nothing if it does not wait. */
static inline void art_waiter_leave(struct art_waiter *w) {
  art_list_remove(&w->node);
}

/* Takes the first waiter out and wakes it. NULL: nobody waits. A woken waiter is not in the
** list any more, which is how it tells a wake from a hint. */
struct art_waiter *art_waitlist_wake_one(struct art_waitlist *wl);

/* Wakes those who wait at this moment; who joins meanwhile waits on. */
void art_waitlist_wake_all(struct art_waitlist *wl);

#endif
