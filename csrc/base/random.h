/* Random: the numbers of a schedule. From the same seed come the same ones. */
#ifndef ART_BASE_RANDOM_H
#define ART_BASE_RANDOM_H

#include <stdint.h>

/* xorshift64*; the state is not 0. */
static inline uint64_t art_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545F4914F6CDD1Dull;
}

/* From the upper bits, which are the better ones. */
static inline unsigned art_random_below(uint64_t *state, unsigned n) {
  return (unsigned)((art_random(state) >> 33) % n);
}

/* A first state. Near seeds part ways. */
static inline uint64_t art_random_seed(uint64_t seed) {
  uint64_t state = seed * 0x9E3779B97F4A7C15ull + 0xD1B54A32D192ED03ull;
  if (state == 0) state = 1;
  for (int i = 0; i < 4; i++) art_random(&state);
  return state;
}

#endif
