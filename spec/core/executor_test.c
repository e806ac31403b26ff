/* The executor: in which order tasks are polled, what a seed may change of it, that nobody is kept waiting for ever, and
** what a tick leaves to the next one. */
#include "runtime_fixture.h"

#include "base/clock.h"
#include "executor/cx.h"
#include "executor/poll.h"
#include "executor/runtime.h"

static size_t longest_run_of(const char *where, char name) {
  size_t longest = 0, length = 0;
  for (; *where != 0; where++) {
    length = *where == name ? length + 1 : 0;
    if (length > longest) longest = length;
  }
  return longest;
}

static struct actor *start_wishing(char name, unsigned wishes) {
  struct actor *a = cast(name, wish);
  a->wishes = wishes;
  start(a);
  return a;
}

/* --- order ------------------------------------------------------------------------------------ */

static void tasks_start_in_the_order_of_their_spawns(void **state) {
  (void)state;
  for (char name = 'a'; name <= 'e'; name++) start(cast(name, finish));
  run();
  assert_string_equal(trace, "abcde");
}

static void tasks_run_in_the_order_of_their_wakes(void **state) {
  struct actor *a = cast('a', await_wake), *b = cast('b', await_wake), *c = cast('c', await_wake);
  (void)state;
  start(a);
  start(b);
  start(c);
  assert_int_equal(tick(), 0);
  art_waker_wake(c->waker);
  art_waker_wake(a->waker);
  art_waker_wake(c->waker);
  art_waker_wake(b->waker);
  run();
  assert_string_equal(trace, "abccab");
}

static void who_wakes_itself_goes_behind_the_others(void **state) {
  (void)state;
  for (char name = 'a'; name <= 'c'; name++) start_wishing(name, 2);
  run();
  assert_string_equal(trace, "abcabcabc");
}

static struct art_timer overdue;

/* A sleep that is over with the next look at the timers, whatever the clock says. */
static enum art_poll sleep_till_next_look(struct actor *self) {
  if (self->polls == 2) return ART_READY;
  overdue = (struct art_timer){.waker = &self->cx->task->waker};
  art_wheel_arm(&rt->wheel, &overdue, 0);
  return ART_PENDING;
}

static void woken_by_a_timer_goes_before_ready(void **state) {
  (void)state;
  start(cast('s', sleep_till_next_look));
  assert_int_equal(art_runtime_tick(rt, 0), 0);
  start(cast('r', finish));
  assert_int_equal(tick(), 0);
  assert_string_equal(trace, "ssr");
}

static void woken_by_io_goes_before_ready(void **state) {
  struct actor *i = cast('i', receive);
  (void)state;
  give_socket(i);
  start(i);
  assert_int_equal(tick(), 0);
  start(cast('r', finish));
  send_to(i);
  assert_int_equal(tick(), 0);
  assert_string_equal(trace, "iir");
}

/* --- fairness --------------------------------------------------------------------------------- */

static void a_hog_keeps_no_timer_waiting(void **state) {
  (void)state;
  start(cast('s', sleep_till_next_look));
  start_wishing('h', 1000);
  run();
  assert_in_range(strrchr(trace, 's') - trace, 2, 1 + ART_TURN_POLLS);
}

static enum art_poll feed_other(struct actor *self) {
  if (self->polls == 2) send_to(self->other);
  return wish(self);
}

static void a_hog_keeps_no_io_waiting(void **state) {
  struct actor *i = cast('i', receive), *h = cast_with('h', feed_other, i);
  (void)state;
  h->wishes = 1000;
  give_socket(i);
  start(i);
  start(h);
  run();
  assert_in_range(strrchr(trace, 'i') - trace, 3, 3 + ART_TURN_POLLS);
}

static enum art_poll have_other_woken(struct actor *self) {
  if (self->polls == 2) elsewhere(wake_it, self->other->waker);
  return wish(self);
}

static void a_hog_keeps_no_other_thread_waiting(void **state) {
  struct actor *w = cast('w', await_wake), *h = cast_with('h', have_other_woken, w);
  (void)state;
  h->wishes = 1000;
  start(w);
  start(h);
  run();
  assert_in_range(strrchr(trace, 'w') - trace, 3, 3 + ART_TURN_POLLS);
}

/* Woken by I/O again and again: sends itself a byte each time it has begun to wait for one. */
static enum art_poll flood(struct actor *self) {
  ssize_t n;
  while (art_recv(self->cx, self->io, &self->byte, 1, &n) == ART_READY) assert_int_equal(n, 1);
  send_to(self);
  return self->wishes-- == 0 ? ART_READY : ART_PENDING;
}

static void start_flood(unsigned tasks, unsigned polls) {
  for (unsigned i = 0; i < tasks; i++) {
    struct actor *f = cast('f', flood);
    f->wishes = polls;
    give_socket(f);
    start(f);
  }
}

static void assert_hog_was_not_kept_waiting(void) {
  const char *first = strchr(trace, 'h'), *last = strrchr(trace, 'h');
  assert_non_null(first);
  assert_true(last > first + 10);
  trace[last - trace + 1] = 0;
  assert_in_range(longest_run_of(first, 'f'), 1, ART_TURN_POLLS);
}

static void a_flood_of_io_keeps_nobody_waiting(void **state) {
  (void)state;
  start_flood(100, 20);
  start_wishing('h', 300);
  run();
  assert_hog_was_not_kept_waiting();
}

static void nor_does_it_when_every_tick_is_cut_short(void **state) {
  (void)state;
  start_flood(3, 1000);
  start_wishing('h', 300);
  for (size_t i = 0; i < 1900; i++) {
    assert_true(art_runtime_tick(rt, 0) > 0);
    assert_int_equal(traced, i + 1);
  }
  assert_hog_was_not_kept_waiting();
}

static void a_short_tick_polls_though_only_the_flood_is_there(void **state) {
  (void)state;
  start_flood(3, 1000);
  for (size_t i = 0; i < 8 * ART_TURN_POLLS; i++) {
    assert_true(art_runtime_tick(rt, 0) > 0);
    assert_int_equal(traced, i + 1);
  }
}

static struct art_timer alarm_clock[3];

/* The same flood from timers: each is due again with the next look. */
static enum art_poll flood_by_timers(struct actor *self) {
  struct art_timer *t = &alarm_clock[self - stage];
  *t = (struct art_timer){.waker = &self->cx->task->waker};
  if (self->wishes-- == 0) return ART_READY;
  art_wheel_arm(&rt->wheel, t, 0);
  return ART_PENDING;
}

/* Under a seed too, which leaves only timers among the woken. */
static void a_flood_of_timers_keeps_nobody_waiting(void **state) {
  (void)state;
  for (int seeded = 0; seeded < 2; seeded++) {
    use_runtime((struct art_config){.seeded = seeded});
    clear_trace();
    on_stage = 0;
    for (int i = 0; i < 3; i++) {
      struct actor *f = cast('f', flood_by_timers);
      f->wishes = 400;
      start(f);
    }
    start_wishing('h', 30);
    for (int i = 0; i < 1100; i++) assert_true(art_runtime_tick(rt, 0) > 0);
    assert_hog_was_not_kept_waiting();
    run();
  }
}

/* --- seeds ------------------------------------------------------------------------------------ */

static void use_seed(uint64_t seed, enum art_clock_kind clock) {
  use_runtime((struct art_config){.clock = clock, .seeded = true, .seed = seed});
  clear_trace();
  on_stage = 0;
}

static char *copy_of_trace(void) {
  char *copy = strdup(trace);
  assert_non_null(copy);
  return copy;
}

typedef void scenario_fn(void);

/* Plays under many seeds, under each twice; the number of different courses it took. */
static unsigned courses_of(scenario_fn *play, enum art_clock_kind clock, unsigned seeds) {
  char *course[64];
  unsigned different = 0;
  assert_in_range(seeds, 1, 64);
  for (unsigned seed = 0; seed < seeds; seed++) {
    use_seed(seed, clock);
    play();
    course[seed] = copy_of_trace();
    use_seed(seed, clock);
    play();
    assert_string_equal(trace, course[seed]);
    bool is_new = true;
    for (unsigned i = 0; i < seed; i++) is_new &= strcmp(course[i], course[seed]) != 0;
    different += is_new;
  }
  for (unsigned i = 0; i < seeds; i++) free(course[i]);
  return different;
}

static void assert_firsts_in_order(const char *names) {
  const char *before = trace;
  for (; *names != 0; names++) {
    const char *first = strchr(trace, *names);
    assert_non_null(first);
    assert_true(first >= before);
    before = first;
  }
}

static void play_wishes(void) {
  for (char name = 'a'; name <= 'f'; name++) start_wishing(name, 5);
  run();
  assert_int_equal(traced, 6 * 6);
  assert_firsts_in_order("abcdef");
}

static void a_seed_shuffles_ready_tasks_and_no_first_polls(void **state) {
  (void)state;
  assert_in_range(courses_of(play_wishes, ART_CLOCK_REAL, 64), 60, 64);
}

static enum art_poll spawn_some_and_wish(struct actor *self) {
  if (self->polls == 3)
    for (char name = '1'; name <= '4'; name++) start_wishing(name, 2);
  return wish(self);
}

static void play_late_spawns(void) {
  struct actor *a = cast('a', spawn_some_and_wish);
  a->wishes = 5;
  start_wishing('b', 5);
  start(a);
  start_wishing('c', 5);
  run();
  assert_int_equal(traced, 3 * 6 + 4 * 3);
  assert_firsts_in_order("bac");
  assert_firsts_in_order("1234");
}

static void a_seed_leaves_first_polls_of_later_spawns_alone(void **state) {
  (void)state;
  assert_in_range(courses_of(play_late_spawns, ART_CLOCK_REAL, 64), 60, 64);
}

static void start_sleeping(char name, uint64_t deadline_ns) {
  struct actor *s = cast(name, sleep_until);
  s->deadline_ns = deadline_ns;
  start(s);
}

/* All come due at once: the budget lets nobody run on the way. */
static void play_timers(void) {
  const char names[] = "cbadfe"; /* a: 10, b to d: 20, e and f: 30 */
  for (const char *n = names; *n != 0; n++)
    start_sleeping(*n, *n == 'a' ? 10 : *n <= 'd' ? 20 : 30);
  assert_int_equal(tick(), 0);
  clear_trace();
  assert_int_equal(art_runtime_advance(rt, 100, 0), 6);
  assert_int_equal(traced, 0);
  run();
  assert_int_equal(traced, 6);
  assert_int_equal(trace[0], 'a');
  for (int i = 1; i <= 3; i++) assert_in_range(trace[i], 'b', 'd');
  for (int i = 4; i <= 5; i++) assert_in_range(trace[i], 'e', 'f');
}

static void a_seed_shuffles_equal_deadlines_only(void **state) {
  (void)state;
  assert_in_range(courses_of(play_timers, ART_CLOCK_MANUAL, 64), 6, 12);
  use_clock(ART_CLOCK_MANUAL);
  clear_trace();
  play_timers();
  assert_string_equal(trace, "acbdfe"); /* without a seed: as they were armed */
}

static void a_seed_keeps_deadlines_in_order_from_stop_to_stop(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 20; seed++) {
    use_seed(seed, ART_CLOCK_VIRTUAL);
    for (char name = 'e'; name >= 'a'; name--) start_sleeping(name, (uint64_t)(name - 'a' + 1));
    run();
    assert_string_equal(trace, "edcbaabcde");
  }
}

static struct art_timer late;

/* Has the other one woken by a timer of the deadline that fires right now. */
static enum art_poll arm_for_other(struct actor *self) {
  if (sleep_until(self) == ART_PENDING) return ART_PENDING;
  late = (struct art_timer){.waker = self->other->waker};
  art_wheel_arm(&rt->wheel, &late, art_runtime_now_ns(rt));
  return ART_READY;
}

static void nobody_gets_lost_between_equal_deadlines(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 20; seed++) {
    use_seed(seed, ART_CLOCK_MANUAL);
    struct actor *c = cast('c', await_wake), *a = cast_with('a', arm_for_other, c);
    a->deadline_ns = 10;
    start(c);
    start(a);
    start_sleeping('b', 20);
    assert_int_equal(tick(), 0);
    assert_int_equal(art_runtime_advance(rt, 20, 0), 2);
    assert_int_equal(art_runtime_tick(rt, 0), 1);
    assert_int_equal(tick(), 0);
    run();
    assert_memory_equal(trace, "caba", 4); /* then b and c, as the seed has it */
    assert_int_equal(traced, 6);
  }
}

static void a_seeded_hog_keeps_nobody_waiting(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 20; seed++) {
    use_seed(seed, ART_CLOCK_REAL);
    start_wishing('h', 2000);
    start_wishing('o', 1);
    start(cast('s', sleep_till_next_look));
    run();
    assert_in_range(strrchr(trace, 'o') - trace, 0, 200);
    assert_in_range(strrchr(trace, 's') - trace, 0, 200);
  }
}

static void near_seeds_part_ways(void **state) {
  (void)state;
  struct art_executor a, b;
  uint64_t inverse = 1; /* of the factor, by Newton */
  for (int i = 0; i < 6; i++) inverse *= 2 - 0x9E3779B97F4A7C15u * inverse;
  art_executor_init(&a, NULL);
  art_executor_seed(&a, -0xD1B54A32D192ED03u *
                            inverse); /* the one that would leave nothing but zeros */
  assert_true(a.random != 0);
  for (uint64_t seed = 0; seed < 100; seed++) {
    art_executor_init(&a, NULL);
    art_executor_init(&b, NULL);
    art_executor_seed(&a, seed);
    art_executor_seed(&b, seed + 1);
    assert_true(a.random != 0);
    int same = __builtin_popcountll(~(art_executor_random(&a) ^ art_executor_random(&b)));
    assert_in_range(same, 10, 54);
  }
}

/* --- ticks ------------------------------------------------------------------------------------ */

/* Yields some polls long; wakes another one at each. */
struct yielder {
  struct art_task task;
  struct actor *other;
  unsigned polls, wishes;
};

static void poll_yielder(struct art_executor *ex, struct yielder *y) {
  y->polls++;
  note('y');
  if (y->wishes-- == 0) {
    art_task_end(&y->task);
    return;
  }
  if (y->other != NULL) art_waker_wake(y->other->waker);
  y->task.yielded = true;
  art_task_wake(&y->task);
  art_executor_put(ex, &y->task);
}

static struct art_task *run_yielder(struct art_executor *ex, struct art_task *t) {
  poll_yielder(ex, ART_CONTAINER(t, struct yielder, task));
  return art_executor_next(ex);
}

static const struct art_task_class yielder_class = {.run = run_yielder};

static void start_yielder(struct yielder *y, unsigned wishes, struct actor *other) {
  *y = (struct yielder){.wishes = wishes, .other = other};
  art_task_init(&y->task, &yielder_class, &rt->executor);
  art_task_wake(&y->task);
}

static void a_yielding_task_runs_once_a_tick(void **state) {
  struct yielder y[2];
  (void)state;
  for (int i = 0; i < 2; i++) start_yielder(&y[i], 100, NULL);
  for (unsigned i = 1; i <= 5; i++) {
    assert_int_equal(tick(), 2);
    assert_int_equal(y[0].polls, i);
    assert_int_equal(y[1].polls, i);
    assert_int_equal(art_runtime_next_ns(rt), 0);
  }
}

static void a_hand_off_stays_in_the_tick(void **state) {
  struct actor *w = cast('w', stay_wakeable);
  struct yielder y;
  (void)state;
  start(w);
  assert_int_equal(tick(), 0);
  start_yielder(&y, 100, w);
  for (int i = 0; i < 3; i++) assert_int_equal(tick(), 1);
  assert_string_equal(trace, "wywywyw");
}

static void who_yields_in_a_run_only_goes_behind_the_others(void **state) {
  struct yielder y;
  (void)state;
  start_yielder(&y, 3, NULL);
  start_wishing('w', 3);
  run();
  assert_string_equal(trace, "ywywywyw");
  for (uint64_t seed = 0; seed < 10; seed++) {
    use_seed(seed, ART_CLOCK_REAL);
    start_yielder(&y, 3, NULL);
    start_wishing('w', 3);
    run();
    assert_int_equal(traced, 8);
  }
}

static void what_a_tick_deferred_goes_on_in_a_run(void **state) {
  struct yielder y;
  (void)state;
  start_yielder(&y, 3, NULL);
  assert_int_equal(tick(), 1);
  run();
  assert_int_equal(y.polls, 4);
}

static void who_yields_runs_once_at_every_stop_of_an_advance(void **state) {
  struct yielder y;
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  start_yielder(&y, 100, NULL);
  for (char name = 'a'; name <= 'c'; name++) start_sleeping(name, (uint64_t)(name - 'a' + 1));
  assert_int_equal(art_runtime_advance(rt, 9, ART_NEVER), 1);
  assert_string_equal(trace, "yabcaybycy");
}

static void who_was_ended_in_a_queue_is_purged_from_it(void **state) {
  struct yielder y[4];
  (void)state;
  for (int deferred = 0; deferred < 2; deferred++) {
    for (int i = 0; i < 4; i++) start_yielder(&y[i], 2, NULL);
    if (deferred) assert_int_equal(tick(), 4);
    for (int i = 1; i < 4; i += 2) art_task_end(&y[i].task);
    art_executor_purge(&rt->executor);
    art_task_wake(&y[1].task);
    memset(&y[3], 0xff, sizeof y[3]);
    assert_int_equal(art_runtime_ready(rt), 2);
    run();
    assert_int_equal(y[0].polls, 3);
    assert_int_equal(y[1].polls, deferred);
    assert_int_equal(y[2].polls, 3);
  }
}

static void a_tick_without_budget_polls_once(void **state) {
  (void)state;
  for (char name = 'a'; name <= 'd'; name++) start(cast(name, finish));
  for (int left = 3; left >= 0; left--) assert_int_equal(art_runtime_tick(rt, 0), left);
  assert_int_equal(art_runtime_tick(rt, 0), 0);
  assert_string_equal(trace, "abcd");
}

#define BUDGET_NS 100000

static enum art_poll outlast_budget(struct actor *self) {
  uint64_t end = art_monotonic_ns() + BUDGET_NS;
  (void)self;
  while (art_monotonic_ns() <= end) continue;
  return ART_READY;
}

static void a_spent_budget_ends_the_tick(void **state) {
  (void)state;
  for (char name = 'a'; name <= 'c'; name++) start(cast(name, outlast_budget));
  for (int left = 2; left >= 0; left--) assert_int_equal(art_runtime_tick(rt, BUDGET_NS), left);
  assert_string_equal(trace, "abc");
}

static void a_tick_without_limit_runs_until_nothing_is_ready(void **state) {
  (void)state;
  start_wishing('a', 1000);
  assert_int_equal(art_runtime_tick(rt, ART_NEVER), 0);
  assert_int_equal(traced, 1001);
  start_wishing('b', 1000);
  assert_int_equal(art_runtime_tick(rt, ART_NEVER - 1), 0); /* no overflow */
  assert_int_equal(traced, 2002);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_RUNTIME(tasks_start_in_the_order_of_their_spawns),
      ON_RUNTIME(tasks_run_in_the_order_of_their_wakes),
      ON_RUNTIME(who_wakes_itself_goes_behind_the_others),
      ON_RUNTIME(woken_by_a_timer_goes_before_ready),
      ON_RUNTIME(woken_by_io_goes_before_ready),
      ON_RUNTIME(a_hog_keeps_no_timer_waiting),
      ON_RUNTIME(a_hog_keeps_no_io_waiting),
      ON_RUNTIME(a_hog_keeps_no_other_thread_waiting),
      ON_RUNTIME(a_flood_of_io_keeps_nobody_waiting),
      ON_RUNTIME(nor_does_it_when_every_tick_is_cut_short),
      ON_RUNTIME(a_short_tick_polls_though_only_the_flood_is_there),
      ON_RUNTIME(a_flood_of_timers_keeps_nobody_waiting),
      ON_RUNTIME(a_seed_shuffles_ready_tasks_and_no_first_polls),
      ON_RUNTIME(a_seed_leaves_first_polls_of_later_spawns_alone),
      ON_RUNTIME(a_seed_shuffles_equal_deadlines_only),
      ON_RUNTIME(a_seed_keeps_deadlines_in_order_from_stop_to_stop),
      ON_RUNTIME(nobody_gets_lost_between_equal_deadlines),
      ON_RUNTIME(a_seeded_hog_keeps_nobody_waiting),
      ON_RUNTIME(near_seeds_part_ways),
      ON_RUNTIME(a_yielding_task_runs_once_a_tick),
      ON_RUNTIME(a_hand_off_stays_in_the_tick),
      ON_RUNTIME(who_yields_in_a_run_only_goes_behind_the_others),
      ON_RUNTIME(what_a_tick_deferred_goes_on_in_a_run),
      ON_RUNTIME(who_yields_runs_once_at_every_stop_of_an_advance),
      ON_RUNTIME(who_was_ended_in_a_queue_is_purged_from_it),
      ON_RUNTIME(a_tick_without_budget_polls_once),
      ON_RUNTIME(a_spent_budget_ends_the_tick),
      ON_RUNTIME(a_tick_without_limit_runs_until_nothing_is_ready),
  };
  alarm(120);
  return cmocka_run_group_tests_name("executor", tests, NULL, NULL);
}
