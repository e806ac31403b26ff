#include "support.h"

#include "sync/turnstile.h"

/* A guest who notes that the turn has come. */
struct guest {
  struct art_waker waker;
  struct art_waiter waiter;
  int turns;
};

static struct art_turnstile turnstile;
static struct guest guest[3];

static void wake(struct art_waker *waker) {
  ART_CONTAINER(waker, struct guest, waker)->turns++;
}

static int set_up(void **state) {
  (void)state;
  art_turnstile_init(&turnstile);
  for (int i = 0; i < 3; i++) {
    guest[i] = (struct guest){.waker = {wake}};
    guest[i].waiter.waker = &guest[i].waker;
  }
  return 0;
}

static void queue_up(int i) {
  assert_false(art_turnstile_try(&turnstile));
  art_waitlist_add(&turnstile.queue, &guest[i].waiter);
}

static void the_first_gets_the_turn_at_once(void **state) {
  (void)state;
  assert_true(art_turnstile_try(&turnstile));
  assert_false(art_turnstile_try(&turnstile));
  art_turnstile_pass(&turnstile);
  assert_true(art_turnstile_try(&turnstile));
}

static void turns_come_in_the_order_of_asking(void **state) {
  (void)state;
  assert_true(art_turnstile_try(&turnstile));
  for (int i = 0; i < 3; i++) queue_up(i);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(guest[i].turns, 0);
    art_turnstile_pass(&turnstile);
    assert_int_equal(guest[i].turns, 1);
  }
}

/* The woken has not run yet: nobody who comes now gets in between. */
static void a_passed_turn_is_taken(void **state) {
  (void)state;
  assert_true(art_turnstile_try(&turnstile));
  queue_up(0);
  art_turnstile_pass(&turnstile);
  assert_false(art_turnstile_try(&turnstile));
}

static void who_leaves_the_queue_is_passed_over(void **state) {
  (void)state;
  assert_true(art_turnstile_try(&turnstile));
  queue_up(0);
  queue_up(1);
  art_waiter_leave(&guest[0].waiter);
  art_turnstile_pass(&turnstile);
  assert_int_equal(guest[0].turns, 0);
  assert_int_equal(guest[1].turns, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(the_first_gets_the_turn_at_once, set_up),
      cmocka_unit_test_setup(turns_come_in_the_order_of_asking, set_up),
      cmocka_unit_test_setup(a_passed_turn_is_taken, set_up),
      cmocka_unit_test_setup(who_leaves_the_queue_is_passed_over, set_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
