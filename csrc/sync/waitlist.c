/* Wait list. A waiter leaves the list before its waker runs, so the waker may let it wait again. */
#include "sync/waitlist.h"

static struct art_waiter *wake_first(struct art_list *waiters) {
  struct art_list *node = art_list_pop(waiters);
  if (node == NULL) return NULL;
  struct art_waiter *w = ART_CONTAINER(node, struct art_waiter, node);
  art_wake(w->waker);
  return w;
}

struct art_waiter *art_waitlist_wake_one(struct art_waitlist *wl) {
  return wake_first(&wl->waiters);
}

void art_waitlist_wake_all(struct art_waitlist *wl) {
  struct art_list present; /* apart from who joins meanwhile; those in it can still leave */
  art_list_init(&present);
  art_list_splice(&present, &wl->waiters);
  while (wake_first(&present) != NULL)
    ;
}
