/* Hogs: tasks whose class had to pre-empt them. They go last, one a turn, and once a tick. */
#include "runtime_fixture.h"

#include "executor/poll.h"
#include "executor/runtime.h"

/* Is pre-empted at every poll. */
struct hog {
  struct art_task task;
  char name;
  unsigned polls, wishes;
};

static struct art_task *run_hog(struct art_executor *ex, struct art_task *t) {
  struct hog *h = ART_CONTAINER(t, struct hog, task);
  h->polls++;
  note(h->name);
  if (h->wishes-- == 0) {
    art_task_end(t);
  } else {
    t->yielded = t->hog = true;
    ex->choosy = true;
    art_task_wake(t);
    art_executor_put(ex, t);
  }
  return art_executor_next(ex);
}

static const struct art_task_class hog_class = {.run = run_hog};

static void start_hog(struct hog *h, char name, unsigned wishes) {
  *h = (struct hog){.name = name, .wishes = wishes};
  art_task_init(&h->task, &hog_class, &rt->executor);
  art_task_wake(&h->task);
}

static struct actor *start_wishing(char name, unsigned wishes) {
  struct actor *a = cast(name, wish);
  a->wishes = wishes;
  start(a);
  return a;
}

static void hogs_take_turns_with_all_others(void **state) {
  struct hog h[2];
  (void)state;
  start_hog(&h[0], 'x', 3);
  start_hog(&h[1], 'y', 3);
  start_wishing('w', 200);
  run();
  const char *x = strchr(strchr(trace, 'x') + 1, 'x');
  assert_in_range(x - trace, 55, 65);          /* after all that the turn had */
  assert_in_range(strchr(x, 'y') - x, 55, 65); /* one a turn */
  assert_int_equal(h[0].polls, 4);
  assert_int_equal(h[1].polls, 4);
}

static void hogs_keep_their_order(void **state) {
  struct hog h[3];
  (void)state;
  for (int i = 0; i < 3; i++) start_hog(&h[i], (char)('x' + i), 3);
  run();
  assert_string_equal(trace, "xyzxyzxyzxyz");
}

static void a_hog_runs_once_a_tick(void **state) {
  struct hog h[2];
  (void)state;
  for (int i = 0; i < 2; i++) start_hog(&h[i], (char)('x' + i), 100);
  for (unsigned i = 1; i <= 5; i++) {
    assert_int_equal(tick(), 2);
    assert_int_equal(h[0].polls, i);
    assert_int_equal(h[1].polls, i);
    assert_int_equal(art_runtime_next_ns(rt), 0);
  }
}

static void a_spent_budget_leaves_hogs_to_the_next_tick(void **state) {
  struct hog h[3];
  (void)state;
  for (int i = 0; i < 3; i++) start_hog(&h[i], (char)('x' + i), 100);
  tick();
  clear_trace();
  for (int i = 0; i < 6; i++) assert_int_equal(art_runtime_tick(rt, 0), 3);
  assert_string_equal(trace, "xyzxyz");
}

static void who_was_a_hog_is_none_once_it_has_parked(void **state) {
  struct hog h;
  (void)state;
  start_hog(&h, 'x', 1);
  tick();
  assert_true(h.task.hog);
  assert_int_equal(tick(), 0);
  assert_false(h.task.hog);
  assert_int_equal(rt->executor.hog_poll, rt->executor.polls);
}

/* Sleeps from one to the next of many deadlines. */
static enum art_poll sleep_on(struct actor *self) {
  if (self->sleep == NULL) self->sleep = art_sleep_new(rt);
  while (art_sleep(self->cx, self->sleep, self->deadline_ns) == ART_READY) self->deadline_ns += 10;
  return ART_PENDING;
}

static void a_hog_has_one_slice_an_advance(void **state) {
  struct hog h;
  struct actor *s = cast('s', sleep_on);
  (void)state;
  use_clock(ART_CLOCK_MANUAL);
  clear_trace();
  s->deadline_ns = 10;
  start(s);
  start_hog(&h, 'x', 100);
  assert_int_equal(art_runtime_advance(rt, 50, ART_NEVER), 1);
  assert_string_equal(trace, "sxsssssx"); /* its first poll, and a slice where the clock arrives */
  clear_trace();
  assert_int_equal(art_runtime_advance(rt, 50, ART_NEVER), 1);
  assert_string_equal(trace, "sssssx");
}

static void a_seed_changes_nothing_of_that(void **state) {
  struct hog h[3];
  (void)state;
  for (uint64_t seed = 0; seed < 10; seed++) {
    close_runtime();
    rt = new_runtime((struct art_config){.seeded = true, .seed = seed});
    clear_trace();
    for (int i = 0; i < 3; i++) start_hog(&h[i], (char)('x' + i), 3);
    run();
    assert_string_equal(trace, "xyzxyzxyzxyz");
  }
}

static void hogs_that_were_ended_in_their_queue_are_purged(void **state) {
  struct hog h[2];
  (void)state;
  for (int i = 0; i < 2; i++) start_hog(&h[i], (char)('x' + i), 100);
  tick();
  art_executor_undefer(&rt->executor);
  art_task_end(&h[0].task);
  art_executor_purge(&rt->executor);
  clear_trace();
  assert_int_equal(tick(), 1);
  assert_string_equal(trace, "y");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_RUNTIME(hogs_take_turns_with_all_others),
      ON_RUNTIME(hogs_keep_their_order),
      ON_RUNTIME(a_hog_runs_once_a_tick),
      ON_RUNTIME(a_spent_budget_leaves_hogs_to_the_next_tick),
      ON_RUNTIME(who_was_a_hog_is_none_once_it_has_parked),
      ON_RUNTIME(a_hog_has_one_slice_an_advance),
      ON_RUNTIME(a_seed_changes_nothing_of_that),
      ON_RUNTIME(hogs_that_were_ended_in_their_queue_are_purged),
  };
  alarm(120);
  return cmocka_run_group_tests_name("hogs", tests, NULL, NULL);
}
