#include "support.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

static struct art_allocator allocator;
static struct art_buffer buffer;
static size_t held;    /* bytes allocated */
static bool exhausted; /* there is no more memory */

static void *count(void *ud, void *block, size_t old_size, size_t new_size) {
  (void)ud;
  if (new_size > 0 && exhausted) return NULL;
  held += new_size;
  held -= block == NULL ? 0 : old_size;
  if (new_size > 0) return realloc(block, new_size);
  free(block);
  return NULL;
}

static int set_up(void **state) {
  (void)state;
  held = 0;
  exhausted = false;
  allocator = (struct art_allocator){.resize = count};
  buffer = (struct art_buffer){.data = NULL};
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  art_buffer_free(&buffer, &allocator);
  return held == 0 ? 0 : -1;
}

static void put(const char *bytes, size_t n) {
  assert_int_equal(art_buffer_reserve(&buffer, &allocator, n), 0);
  memcpy(buffer.data + buffer.last, bytes, n);
  art_buffer_add(&buffer, n);
}

static void expect(const char *bytes) {
  assert_int_equal(art_buffer_length(&buffer), strlen(bytes));
  assert_memory_equal(art_buffer_bytes(&buffer), bytes, strlen(bytes));
}

static void bytes_stay_in_order(void **state) {
  (void)state;
  put("abc", 3);
  put("def", 3);
  expect("abcdef");
  art_buffer_take(&buffer, 2);
  expect("cdef");
}

static void room_is_made_by_moving_what_is_left(void **state) {
  (void)state;
  put("abcdefgh", 8);
  size_t room = buffer.room;
  art_buffer_take(&buffer, 6);
  put("123456", 6);
  expect("gh123456");
  assert_int_equal(buffer.room, room);
}

/* Moving a lot to make little room, again and again, would cost the square of what comes in. */
static void a_long_rest_is_not_moved_for_a_little_room(void **state) {
  char many[1000];
  size_t growths = 0;
  (void)state;
  memset(many, 'x', sizeof many);
  put(many, sizeof many);
  for (int i = 0; i < 100000; i++) {
    size_t room = buffer.room;
    art_buffer_take(&buffer, 1);
    put("y", 1);
    growths += buffer.room != room;
  }
  assert_true(growths <= 2);
  assert_true(buffer.room <= 4 * sizeof many);
}

static void a_burst_gives_its_memory_back(void **state) {
  char many[4096];
  (void)state;
  memset(many, 'x', sizeof many);
  for (int i = 0; i < 100; i++) put(many, sizeof many);
  art_buffer_take(&buffer, 100 * sizeof many);
  put("a", 1);
  assert_int_equal(held, 1);
}

static void without_memory_the_bytes_stay(void **state) {
  (void)state;
  put("abc", 3);
  exhausted = true;
  assert_int_equal(art_buffer_reserve(&buffer, &allocator, 100), -ENOMEM);
  expect("abc");
}

/* Against the plainest model: a string that loses its front. */
static void any_sequence_keeps_the_bytes(void **state) {
  static char model[1 << 16];
  size_t first = 0, last = 0;
  uint64_t seed = 7;
  (void)state;
  while (last < sizeof model - 64) {
    size_t n = random_below(&seed, 64), taken;
    for (size_t i = 0; i < n; i++) model[last + i] = (char)random_below(&seed, 256);
    put(model + last, n);
    last += n;
    taken = random_below(&seed, last - first + 1);
    art_buffer_take(&buffer, taken);
    first += taken;
    assert_int_equal(art_buffer_length(&buffer), last - first);
    assert_memory_equal(art_buffer_bytes(&buffer), model + first, last - first);
  }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(bytes_stay_in_order),
      TEST(room_is_made_by_moving_what_is_left),
      TEST(a_long_rest_is_not_moved_for_a_little_room),
      TEST(a_burst_gives_its_memory_back),
      TEST(without_memory_the_bytes_stay),
      TEST(any_sequence_keeps_the_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
