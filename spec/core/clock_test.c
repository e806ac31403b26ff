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

static void a_pace_changes_no_time_that_was(void **state) {
  (void)state;
  struct art_clock c;
  art_clock_init(&c, ART_CLOCK_REAL);
  static const double paces[] = {0.001, 1000, 0, 1, 0.5};
  uint64_t last = 0;
  for (unsigned i = 0; i < sizeof paces / sizeof *paces; i++) {
    art_clock_set_pace(&c, paces[i]);
    for (int k = 0; k < 1000; k++) {
      uint64_t now = art_clock_now(&c);
      assert_true(now >= last);
      last = now;
    }
  }
}

static void it_knows_when_it_will_show_a_time(void **state) {
  (void)state;
  struct art_clock c = {.kind = ART_CLOCK_REAL, .origin_ns = 1000, .now_ns = 500, .pace = 1};
  assert_int_equal(art_clock_when(&c, 400), 1000);
  assert_int_equal(art_clock_when(&c, 500), 1000);
  assert_int_equal(art_clock_when(&c, 700), 1200);
  assert_true(art_clock_when(&c, ART_NEVER - 1) > UINT64_MAX / 2);
  c.pace = 4;
  assert_in_range(art_clock_when(&c, 700), 1050, 1051);
  c.pace = 0.25;
  assert_in_range(art_clock_when(&c, 700), 1800, 1801);
  c.pace = 1e-300;
  assert_true(art_clock_when(&c, 700) == ART_NEVER);
  c.pace = 0;
  assert_true(art_clock_when(&c, 700) == ART_NEVER);
  assert_int_equal(art_clock_when(&c, 500), 1000);
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
      cmocka_unit_test(a_pace_changes_no_time_that_was),
      cmocka_unit_test(it_knows_when_it_will_show_a_time),
      cmocka_unit_test(the_recent_time_is_behind_the_time_and_never_goes_back),
      cmocka_unit_test(a_virtual_clock_moves_only_when_set_and_forward),
      cmocka_unit_test(a_manual_clock_moves_only_when_set_and_forward),
  };
  return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
