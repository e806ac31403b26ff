/* Timer wheel: 11 levels of 64 slots, in nanoseconds. A timer sits on the level of the highest
** bit in which its deadline differs from 'elapsed', so all timers of a level are due before
** those of the level above, it moves down at most once a level before it fires, and timers of
** equal deadline keep the order in which they were armed. Knows no clock: time is an argument. */
#ifndef ART_DRIVERS_WHEEL_H
#define ART_DRIVERS_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/waker.h"

#define ART_WHEEL_BITS 6
#define ART_WHEEL_SLOTS 64
#define ART_WHEEL_LEVELS 11

/* Embedded in whoever waits. Zeroed is disarmed. */
struct art_timer {
  struct art_list node;
  uint64_t deadline_ns;
  struct art_waker *waker; /* woken once when due; set by the owner before arming */
};

struct art_wheel {
  uint64_t elapsed_ns; /* all earlier deadlines have fired; while firing, the deadline that fires */
  uint64_t horizon_ns; /* what is armed up to here is overdue: elapsed_ns; in advance, now_ns */
  uint64_t next_ns;    /* the earliest deadline, if next_known */
  bool next_known;
  uint64_t count;                      /* armed timers */
  uint32_t levels;                     /* bit l: level l holds a timer */
  uint64_t occupied[ART_WHEEL_LEVELS]; /* bit s of level l: slot s holds a timer */
  uint64_t sorted[ART_WHEEL_LEVELS];   /* of the occupied: known to be in deadline order */
  struct art_list due;                 /* overdue when they were armed: for the next advance */
  struct art_list slot[ART_WHEEL_LEVELS][ART_WHEEL_SLOTS];
};

void art_wheel_init(struct art_wheel *w, uint64_t now_ns);

/* The timer must be disarmed. A deadline that has passed fires at the next advance, before
** later ones. Any deadline below ART_NEVER is fine, centuries away too; ART_NEVER must not be
** armed. */
void art_wheel_arm(struct art_wheel *w, struct art_timer *t, uint64_t deadline_ns);

/* Nothing if it is not armed. */
void art_wheel_disarm(struct art_wheel *w, struct art_timer *t);

static inline bool art_timer_armed(const struct art_timer *t) {
  return art_list_linked(&t->node);
}

/* Wakes what is due at now_ns, in deadline order, equal ones in arming order; the number woken.
** Wakers may arm and disarm timers of this wheel: one disarmed does not fire, one armed for
** now_ns or before is left to the next advance, so that this one ends. Time does not go back:
** an earlier now_ns is the same as elapsed_ns. */
unsigned art_wheel_advance(struct art_wheel *w, uint64_t now_ns);

/* The exact earliest deadline (elapsed_ns or less if some are overdue), ART_NEVER if none is
** armed. Not from a waker: it does not see what is about to fire. */
uint64_t art_wheel_next(struct art_wheel *w);

#endif
