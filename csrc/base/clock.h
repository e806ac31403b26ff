/* Where a runtime's time comes from: the monotonic clock counted from the runtime's start, at whatever pace, or a value that
** is set. */
#ifndef ART_BASE_CLOCK_H
#define ART_BASE_CLOCK_H

#include <stdint.h>

#include "asyncrt.h"

struct art_clock {
  enum art_clock_kind kind;
  uint64_t origin_ns; /* real: the monotonic time at which its pace was last changed, */
  uint64_t now_ns;    /* and its own time then; virtual and manual: the time */
  double pace;        /* real: its seconds in a monotonic second; 0: it stands */
};

uint64_t art_monotonic_ns(void);

void art_clock_init(struct art_clock *c, enum art_clock_kind kind);
uint64_t art_clock_now(const struct art_clock *c);

/* The time some milliseconds ago, at most, for a fraction of the price. */
uint64_t art_clock_recent(const struct art_clock *c);

/* Real clocks only: from here on. Not negative, finite. */
void art_clock_set_pace(struct art_clock *c, double pace);

/* Real clocks only: the monotonic time at which it will show that at the earliest; ART_NEVER: it stands, or that is beyond
** all times. */
uint64_t art_clock_when(const struct art_clock *c, uint64_t time_ns);

/* Virtual and manual clocks only; time never goes back: an earlier value is ignored. */
void art_clock_set(struct art_clock *c, uint64_t now_ns);

#endif
