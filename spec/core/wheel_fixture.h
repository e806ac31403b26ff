/* A timer, its waker, and what a test knows of it. */
#ifndef SPEC_CORE_WHEEL_FIXTURE_H
#define SPEC_CORE_WHEEL_FIXTURE_H

#include "support.h"

#include <string.h>

#include "asyncrt.h"
#include "drivers/wheel.h"

#define SECOND UINT64_C(1000000000)
#define DAY (86400 * SECOND)
#define YEAR (365 * DAY)

struct item {
  struct art_waker waker;
  struct art_timer timer;
  uint64_t deadline_ns;
  uint64_t period_ns;
  uint64_t order; /* when it was armed, counted in arms */
  uint64_t fired;
  bool armed;
};

static struct art_wheel wheel;

static inline void init_item(struct item *it, void (*wake)(struct art_waker *)) {
  memset(it, 0, sizeof *it);
  it->waker.wake = wake;
  it->timer.waker = &it->waker;
}

static inline struct item *item_of(struct art_waker *waker) {
  return ART_CONTAINER(waker, struct item, waker);
}

#endif
