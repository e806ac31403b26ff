/* The wheel against a model so simple that it cannot be wrong: an array that is searched for the
** earliest deadline, of equal ones the one that was armed first. */
#include "wheel_fixture.h"

#include <stdlib.h>

/* --- against the model ----------------------------------------------------------------------- */

#define ITEMS 48
#define STEPS 300
#define SEEDS 4000

static struct item item[ITEMS];
static uint64_t seed, failing_seed;
static uint64_t arms;       /* so far */
static uint64_t fire_limit; /* of an advance under way: what was armed by then may fire */
static uint64_t fire_until; /* of an advance under way: its time */

/* The earliest of those armed up to 'limit', of equal ones the first armed; NULL: there is none. */
static struct item *model_first(uint64_t limit) {
  struct item *first = NULL;
  for (struct item *it = item; it < item + ITEMS; it++) {
    if (!it->armed || it->order > limit) continue;
    if (first == NULL || it->deadline_ns < first->deadline_ns ||
        (it->deadline_ns == first->deadline_ns && it->order < first->order))
      first = it;
  }
  return first;
}

static uint64_t model_count(void) {
  uint64_t n = 0;
  for (int i = 0; i < ITEMS; i++) n += item[i].armed;
  return n;
}

static uint64_t plus(uint64_t a, uint64_t b) {
  return b < ART_NEVER - 1 - a ? a + b : ART_NEVER - 1;
}

/* Of any magnitude, small ones as likely as large ones. */
static uint64_t random_span(void) {
  return random_u64(&seed) >> random_below(&seed, 64);
}

static uint64_t random_deadline(void) {
  uint64_t now = wheel.elapsed_ns < ART_NEVER ? wheel.elapsed_ns : ART_NEVER - 1;
  uint64_t other = item[random_below(&seed, ITEMS)].deadline_ns;
  switch (random_below(&seed, 10)) {
  case 0: return now == 0 ? 0 : random_below(&seed, now);
  case 1: return now;
  case 2: return ART_NEVER - 1 - random_below(&seed, 3);
  case 3: return (UINT64_C(1) << 62) - 2 + random_below(&seed, 5);
  case 4:
  case 5: return other;
  case 6: return plus(other, random_below(&seed, 3));
  default: return plus(now, random_span());
  }
}

static void arm_item(struct item *it) {
  it->deadline_ns = random_deadline();
  it->order = ++arms;
  it->armed = true;
  art_wheel_arm(&wheel, &it->timer, it->deadline_ns);
}

static void disarm_item(struct item *it) {
  it->armed = false;
  art_wheel_disarm(&wheel, &it->timer);
}

/* Arms what is disarmed and the other way round. */
static void toggle_any(void) {
  struct item *it = &item[random_below(&seed, ITEMS)];
  assert_true(art_timer_armed(&it->timer) == it->armed);
  if (it->armed)
    disarm_item(it);
  else
    arm_item(it);
}

static void check_wake(struct art_waker *waker) {
  struct item *it = item_of(waker);
  assert_ptr_equal(it, model_first(fire_limit));
  assert_true(it->deadline_ns <= fire_until);
  assert_true(wheel.elapsed_ns >= it->deadline_ns);
  it->armed = false;
  for (uint64_t n = random_below(&seed, 3); n > 0; n--) toggle_any();
}

static uint64_t random_now(void) {
  struct item *first = model_first(arms);
  uint64_t at = first == NULL ? wheel.elapsed_ns : first->deadline_ns;
  switch (random_below(&seed, 8)) {
  case 0: return at;
  case 1: return at == 0 ? 0 : at - 1;
  case 2: return plus(at, 1);
  case 3: return plus(at, random_span() % SECOND);
  case 4: return random_below(&seed, 50) == 0 ? ART_NEVER : wheel.elapsed_ns;
  default: return plus(wheel.elapsed_ns, random_span() >> 8);
  }
}

static void advance_and_check(void) {
  uint64_t now_ns = random_now(), before = wheel.elapsed_ns;
  fire_limit = arms;
  fire_until = now_ns > before ? now_ns : before;
  art_wheel_advance(&wheel, now_ns);
  assert_true(wheel.elapsed_ns == fire_until);
  struct item *left = model_first(fire_limit);
  assert_true(left == NULL || left->deadline_ns > fire_until);
}

static void check_against_model(void) {
  struct item *first = model_first(arms);
  assert_true(wheel.count == model_count());
  assert_true(art_wheel_next(&wheel) == (first == NULL ? ART_NEVER : first->deadline_ns));
}

static void run_random_operations(uint64_t with_seed) {
  seed = failing_seed = with_seed;
  arms = 0;
  uint64_t start = random_below(&seed, 2) == 0 ? 0 : random_span();
  art_wheel_init(&wheel, start);
  for (int i = 0; i < ITEMS; i++) init_item(&item[i], check_wake);
  for (int step = 0; step < STEPS; step++) {
    if (random_below(&seed, 4) == 0)
      advance_and_check();
    else
      toggle_any();
    if (random_below(&seed, 2) == 0) check_against_model();
  }
  failing_seed = 0;
}

static int name_the_seed(void **state) {
  (void)state;
  if (failing_seed != 0)
    print_error("failed with the seed %#llx\n", (unsigned long long)failing_seed);
  return 0;
}

static void agrees_with_the_model_whatever_the_operations(void **state) {
  (void)state;
  for (uint64_t s = 1; s <= SEEDS; s++) run_random_operations(s * UINT64_C(0x9e3779b97f4a7c15));
}

/* --- many timers ----------------------------------------------------------------------------- */

#define CROWD 20000

static struct item crowd[CROWD];
static struct item *in_order[CROWD];
static unsigned n_fired;

static int by_deadline(const void *a, const void *b) {
  const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
  if (x->deadline_ns != y->deadline_ns) return x->deadline_ns < y->deadline_ns ? -1 : 1;
  return x < y ? -1 : x > y; /* they are armed by address */
}

static void check_order(struct art_waker *waker) {
  assert_ptr_equal(item_of(waker), in_order[n_fired]);
  n_fired++;
}

static void drain_crowd(uint64_t range_ns, uint64_t step_ns) {
  seed = range_ns + step_ns;
  n_fired = 0;
  art_wheel_init(&wheel, 12345);
  for (int i = 0; i < CROWD; i++) {
    init_item(&crowd[i], check_order);
    crowd[i].deadline_ns = 12345 + random_below(&seed, range_ns);
    in_order[i] = &crowd[i];
    art_wheel_arm(&wheel, &crowd[i].timer, crowd[i].deadline_ns);
  }
  qsort(in_order, CROWD, sizeof in_order[0], by_deadline);
  uint64_t now_ns = 12345;
  while (n_fired < CROWD) {
    unsigned before = n_fired;
    now_ns += step_ns;
    unsigned reported = art_wheel_advance(&wheel, now_ns);
    assert_int_equal(reported, n_fired - before);
    if (n_fired < CROWD) assert_true(in_order[n_fired]->deadline_ns > now_ns);
    assert_int_equal(wheel.count, CROWD - n_fired);
  }
}

static void a_crowd_fires_in_order_by_steps_and_at_once(void **state) {
  (void)state;
  const uint64_t range[] = {1, 50, 3000, SECOND, YEAR, 500 * YEAR};
  for (unsigned i = 0; i < 6; i++) {
    drain_crowd(range[i], range[i]);
    drain_crowd(range[i], 1 + range[i] / 7);
    drain_crowd(range[i], 1 + range[i] / 5000);
  }
}

static void disarm_the_next_one(struct art_waker *waker) {
  struct item *it = item_of(waker);
  assert_true(it == crowd || it[-1].fired == 0);
  n_fired++;
  it->fired++;
  if (it + 1 < crowd + CROWD) art_wheel_disarm(&wheel, &it[1].timer);
}

static void of_a_crowd_every_other_one_can_be_disarmed_by_the_one_before(void **state) {
  (void)state;
  n_fired = 0;
  art_wheel_init(&wheel, 0);
  for (int i = 0; i < CROWD; i++) {
    init_item(&crowd[i], disarm_the_next_one);
    art_wheel_arm(&wheel, &crowd[i].timer, 1 + (uint64_t)i / 10 * 1000);
  }
  assert_int_equal(art_wheel_advance(&wheel, DAY), CROWD / 2);
  assert_int_equal(n_fired, CROWD / 2);
  assert_int_equal(wheel.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(agrees_with_the_model_whatever_the_operations, name_the_seed),
      cmocka_unit_test(a_crowd_fires_in_order_by_steps_and_at_once),
      cmocka_unit_test(of_a_crowd_every_other_one_can_be_disarmed_by_the_one_before),
  };
  return cmocka_run_group_tests_name("wheel_model", tests, NULL, NULL);
}
