#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/inbox.h"
#include "base/list.h"

#define PRODUCERS 4
#define LETTERS 20000 /* of each producer */

struct letter {
  struct art_inbox_node node;
  unsigned from, number;
};

static struct art_allocator allocator;
static struct art_inbox *inbox;
static int bell; /* the eventfd */
static struct letter *received[8];
static unsigned n_received;

static int set_up(void **state) {
  (void)state;
  n_received = 0;
  bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  art_allocator_init(&allocator, NULL);
  inbox = art_inbox_new(&allocator, bell);
  return bell < 0 || inbox == NULL;
}

static int tear_down(void **state) {
  (void)state;
  art_inbox_close(inbox);
  art_inbox_unref(inbox);
  return close(bell);
}

static bool bell_rang(void) {
  uint64_t times;
  return read(bell, &times, sizeof times) == sizeof times;
}

static void note(struct art_inbox_node *node) {
  received[n_received++] = ART_CONTAINER(node, struct letter, node);
}

static void push_again_once(struct art_inbox_node *node) {
  note(node);
  node->deliver = note;
  node->next = NULL; /* the batch must not depend on it any more */
  assert_true(art_inbox_push(inbox, node));
}

static void push_again_in_vain(struct art_inbox_node *node) {
  note(node);
  assert_false(art_inbox_push(inbox, node));
}

static void *refuse(void *ud, void *block, size_t old_size, size_t new_size) {
  (void)ud, (void)block, (void)old_size, (void)new_size;
  return NULL;
}

/* --- one thread ------------------------------------------------------------------------------ */

static void no_memory_is_null(void **state) {
  (void)state;
  struct art_allocator poor = {.resize = refuse};
  assert_null(art_inbox_new(&poor, -1));
}

static void delivers_in_the_order_of_pushes(void **state) {
  (void)state;
  struct letter letter[3] = {
      {.node = {.deliver = note}}, {.node = {.deliver = note}}, {.node = {.deliver = note}}};
  assert_true(art_inbox_empty(inbox));
  for (int i = 0; i < 3; i++) assert_true(art_inbox_push(inbox, &letter[i].node));
  assert_false(art_inbox_empty(inbox));
  assert_int_equal(art_inbox_deliver(inbox), 3);
  for (int i = 0; i < 3; i++) assert_ptr_equal(received[i], &letter[i]);
  assert_int_equal(art_inbox_deliver(inbox), 0);
  assert_true(art_inbox_empty(inbox));
}

static void what_a_delivery_pushes_comes_with_the_next(void **state) {
  (void)state;
  struct letter letter[2] = {{.node = {.deliver = push_again_once}},
                             {.node = {.deliver = push_again_once}}};
  for (int i = 0; i < 2; i++) art_inbox_push(inbox, &letter[i].node);
  assert_int_equal(art_inbox_deliver(inbox), 2);
  assert_int_equal(art_inbox_deliver(inbox), 2);
  for (int i = 0; i < 4; i++) assert_ptr_equal(received[i], &letter[i % 2]);
}

static void pushes_do_not_notify_an_owner_that_is_awake(void **state) {
  (void)state;
  struct letter letter = {.node = {.deliver = note}};
  art_inbox_push(inbox, &letter.node);
  assert_false(bell_rang());
  art_inbox_deliver(inbox);
}

static void only_the_first_push_of_a_sleep_notifies(void **state) {
  (void)state;
  struct letter letter[2] = {{.node = {.deliver = note}}, {.node = {.deliver = note}}};
  assert_true(art_inbox_sleep(inbox));
  assert_true(art_inbox_empty(inbox));
  art_inbox_push(inbox, &letter[0].node);
  assert_true(bell_rang());
  art_inbox_push(inbox, &letter[1].node);
  assert_false(bell_rang());
  assert_int_equal(art_inbox_deliver(inbox), 2);
}

static void refuses_to_sleep_on_what_has_arrived(void **state) {
  (void)state;
  struct letter letter = {.node = {.deliver = note}};
  art_inbox_push(inbox, &letter.node);
  assert_false(art_inbox_sleep(inbox));
  assert_int_equal(art_inbox_deliver(inbox), 1);
  assert_true(art_inbox_sleep(inbox));
  assert_true(art_inbox_sleep(inbox));
}

static void awake_and_deliver_end_a_sleep(void **state) {
  (void)state;
  struct letter letter = {.node = {.deliver = note}};
  art_inbox_sleep(inbox);
  art_inbox_awake(inbox);
  art_inbox_awake(inbox);
  art_inbox_push(inbox, &letter.node);
  art_inbox_awake(inbox);
  assert_int_equal(art_inbox_deliver(inbox), 1);
  art_inbox_sleep(inbox);
  assert_int_equal(art_inbox_deliver(inbox), 0);
  art_inbox_push(inbox, &letter.node);
  assert_int_equal(art_inbox_deliver(inbox), 1);
  assert_false(bell_rang());
}

static void a_notify_rings_asleep_or_not(void **state) {
  (void)state;
  art_inbox_notify(inbox);
  assert_true(bell_rang());
  art_inbox_sleep(inbox);
  art_inbox_notify(inbox);
  assert_true(bell_rang());
}

static void a_notify_into_a_full_pipe_returns(void **state) {
  (void)state;
  int end[2];
  assert_int_equal(pipe2(end, O_NONBLOCK | O_CLOEXEC), 0);
  const char page[4096] = {0};
  while (write(end[1], page, sizeof page) > 0)
    ;
  struct art_inbox *in = art_inbox_new(&allocator, end[1]);
  art_inbox_notify(in);
  art_inbox_close(in);
  art_inbox_unref(in);
  close(end[0]);
  close(end[1]);
}

static void closing_delivers_what_is_there_and_refuses_the_rest(void **state) {
  (void)state;
  struct letter letter[2] = {{.node = {.deliver = note}},
                             {.node = {.deliver = push_again_in_vain}}};
  for (int i = 0; i < 2; i++) art_inbox_push(inbox, &letter[i].node);
  art_inbox_close(inbox);
  assert_int_equal(n_received, 2);
  assert_ptr_equal(received[0], &letter[0]);
  assert_false(art_inbox_push(inbox, &letter[0].node));
  assert_true(art_inbox_empty(inbox));
  assert_int_equal(art_inbox_deliver(inbox), 0);
  assert_false(art_inbox_sleep(inbox));
  art_inbox_close(inbox);
  assert_int_equal(n_received, 2);
}

static void nothing_rings_after_close(void **state) {
  (void)state;
  struct letter letter = {.node = {.deliver = note}};
  art_inbox_sleep(inbox);
  art_inbox_close(inbox);
  art_inbox_notify(inbox);
  art_inbox_push(inbox, &letter.node);
  assert_false(bell_rang());
}

static void counts_its_references(void **state) {
  (void)state;
  assert_int_equal(art_inbox_refs(inbox), 1);
  assert_ptr_equal(art_inbox_ref(inbox), inbox);
  assert_int_equal(art_inbox_refs(inbox), 2);
  art_inbox_unref(inbox);
  assert_int_equal(art_inbox_refs(inbox), 1);
}

/* --- many threads ---------------------------------------------------------------------------- */

static struct letter *mail[PRODUCERS];
static unsigned arrived[PRODUCERS];
static unsigned out_of_order;

static void count(struct art_inbox_node *node) {
  struct letter *l = ART_CONTAINER(node, struct letter, node);
  if (l->number != arrived[l->from]) out_of_order++; /* lost, doubled or overtaken */
  arrived[l->from]++;
}

static void *produce(void *arg) {
  struct letter *mine = arg;
  for (unsigned i = 0; i < LETTERS; i++) {
    mine[i].number = i;
    art_inbox_push(inbox, &mine[i].node);
    if (i % 64 == 0) sched_yield(); /* let the owner fall asleep now and then */
  }
  art_inbox_unref(inbox);
  return NULL;
}

static void *ring_until_stopped(void *arg) {
  atomic_bool *stop = arg;
  /* relaxed: the store in the test only ends the loop */
  while (!atomic_load_explicit(stop, memory_order_relaxed)) {
    art_inbox_notify(inbox);
    sched_yield(); /* let close have the lock */
  }
  return NULL;
}

static void start_producers(pthread_t *thread) {
  for (unsigned p = 0; p < PRODUCERS; p++) {
    arrived[p] = 0;
    mail[p] = calloc(LETTERS, sizeof *mail[p]);
    for (unsigned i = 0; i < LETTERS; i++) {
      mail[p][i].node.deliver = count;
      mail[p][i].from = p;
    }
    art_inbox_ref(inbox);
    assert_int_equal(pthread_create(&thread[p], NULL, produce, mail[p]), 0);
  }
}

static void join_producers(pthread_t *thread) {
  for (unsigned p = 0; p < PRODUCERS; p++) {
    assert_int_equal(pthread_join(thread[p], NULL), 0);
    free(mail[p]);
  }
}

/* Waits as the reactor does: for the bell alone. A lost wake shows as a poll that never returns. */
static void wait_for_the_bell(void) {
  struct pollfd p = {.fd = bell, .events = POLLIN};
  while (poll(&p, 1, -1) < 0 && errno == EINTR)
    ;
  assert_true(bell_rang());
}

static void a_sleeper_misses_nothing_from_many_threads(void **state) {
  (void)state;
  pthread_t thread[PRODUCERS];
  unsigned n = 0;
  out_of_order = 0;
  start_producers(thread);
  while (n < PRODUCERS * LETTERS) {
    if (art_inbox_sleep(inbox)) wait_for_the_bell();
    art_inbox_awake(inbox);
    n += art_inbox_deliver(inbox);
  }
  join_producers(thread);
  assert_int_equal(art_inbox_refs(inbox), 1);
  assert_int_equal(out_of_order, 0);
  assert_int_equal(n, PRODUCERS * LETTERS);
  assert_true(art_inbox_empty(inbox));
}

static void closing_under_fire_delivers_a_prefix_of_each_thread(void **state) {
  (void)state;
  pthread_t thread[PRODUCERS];
  unsigned n = 0;
  out_of_order = 0;
  start_producers(thread);
  while (n < LETTERS) n += art_inbox_deliver(inbox);
  art_inbox_close(inbox);
  join_producers(thread);
  assert_int_equal(out_of_order, 0);
}

static void no_thread_rings_once_close_has_returned(void **state) {
  (void)state;
  pthread_t thread[PRODUCERS];
  atomic_bool stop = false;
  for (int i = 0; i < PRODUCERS; i++)
    assert_int_equal(pthread_create(&thread[i], NULL, ring_until_stopped, &stop), 0);
  while (!bell_rang())
    ;
  art_inbox_close(inbox);
  bell_rang();
  for (int i = 0; i < 1000; i++) sched_yield();
  bool rang = bell_rang();
  atomic_store_explicit(&stop, true, memory_order_relaxed);
  for (int i = 0; i < PRODUCERS; i++) pthread_join(thread[i], NULL);
  assert_false(rang);
  assert_false(bell_rang());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(no_memory_is_null),
      TEST(delivers_in_the_order_of_pushes),
      TEST(what_a_delivery_pushes_comes_with_the_next),
      TEST(pushes_do_not_notify_an_owner_that_is_awake),
      TEST(only_the_first_push_of_a_sleep_notifies),
      TEST(refuses_to_sleep_on_what_has_arrived),
      TEST(awake_and_deliver_end_a_sleep),
      TEST(a_notify_rings_asleep_or_not),
      TEST(a_notify_into_a_full_pipe_returns),
      TEST(closing_delivers_what_is_there_and_refuses_the_rest),
      TEST(nothing_rings_after_close),
      TEST(counts_its_references),
      TEST(a_sleeper_misses_nothing_from_many_threads),
      TEST(closing_under_fire_delivers_a_prefix_of_each_thread),
      TEST(no_thread_rings_once_close_has_returned),
  };
  return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
