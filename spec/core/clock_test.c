#include "support.h"

#include "base/clock.h"

static void the_real_clock_starts_near_0_and_never_goes_back(void **state) {
  (void)state;
  uint64_t before = art_monotonic_ns();
  struct art_clock c;
  art_clock_init(&c, ART_CLOCK_REAL);
  uint64_t last = art_clock_now(&c);
  assert_true(last <= art_monotonic_ns() - before);
  for (int i = 0; i < 1000; i++) {
    uint64_t now = art_clock_now(&c);
    assert_true(now >= last);
    last = now;
  }
}

/* It is read less finely than the other one, and never ahead of it. */
static void the_recent_time_is_behind_the_time_and_never_goes_back(void **state) {
  (void)state;
  struct art_clock c;
  art_clock_init(&c, ART_CLOCK_REAL);
  uint64_t last = 0;
  for (int i = 0; i < 1000; i++) {
    uint64_t recent = art_clock_recent(&c);
    assert_true(recent >= last);
    assert_true(recent <= art_clock_now(&c));
    last = recent;
  }
}

static void moves_only_when_set(enum art_clock_kind kind) {
  struct art_clock c;
  art_clock_init(&c, kind);
  assert_int_equal(art_clock_now(&c), 0);
  art_clock_set(&c, 5);
  assert_int_equal(art_clock_now(&c), 5);
  art_clock_set(&c, 4);
  assert_int_equal(art_clock_now(&c), 5);
  art_clock_set(&c, UINT64_MAX);
  assert_true(art_clock_now(&c) == UINT64_MAX);
  assert_true(art_clock_recent(&c) == UINT64_MAX);
}

static void a_virtual_clock_moves_only_when_set_and_forward(void **state) {
  (void)state;
  moves_only_when_set(ART_CLOCK_VIRTUAL);
}

static void a_manual_clock_moves_only_when_set_and_forward(void **state) {
  (void)state;
  moves_only_when_set(ART_CLOCK_MANUAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_real_clock_starts_near_0_and_never_goes_back),
      cmocka_unit_test(the_recent_time_is_behind_the_time_and_never_goes_back),
      cmocka_unit_test(a_virtual_clock_moves_only_when_set_and_forward),
      cmocka_unit_test(a_manual_clock_moves_only_when_set_and_forward),
  };
  return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
