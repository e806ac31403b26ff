#include "wheel_fixture.h"

/* --- by hand --------------------------------------------------------------------------------- */

static struct item hand[8];
static struct item *woken[64];
static unsigned n_woken;

static void note(struct art_waker *waker) {
  woken[n_woken++] = item_of(waker);
}

static int set_up(void **state) {
  (void)state;
  art_wheel_init(&wheel, 0);
  n_woken = 0;
  for (int i = 0; i < 8; i++) init_item(&hand[i], note);
  return 0;
}

static void arm(int i, uint64_t deadline_ns) {
  art_wheel_arm(&wheel, &hand[i].timer, deadline_ns);
}

static void assert_woken(unsigned n, const int *which) {
  assert_int_equal(n_woken, n);
  for (unsigned i = 0; i < n; i++) assert_ptr_equal(woken[i], &hand[which[i]]);
}

static void an_empty_wheel_has_no_next_deadline(void **state) {
  (void)state;
  assert_true(art_wheel_next(&wheel) == ART_NEVER);
  assert_int_equal(art_wheel_advance(&wheel, YEAR), 0);
  assert_true(art_wheel_next(&wheel) == ART_NEVER);
  assert_true(wheel.elapsed_ns == YEAR);
}

static void fires_at_the_deadline_and_not_before(void **state) {
  (void)state;
  arm(0, 1000);
  assert_true(art_timer_armed(&hand[0].timer));
  assert_int_equal(art_wheel_advance(&wheel, 999), 0);
  assert_int_equal(art_wheel_next(&wheel), 1000);
  assert_int_equal(art_wheel_advance(&wheel, 1000), 1);
  assert_false(art_timer_armed(&hand[0].timer));
  assert_int_equal(art_wheel_advance(&wheel, 2000), 0);
  assert_int_equal(wheel.count, 0);
}

static void fires_in_deadline_order_and_equal_ones_in_arming_order(void **state) {
  (void)state;
  arm(0, 5000);
  arm(1, 70);
  arm(2, 5000);
  art_wheel_advance(&wheel, 4990); /* 0 and 2 move down before 3 joins them */
  arm(3, 5000);
  arm(4, 4999);
  art_wheel_advance(&wheel, DAY);
  assert_woken(5, (int[]){1, 4, 0, 2, 3});
}

static void what_is_overdue_fires_first_and_in_order(void **state) {
  (void)state;
  art_wheel_advance(&wheel, 100);
  arm(0, 101);
  arm(1, 100);
  arm(2, 0);
  arm(3, 100);
  assert_int_equal(art_wheel_next(&wheel), 0);
  assert_int_equal(art_wheel_advance(&wheel, 100), 3);
  assert_int_equal(art_wheel_advance(&wheel, 101), 1);
  assert_woken(4, (int[]){2, 1, 3, 0});
}

static void time_does_not_go_back(void **state) {
  (void)state;
  art_wheel_advance(&wheel, 100);
  arm(0, 50);
  arm(1, 101);
  assert_int_equal(art_wheel_advance(&wheel, 10), 1);
  assert_int_equal(wheel.elapsed_ns, 100);
}

static void a_disarmed_timer_does_not_fire(void **state) {
  (void)state;
  arm(0, 10);
  arm(1, 20);
  art_wheel_disarm(&wheel, &hand[0].timer);
  art_wheel_disarm(&wheel, &hand[0].timer);
  assert_int_equal(wheel.count, 1);
  assert_int_equal(art_wheel_next(&wheel), 20);
  art_wheel_advance(&wheel, 30);
  assert_woken(1, (int[]){1});
}

static void arm_again_at_once(struct art_waker *waker) {
  note(waker);
  art_wheel_arm(&wheel, &item_of(waker)->timer, wheel.elapsed_ns);
}

static void arm_again_later_but_due(struct art_waker *waker) {
  note(waker);
  art_wheel_arm(&wheel, &item_of(waker)->timer, wheel.elapsed_ns + 1);
}

static void what_a_waker_arms_waits_for_the_next_advance(void **state) {
  (void)state;
  hand[0].waker.wake = arm_again_at_once;
  hand[1].waker.wake = arm_again_later_but_due;
  arm(0, 10);
  arm(1, 20);
  arm(2, 30);
  assert_int_equal(art_wheel_advance(&wheel, DAY), 3);
  assert_int_equal(art_wheel_next(&wheel), 10);
  assert_int_equal(art_wheel_advance(&wheel, DAY), 2);
  assert_woken(5, (int[]){0, 1, 2, 0, 1});
}

static void disarm_all(struct art_waker *waker) {
  note(waker);
  for (int i = 0; i < 8; i++) art_wheel_disarm(&wheel, &hand[i].timer);
}

static void a_waker_may_disarm_what_is_about_to_fire(void **state) {
  (void)state;
  hand[0].waker.wake = disarm_all;
  arm(0, 10);
  arm(1, 10);        /* fires with it */
  arm(2, 11);        /* in the same slot of a higher level */
  arm(3, 10 * YEAR); /* far from due */
  art_wheel_advance(&wheel, DAY);
  assert_woken(1, (int[]){0});
  assert_int_equal(wheel.count, 0);
  assert_true(art_wheel_next(&wheel) == ART_NEVER);
}

static void a_waker_may_disarm_what_is_overdue(void **state) {
  (void)state;
  art_wheel_advance(&wheel, 100);
  hand[0].waker.wake = disarm_all;
  for (int i = 0; i < 4; i++) arm(i, (uint64_t)i);
  art_wheel_advance(&wheel, 100);
  assert_woken(1, (int[]){0});
  assert_int_equal(wheel.count, 0);
}

static void assert_elapsed_is_the_deadline(struct art_waker *waker) {
  note(waker);
  assert_true(wheel.elapsed_ns == item_of(waker)->timer.deadline_ns);
}

static void elapsed_is_the_deadline_while_firing_and_then_the_time(void **state) {
  (void)state;
  const uint64_t deadline[] = {1, 63, 64, 65, 4096, SECOND, YEAR, 500 * YEAR};
  for (int i = 0; i < 8; i++) {
    hand[i].waker.wake = assert_elapsed_is_the_deadline;
    arm(i, deadline[i]);
  }
  assert_int_equal(art_wheel_advance(&wheel, 501 * YEAR), 8);
  assert_true(wheel.elapsed_ns == 501 * YEAR);
}

static void the_last_deadline_before_never_fires_exactly(void **state) {
  (void)state;
  arm(0, ART_NEVER - 1);
  arm(1, UINT64_C(1) << 62);
  assert_true(art_wheel_next(&wheel) == UINT64_C(1) << 62);
  assert_int_equal(art_wheel_advance(&wheel, ART_NEVER - 2), 1);
  assert_true(art_wheel_next(&wheel) == ART_NEVER - 1);
  assert_int_equal(art_wheel_advance(&wheel, ART_NEVER), 1);
  assert_woken(2, (int[]){1, 0});
}

/* Where other wheels wrapped: 12 days, and 2^36 ms. */
static void jumps_past_days_and_years_lose_nothing(void **state) {
  (void)state;
  const uint64_t jump[] = {12 * DAY, 13 * DAY, (UINT64_C(1) << 36) * 1000000, 99 * YEAR};
  for (unsigned i = 0; i < 4; i++) {
    for (uint64_t now = 0; now < 3 * jump[i]; now += jump[i]) {
      set_up(state);
      art_wheel_init(&wheel, now);
      arm(0, now + jump[i] - 1);
      arm(1, now + jump[i]);
      arm(2, now + jump[i] + 1);
      assert_int_equal(art_wheel_advance(&wheel, now + jump[i]), 2);
      assert_true(art_wheel_next(&wheel) == now + jump[i] + 1);
      assert_int_equal(art_wheel_advance(&wheel, now + jump[i] + 1), 1);
      assert_woken(3, (int[]){0, 1, 2});
    }
  }
}

/* --- for centuries --------------------------------------------------------------------------- */

static uint64_t soak_now;

static void check_time_and_arm_again(struct art_waker *waker) {
  struct item *it = item_of(waker);
  assert_true(it->deadline_ns == soak_now);
  it->fired++;
  it->deadline_ns += it->period_ns;
  art_wheel_arm(&wheel, &it->timer, it->deadline_ns);
}

static void periodic_timers_are_on_time_for_centuries(void **state) {
  (void)state;
  const uint64_t end = 580 * YEAR;
  const uint64_t period[] = {DAY,     DAY - 1, 12 * DAY, YEAR / 12 + 7,
                             1 << 30, YEAR,    7 * YEAR, (UINT64_C(1) << 36) * 1000000};
  art_wheel_init(&wheel, 0);
  for (int i = 0; i < 8; i++) {
    init_item(&hand[i], check_time_and_arm_again);
    hand[i].period_ns = period[i] > SECOND * 60 ? period[i] : period[i] * 100000;
    hand[i].deadline_ns = hand[i].period_ns;
    arm(i, hand[i].deadline_ns);
  }
  while ((soak_now = art_wheel_next(&wheel)) < end)
    assert_true(art_wheel_advance(&wheel, soak_now) > 0);
  for (int i = 0; i < 8; i++) assert_int_equal(hand[i].fired, (end - 1) / hand[i].period_ns);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_empty_wheel_has_no_next_deadline),
      TEST(fires_at_the_deadline_and_not_before),
      TEST(fires_in_deadline_order_and_equal_ones_in_arming_order),
      TEST(what_is_overdue_fires_first_and_in_order),
      TEST(time_does_not_go_back),
      TEST(a_disarmed_timer_does_not_fire),
      TEST(what_a_waker_arms_waits_for_the_next_advance),
      TEST(a_waker_may_disarm_what_is_about_to_fire),
      TEST(a_waker_may_disarm_what_is_overdue),
      TEST(elapsed_is_the_deadline_while_firing_and_then_the_time),
      TEST(the_last_deadline_before_never_fires_exactly),
      TEST(jumps_past_days_and_years_lose_nothing),
      TEST(periodic_timers_are_on_time_for_centuries),
  };
  return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
