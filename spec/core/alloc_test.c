#include "support.h"

#include <string.h>

#include "base/alloc.h"

/* A hook that notes its last call and has one block to give. */
struct hook {
  void *block;
  size_t old_size, new_size;
  int calls;
  char memory[64];
};

static void *note(void *ud, void *block, size_t old_size, size_t new_size) {
  struct hook *h = ud;
  h->block = block;
  h->old_size = old_size;
  h->new_size = new_size;
  h->calls++;
  return new_size == 0 || new_size > sizeof h->memory ? NULL : h->memory;
}

static struct hook hook;
static struct art_allocator hooked;

static int set_up(void **state) {
  (void)state;
  memset(&hook, 0, sizeof hook);
  struct art_allocator wanted = {.resize = note, .ud = &hook};
  art_allocator_init(&hooked, &wanted);
  return 0;
}

static void blocks_of_libc_keep_their_content_when_resized(void **state) {
  (void)state;
  struct art_allocator a, nothing_wanted = {NULL, NULL};
  art_allocator_init(&a, &nothing_wanted);
  char *block = art_alloc(&a, 4);
  assert_non_null(block);
  memcpy(block, "abc", 4);
  block = art_resize(&a, block, 4, 1000);
  assert_non_null(block);
  assert_string_equal(block, "abc");
  art_free(&a, block, 1000);
}

static void no_allocator_at_all_is_libc_too(void **state) {
  (void)state;
  struct art_allocator a;
  art_allocator_init(&a, NULL);
  void *block = art_alloc(&a, 1);
  assert_non_null(block);
  art_free(&a, block, 1);
}

static void the_hook_is_told_old_and_new_sizes(void **state) {
  (void)state;
  void *block = art_alloc(&hooked, 8);
  assert_ptr_equal(block, hook.memory);
  assert_null(hook.block);
  assert_int_equal(hook.old_size, 0);
  assert_int_equal(hook.new_size, 8);
  block = art_resize(&hooked, block, 8, 16);
  assert_ptr_equal(hook.block, block);
  assert_int_equal(hook.old_size, 8);
  assert_int_equal(hook.new_size, 16);
  art_free(&hooked, block, 16);
  assert_ptr_equal(hook.block, block);
  assert_int_equal(hook.old_size, 16);
  assert_int_equal(hook.new_size, 0);
}

static void failure_of_the_hook_is_null(void **state) {
  (void)state;
  assert_null(art_alloc(&hooked, 65));
  assert_null(art_resize(&hooked, hook.memory, 64, 65));
}

static void freeing_null_does_not_reach_the_hook(void **state) {
  (void)state;
  art_free(&hooked, NULL, 0);
  assert_int_equal(hook.calls, 0);
}

#ifdef ART_ALLOC_SITES
static void each_call_says_where_it_comes_from(void **state) {
  (void)state;
  void *block = art_alloc(&hooked, 8);
  const char *first = art_alloc_site;
  assert_non_null(strstr(first, "alloc_test.c:"));
  art_resize(&hooked, block, 8, 16);
  assert_string_not_equal(art_alloc_site, first);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(blocks_of_libc_keep_their_content_when_resized, set_up),
      cmocka_unit_test_setup(no_allocator_at_all_is_libc_too, set_up),
      cmocka_unit_test_setup(the_hook_is_told_old_and_new_sizes, set_up),
      cmocka_unit_test_setup(failure_of_the_hook_is_null, set_up),
      cmocka_unit_test_setup(freeing_null_does_not_reach_the_hook, set_up),
#ifdef ART_ALLOC_SITES
      cmocka_unit_test_setup(each_call_says_where_it_comes_from, set_up),
#endif
  };
  return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
