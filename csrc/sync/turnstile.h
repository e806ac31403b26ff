/* Turnstile: one at a time, in the order of asking. Whoever is done passes the turn to the next directly, so nobody who comes
** meanwhile gets in between. */
#ifndef ART_SYNC_TURNSTILE_H
#define ART_SYNC_TURNSTILE_H

#include "sync/waitlist.h"

struct art_turnstile {
  bool taken;
  struct art_waitlist queue; /* empty unless taken */
};

static inline void art_turnstile_init(struct art_turnstile *ts) {
  ts->taken = false;
  art_waitlist_init(&ts->queue);
}

/* False: it is somebody else's; wait in the queue. A waiter that was woken has the turn. */
static inline bool art_turnstile_try(struct art_turnstile *ts) {
  if (ts->taken) return false;
  ts->taken = true;
  return true;
}

/* By who has it. */
static inline void art_turnstile_pass(struct art_turnstile *ts) {
  ts->taken = art_waitlist_wake_one(&ts->queue) != NULL;
}

#endif
