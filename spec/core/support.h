/* What the core's tests share: cmocka with the headers it wants first, and random numbers that are
** the same in every run. */
#ifndef SPEC_CORE_SUPPORT_H
#define SPEC_CORE_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* xorshift64*: never 0 as long as the seed is not. */
static inline uint64_t random_u64(uint64_t *seed) {
  *seed ^= *seed >> 12;
  *seed ^= *seed << 25;
  *seed ^= *seed >> 27;
  return *seed * UINT64_C(2685821657736338717);
}

static inline uint64_t random_below(uint64_t *seed, uint64_t n) {
  return random_u64(seed) % n;
}

#endif
