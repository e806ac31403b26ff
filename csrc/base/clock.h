/* Where a runtime's time comes from: the monotonic clock counted from the runtime's start, or a
** value that is set. */
#ifndef ART_BASE_CLOCK_H
#define ART_BASE_CLOCK_H

#include <stdint.h>

#include "asyncrt.h"

struct art_clock {
  enum art_clock_kind kind;
  uint64_t origin_ns; /* real: the monotonic time that counts as 0 */
  uint64_t now_ns;    /* virtual and manual: the time */
};

uint64_t art_monotonic_ns(void);

void art_clock_init(struct art_clock *c, enum art_clock_kind kind);
uint64_t art_clock_now(const struct art_clock *c);

/* The time some milliseconds ago, at most, for a fraction of the price. */
uint64_t art_clock_recent(const struct art_clock *c);

/* Virtual and manual clocks only; time never goes back: an earlier value is ignored. */
void art_clock_set(struct art_clock *c, uint64_t now_ns);

#endif
