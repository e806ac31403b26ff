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
  *c = (struct art_clock){.kind = kind, .pace = 1};
  if (kind == ART_CLOCK_REAL) c->origin_ns = art_monotonic_ns();
}

/* What it shows at that monotonic time. */
static uint64_t shown_at(const struct art_clock *c, uint64_t monotonic_ns) {
  uint64_t elapsed_ns = monotonic_ns > c->origin_ns ? monotonic_ns - c->origin_ns : 0;
  if (c->pace == 1) return c->now_ns + elapsed_ns;
  return c->now_ns + (uint64_t)((double)elapsed_ns * c->pace);
}

uint64_t art_clock_now(const struct art_clock *c) {
  return c->kind == ART_CLOCK_REAL ? shown_at(c, art_monotonic_ns()) : c->now_ns;
}

void art_clock_set_pace(struct art_clock *c, double pace) {
  assert(c->kind == ART_CLOCK_REAL);
  uint64_t monotonic_ns = art_monotonic_ns();
  c->now_ns = shown_at(c, monotonic_ns);
  c->origin_ns = monotonic_ns;
  c->pace = pace;
}

uint64_t art_clock_when(const struct art_clock *c, uint64_t time_ns) {
  if (time_ns <= c->now_ns) return c->origin_ns;
  if (c->pace == 0) return ART_NEVER;
  uint64_t left_ns = time_ns - c->now_ns;
  if (c->pace == 1) return left_ns < ART_NEVER - c->origin_ns ? c->origin_ns + left_ns : ART_NEVER;
  double real_ns = (double)left_ns / c->pace;
  return real_ns < 9e18 ? c->origin_ns + (uint64_t)real_ns + 1 : ART_NEVER; /* not too early */
}

uint64_t art_clock_recent(const struct art_clock *c) {
  if (c->kind != ART_CLOCK_REAL) return c->now_ns;
  return shown_at(c, read_ns(RECENT));
}

void art_clock_set(struct art_clock *c, uint64_t now_ns) {
  assert(c->kind != ART_CLOCK_REAL);
  if (now_ns > c->now_ns) c->now_ns = now_ns;
}
