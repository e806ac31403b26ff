#include "support.h"

#include "base/list.h"

static struct art_list head, a, b, c;

static int set_up(void **state) {
  (void)state;
  art_list_init(&head);
  a = b = c = (struct art_list){NULL, NULL};
  return 0;
}

static void a_zeroed_node_is_not_linked(void **state) {
  (void)state;
  assert_false(art_list_linked(&a));
  art_list_remove(&a);
  assert_false(art_list_linked(&a));
}

static void pops_in_the_order_of_pushes(void **state) {
  (void)state;
  assert_true(art_list_empty(&head));
  assert_null(art_list_first(&head));
  art_list_push(&head, &a);
  art_list_push(&head, &b);
  assert_ptr_equal(art_list_first(&head), &a);
  assert_ptr_equal(art_list_pop(&head), &a);
  assert_false(art_list_linked(&a));
  assert_ptr_equal(art_list_pop(&head), &b);
  assert_null(art_list_pop(&head));
}

static void inserts_before_a_node(void **state) {
  (void)state;
  art_list_push(&head, &b);
  art_list_insert(&b, &a);
  assert_ptr_equal(art_list_pop(&head), &a);
}

static void removes_from_the_middle_and_twice(void **state) {
  (void)state;
  art_list_push(&head, &a);
  art_list_push(&head, &b);
  art_list_push(&head, &c);
  art_list_remove(&b);
  art_list_remove(&b);
  assert_ptr_equal(art_list_pop(&head), &a);
  assert_ptr_equal(art_list_pop(&head), &c);
}

static void splices_behind_what_is_there(void **state) {
  (void)state;
  struct art_list from;
  art_list_init(&from);
  art_list_splice(&head, &from);
  assert_true(art_list_empty(&head));
  art_list_push(&head, &a);
  art_list_push(&from, &b);
  art_list_push(&from, &c);
  art_list_splice(&head, &from);
  assert_true(art_list_empty(&from));
  assert_ptr_equal(art_list_pop(&head), &a);
  assert_ptr_equal(art_list_pop(&head), &b);
  assert_ptr_equal(art_list_pop(&head), &c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_zeroed_node_is_not_linked, set_up),
      cmocka_unit_test_setup(pops_in_the_order_of_pushes, set_up),
      cmocka_unit_test_setup(inserts_before_a_node, set_up),
      cmocka_unit_test_setup(removes_from_the_middle_and_twice, set_up),
      cmocka_unit_test_setup(splices_behind_what_is_there, set_up),
  };
  return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
