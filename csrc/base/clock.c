/* Clocks. All of them start at 0, so a runtime's times do not depend on how long the machine is
** up. */
#include "base/clock.h"

#include <assert.h>
#include <time.h>

#ifdef CLOCK_MONOTONIC_COARSE
#define RECENT CLOCK_MONOTONIC_COARSE
#else
#define RECENT CLOCK_MONOTONIC
#endif

static uint64_t read_ns(clockid_t id) {
  struct timespec ts;
  clock_gettime(id, &ts);
  return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

uint64_t art_monotonic_ns(void) {
  return read_ns(CLOCK_MONOTONIC);
}

void art_clock_init(struct art_clock *c, enum art_clock_kind kind) {
  *c = (struct art_clock){.kind = kind};
  if (kind == ART_CLOCK_REAL) c->origin_ns = art_monotonic_ns();
}

uint64_t art_clock_now(const struct art_clock *c) {
  return c->kind == ART_CLOCK_REAL ? art_monotonic_ns() - c->origin_ns : c->now_ns;
}

uint64_t art_clock_recent(const struct art_clock *c) {
  if (c->kind != ART_CLOCK_REAL) return c->now_ns;
  uint64_t now_ns = read_ns(RECENT);
  return now_ns > c->origin_ns ? now_ns - c->origin_ns : 0;
}

void art_clock_set(struct art_clock *c, uint64_t now_ns) {
  assert(c->kind != ART_CLOCK_REAL);
  if (now_ns > c->now_ns) c->now_ns = now_ns;
}
