#include "support.h"

#include "sync/waitlist.h"

/* A waiter that notes its wake, and then does what 'then' says. */
struct guest {
  struct art_waker waker;
  struct art_waiter waiter;
  void (*then)(struct guest *self);
  int wakes;
};

static struct art_waitlist list;
static struct guest guest[4];
static struct guest *woken[16];
static unsigned n_woken;

static void wake(struct art_waker *waker) {
  struct guest *g = ART_CONTAINER(waker, struct guest, waker);
  assert_false(art_waiter_waiting(&g->waiter));
  g->wakes++;
  woken[n_woken++] = g;
  if (g->then != NULL) g->then(g);
}

static int set_up(void **state) {
  (void)state;
  n_woken = 0;
  art_waitlist_init(&list);
  for (int i = 0; i < 4; i++) {
    guest[i] = (struct guest){.waker = {wake}};
    guest[i].waiter.waker = &guest[i].waker;
  }
  return 0;
}

static void all_wait(void) {
  for (int i = 0; i < 4; i++) art_waitlist_add(&list, &guest[i].waiter);
}

static void wait_again(struct guest *g) {
  art_waitlist_add(&list, &g->waiter);
}

static void have_the_next_one_leave(struct guest *g) {
  art_waiter_leave(&g[1].waiter);
}

static void nobody_is_woken_from_an_empty_list(void **state) {
  (void)state;
  assert_true(art_waitlist_empty(&list));
  assert_null(art_waitlist_wake_one(&list));
  art_waitlist_wake_all(&list);
  assert_int_equal(n_woken, 0);
}

static void the_first_to_come_is_the_first_to_be_woken(void **state) {
  (void)state;
  all_wait();
  for (int i = 0; i < 4; i++) {
    assert_true(art_waiter_waiting(&guest[i].waiter));
    assert_ptr_equal(art_waitlist_wake_one(&list), &guest[i].waiter);
    assert_int_equal(guest[i].wakes, 1);
  }
  assert_true(art_waitlist_empty(&list));
}

static void who_left_is_not_woken(void **state) {
  (void)state;
  all_wait();
  art_waiter_leave(&guest[0].waiter);
  art_waiter_leave(&guest[0].waiter);
  art_waiter_leave(&guest[2].waiter);
  art_waitlist_wake_all(&list);
  assert_int_equal(n_woken, 2);
  assert_ptr_equal(woken[0], &guest[1]);
  assert_ptr_equal(woken[1], &guest[3]);
}

static void who_waits_again_goes_to_the_end(void **state) {
  (void)state;
  guest[0].then = wait_again;
  all_wait();
  art_waitlist_wake_one(&list);
  for (int i = 1; i < 4; i++) art_waitlist_wake_one(&list);
  guest[0].then = NULL;
  assert_ptr_equal(art_waitlist_wake_one(&list), &guest[0].waiter);
}

static void waking_all_ends_though_all_wait_again(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) guest[i].then = wait_again;
  all_wait();
  art_waitlist_wake_all(&list);
  assert_int_equal(n_woken, 4);
  for (int i = 0; i < 4; i++) assert_true(art_waiter_waiting(&guest[i].waiter));
}

static void a_waker_may_have_another_leave_while_all_are_woken(void **state) {
  (void)state;
  guest[0].then = have_the_next_one_leave;
  guest[2].then = have_the_next_one_leave;
  all_wait();
  art_waitlist_wake_all(&list);
  assert_int_equal(n_woken, 2);
  assert_ptr_equal(woken[0], &guest[0]);
  assert_ptr_equal(woken[1], &guest[2]);
  assert_true(art_waitlist_empty(&list));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(nobody_is_woken_from_an_empty_list, set_up),
      cmocka_unit_test_setup(the_first_to_come_is_the_first_to_be_woken, set_up),
      cmocka_unit_test_setup(who_left_is_not_woken, set_up),
      cmocka_unit_test_setup(who_waits_again_goes_to_the_end, set_up),
      cmocka_unit_test_setup(waking_all_ends_though_all_wait_again, set_up),
      cmocka_unit_test_setup(a_waker_may_have_another_leave_while_all_are_woken, set_up),
  };
  return cmocka_run_group_tests_name("waitlist", tests, NULL, NULL);
}
