/* What poll functions wait for: descriptors over loopback, alone and together with timers, with a cancel in the middle.
** Every test runs once a driver. */
#include "runtime_fixture.h"

#include <netinet/in.h>

#include "executor/runtime.h"
#include "executor/turn.h"

#define SECOND UINT64_C(1000000000)

/* --- sockets ---------------------------------------------------------------------------------- */

static int open_tcp(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  return fd;
}

static struct sockaddr_in listener_at;

/* The actor gets a listener of its own. */
static void give_listener(struct actor *a) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof at;
  a->fd = open_tcp();
  assert_int_equal(bind(a->fd, (struct sockaddr *)&at, n), 0);
  assert_int_equal(getsockname(a->fd, (struct sockaddr *)&at, &n), 0);
  assert_int_equal(listen(a->fd, 128), 0);
  listener_at = at;
  a->io = art_io_new(rt, a->fd);
  assert_non_null(a->io);
}

static void give_tcp(struct actor *a) {
  a->fd = open_tcp();
  a->io = art_io_new(rt, a->fd);
  assert_non_null(a->io);
}

static enum art_poll connect_to_listener(struct actor *self, ssize_t *result) {
  return art_connect(self->cx, self->io, (struct sockaddr *)&listener_at, sizeof listener_at,
                     result);
}

/* Sends until nothing more fits; the number of bytes on their way. */
static size_t fill(int fd) {
  static char block[65536];
  size_t sent = 0;
  ssize_t n;
  while ((n = send(fd, block, sizeof block, MSG_NOSIGNAL)) > 0) sent += (size_t)n;
  assert_int_equal(errno, EAGAIN);
  return sent;
}

static void drain(int fd) {
  static char block[65536];
  while (recv(fd, block, sizeof block, 0) > 0) continue;
}

/* --- echo ------------------------------------------------------------------------------------- */

#define CLIENTS 50
#define WORDS 20

/* A connection on either side. Clients say WORDS words and count what comes back; servers echo to the end. */
struct talk {
  struct art_io *io;
  int fd, state;
  char word[4];
  size_t sent;
  unsigned words;
};

static unsigned echoed, hung_up;

static void drop_talk(void *state) {
  struct talk *t = state;
  art_io_free(t->io);
  close(t->fd);
  free(t);
}

static void start_talk(int talker, art_poll_fn *poll_talk) {
  struct talk *t = calloc(1, sizeof *t);
  assert_non_null(t);
  t->fd = talker;
  t->io = art_io_new(rt, talker);
  assert_non_null(t->io);
  art_task_unref(art_spawn(rt, poll_talk, t, drop_talk));
}

static enum art_poll send_word(struct art_poll_cx *cx, struct talk *t) {
  ssize_t n;
  while (t->sent < sizeof t->word) {
    if (art_send(cx, t->io, t->word + t->sent, sizeof t->word - t->sent, &n) == ART_PENDING)
      return ART_PENDING;
    assert_true(n > 0);
    t->sent += (size_t)n;
  }
  return ART_READY;
}

static enum art_poll echo(struct art_poll_cx *cx, void *state) {
  struct talk *t = state;
  ssize_t n;
  for (;;) {
    if (t->state == 1) {
      if (send_word(cx, t) == ART_PENDING) return ART_PENDING;
      t->state = 0;
    }
    if (art_recv(cx, t->io, t->word, sizeof t->word, &n) == ART_PENDING) return ART_PENDING;
    if (n == 0) break;
    assert_int_equal(n, sizeof t->word);
    t->sent = 0;
    t->state = 1;
  }
  hung_up++;
  return ART_READY;
}

static enum art_poll talk(struct art_poll_cx *cx, void *state) {
  struct talk *t = state;
  ssize_t n;
  if (t->state == 0) {
    enum art_poll connected =
        art_connect(cx, t->io, (struct sockaddr *)&listener_at, sizeof listener_at, &n);
    if (connected == ART_PENDING) return ART_PENDING;
    assert_int_equal(n, 0);
    t->state = 1;
  }
  for (;;) {
    if (t->state == 1) {
      memcpy(t->word, "word", sizeof t->word);
      if (send_word(cx, t) == ART_PENDING) return ART_PENDING;
      t->sent = 0;
      t->state = 2;
    }
    if (art_recv(cx, t->io, t->word, sizeof t->word, &n) == ART_PENDING) return ART_PENDING;
    assert_int_equal(n, sizeof t->word);
    assert_memory_equal(t->word, "word", sizeof t->word);
    echoed++;
    if (++t->words == WORDS) return ART_READY;
    t->state = 1;
  }
}

static enum art_poll serve(struct actor *self) {
  ssize_t client;
  while (art_accept(self->cx, self->io, &client) == ART_READY) {
    assert_true(client >= 0);
    start_talk((int)client, echo);
    if (++self->wishes == CLIENTS) return ART_READY;
  }
  return ART_PENDING;
}

static void many_clients_are_echoed(void **state) {
  struct actor *server = cast(0, serve);
  (void)state;
  echoed = hung_up = 0;
  give_listener(server);
  start(server);
  for (int i = 0; i < CLIENTS; i++) start_talk(open_tcp(), talk);
  run();
  assert_int_equal(echoed, CLIENTS * WORDS);
  assert_int_equal(hung_up, CLIENTS);
}

/* --- answers ---------------------------------------------------------------------------------- */

static ssize_t answer;

static enum art_poll connect_once(struct actor *self) {
  return connect_to_listener(self, &answer);
}

static void a_refused_connect_is_an_answer(void **state) {
  struct actor *listener = cast(0, stay), *client = cast(0, connect_once);
  (void)state;
  give_listener(listener);
  drop_actor(listener); /* there is nobody at its address any more */
  give_tcp(client);
  start(client);
  run();
  assert_int_equal(answer, -ECONNREFUSED);
}

static enum art_poll recv_once(struct actor *self) {
  return art_recv(self->cx, self->io, &self->byte, 1, &answer);
}

static enum art_poll send_once(struct actor *self) {
  return art_send(self->cx, self->io, "x", 1, &answer);
}

static void the_end_of_a_stream_is_an_answer(void **state) {
  struct actor *r = cast('r', recv_once);
  (void)state;
  give_socket(r);
  start(r);
  assert_int_equal(tick(), 0);
  assert_int_equal(shutdown(r->peer, SHUT_WR), 0);
  run();
  assert_int_equal(answer, 0);
  assert_string_equal(trace, "rr");
}

static void a_peer_that_is_gone_is_an_answer_and_no_signal(void **state) {
  struct actor *s = cast('s', send_once);
  (void)state;
  give_socket(s);
  close(s->peer);
  s->peer = 0;
  start(s);
  run();
  assert_int_equal(answer, -EPIPE);
  assert_string_equal(trace, "s");
}

static void a_descriptor_that_is_none_is_an_answer(void **state) {
  struct actor *r = cast('r', recv_once);
  (void)state;
  errno = 0;
  assert_null(art_io_new(rt, -1));
  assert_int_equal(errno, EBADF);
  give_socket(r);
  close(r->fd);
  start(r);
  run();
  assert_int_equal(answer, -EBADF);
  r->fd = 0;
}

static void a_send_waits_for_room(void **state) {
  struct actor *s = cast('s', send_once);
  (void)state;
  give_socket(s);
  fill(s->fd);
  start(s);
  assert_int_equal(tick(), 0);
  assert_int_equal(tick(), 0);
  assert_string_equal(trace, "s");
  drain(s->peer);
  run();
  assert_int_equal(answer, 1);
}

static enum art_poll recv_though_woken_for_nothing(struct actor *self) {
  if (self->waker == NULL) self->waker = art_waker_clone(art_poll_waker(self->cx));
  return recv_once(self);
}

static void a_poll_for_nothing_changes_nothing(void **state) {
  struct actor *r = cast('r', recv_though_woken_for_nothing);
  (void)state;
  give_socket(r);
  start(r);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(tick(), 0);
    art_waker_wake(r->waker);
  }
  send_to(r);
  run();
  assert_int_equal(answer, 1);
  assert_int_equal(r->byte, 'x');
}

static void cancel(struct actor *a) {
  art_task_cancel(a->task);
  assert_int_equal(tick(), 0);
  assert_int_equal(a->drops, 1);
  assert_int_equal(rt->reactor.pending, 0);
  art_task_unref(a->task);
}

static enum art_poll begin_and_free(struct actor *self) {
  ssize_t n;
  if (self->polls > 1) return ART_PENDING;
  assert_int_equal(art_recv(self->cx, self->io, &self->byte, 1, &n), ART_PENDING);
  assert_int_equal(art_send(self->cx, self->io, "x", 1, &n), ART_PENDING);
  art_io_free(self->io);
  self->io = NULL;
  return ART_PENDING;
}

static void what_was_freed_wakes_nobody(void **state) {
  struct actor *f = cast('f', begin_and_free), *r = cast('r', recv_once);
  (void)state;
  give_socket(f);
  give_socket(r);
  fill(f->fd);
  start(f);
  start(r);
  assert_int_equal(tick(), 0);
  send_to(f);
  drain(f->peer);
  for (int i = 0; i < 3; i++) assert_int_equal(tick(), 0);
  assert_string_equal(trace, "fr");
}

/* --- both directions, and timers --------------------------------------------------------------- */

static enum art_poll recv_and_send(struct actor *self) {
  ssize_t n;
  if ((self->wishes & 1) == 0 && recv_once(self) == ART_READY) {
    note('<');
    self->wishes |= 1;
  }
  if ((self->wishes & 2) == 0 && art_send(self->cx, self->io, "y", 1, &n) == ART_READY) {
    note('>');
    self->wishes |= 2;
  }
  return self->wishes == 3 ? ART_READY : ART_PENDING;
}

static void both_directions_wait_at_once(void **state) {
  struct actor *b = cast(0, recv_and_send);
  (void)state;
  give_socket(b);
  fill(b->fd);
  start(b);
  assert_int_equal(tick(), 0);
  assert_string_equal(trace, "");
  assert_int_equal(rt->reactor.pending, 2);
  drain(b->peer);
  assert_int_equal(tick(), 0);
  assert_string_equal(trace, ">");
  send_to(b);
  run();
  assert_string_equal(trace, "><");
}

static enum art_poll recv_or_time_out(struct actor *self) {
  if (recv_once(self) == ART_READY) return ART_READY;
  if (sleep_until(self) == ART_PENDING) return ART_PENDING;
  art_io_free(self->io); /* takes the operation back */
  self->io = art_io_new(rt, self->fd);
  answer = -ETIMEDOUT;
  return ART_READY;
}

static struct actor *start_timed_recv(void) {
  struct actor *r = cast('r', recv_or_time_out);
  give_socket(r);
  r->deadline_ns = SECOND;
  start(r);
  assert_int_equal(tick(), 0);
  return r;
}

static void a_wait_may_time_out(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  start_timed_recv();
  run();
  assert_int_equal(answer, -ETIMEDOUT);
  assert_int_equal(art_runtime_now_ns(rt), SECOND);
  assert_int_equal(rt->reactor.pending, 0);
}

static void what_came_in_time_is_taken_and_the_timer_gone(void **state) {
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  send_to(start_timed_recv());
  run();
  assert_int_equal(answer, 1);
  assert_int_equal(art_runtime_now_ns(rt), 0);
  assert_int_equal(rt->wheel.count, 0);
}

static bool jump(void) {
  assert_int_equal(art_runtime_enter(rt), 0);
  bool jumped = art_runtime_jump(rt);
  art_runtime_leave(rt);
  return jumped;
}

/* At a listener with no room a connect neither succeeds nor fails. */
static void a_connect_holds_a_virtual_clock(void **state) {
  struct actor *listener = cast(0, stay), *c = cast('c', connect_once), *s = cast('s', sleep_until);
  int crowd[4];
  (void)state;
  use_clock(ART_CLOCK_VIRTUAL);
  give_listener(listener);
  assert_int_equal(listen(listener->fd, 0), 0);
  for (int i = 0; i < 4; i++) {
    crowd[i] = open_tcp();
    (void)connect(crowd[i], (struct sockaddr *)&listener_at, sizeof listener_at);
  }
  s->deadline_ns = SECOND;
  start(s);
  give_tcp(c);
  spawn(c);
  for (int i = 0; i < 3; i++) assert_int_equal(tick(), 0);
  assert_false(jump());
  cancel(c);
  assert_true(jump());
  run();
  assert_string_equal(trace, "scs");
  for (int i = 0; i < 4; i++) close(crowd[i]);
  drop_actor(listener);
}

/* --- turns ------------------------------------------------------------------------------------ */

static enum art_poll recv_all(struct actor *self) {
  while (recv_once(self) == ART_READY) {
    assert_int_equal(answer, 1);
    if (--self->wishes == 0) return ART_READY;
  }
  return ART_PENDING;
}

#define MANY 1000

static void who_always_has_something_to_read_takes_turns(void **state) {
  struct actor *r = cast('r', recv_all), *w = cast('w', wish);
  char bytes[MANY] = {0};
  (void)state;
  give_socket(r);
  assert_int_equal(send(r->peer, bytes, sizeof bytes, 0), MANY);
  r->wishes = MANY;
  w->wishes = 3;
  start(r);
  start(w);
  run();
  assert_memory_equal(trace, "rwrwrwrwrrrr", 8);
  assert_int_equal(r->polls, (MANY + ART_POLL_BUDGET - 1) / ART_POLL_BUDGET);
}

static enum art_poll recv_from_other(struct actor *self) {
  return art_recv(self->cx, self->other->io, &self->other->byte, 1, &answer);
}

static void an_operation_answers_whoever_polled_it_last(void **state) {
  struct actor *owner = cast(0, stay), *a = cast_with('a', recv_from_other, owner),
               *b = cast_with('b', recv_from_other, owner);
  (void)state;
  give_socket(owner);
  spawn(a);
  assert_int_equal(tick(), 0);
  start(b);
  assert_int_equal(tick(), 0);
  art_task_cancel(a->task);
  art_task_unref(a->task);
  assert_int_equal(tick(), 0);
  send_to(owner);
  run();
  assert_string_equal(trace, "abb");
  drop_actor(owner);
}

/* --- cancel ----------------------------------------------------------------------------------- */

static void take_operation_back(struct actor *self) {
  art_io_free(self->other->io);
  self->other->io = art_io_new(rt, self->other->fd);
  assert_non_null(self->other->io);
}

static void a_cancelled_recv_takes_no_byte(void **state) {
  struct actor *owner = cast(0, stay), *r = cast_with('r', recv_from_other, owner);
  (void)state;
  give_socket(owner);
  r->on_drop = take_operation_back;
  spawn(r);
  assert_int_equal(tick(), 0);
  cancel(r);
  send_to(owner);
  start(cast_with('s', recv_from_other, owner));
  run();
  assert_int_equal(answer, 1);
  assert_int_equal(owner->byte, 'x');
  start(cast_with('t', recv_from_other, owner)); /* and the descriptor can be waited for anew */
  assert_int_equal(tick(), 0);
  send_to(owner);
  run();
  assert_string_equal(trace, "rstt");
  drop_actor(owner);
}

static void a_cancel_in_the_middle_leaves_nothing_pending(void **state) {
  struct actor *r = cast('r', receive), *s = cast('s', send_once), *a = cast('a', serve);
  (void)state;
  give_socket(r);
  give_socket(s);
  give_listener(a);
  fill(s->fd);
  spawn(r);
  spawn(s);
  spawn(a);
  assert_int_equal(tick(), 0);
  assert_int_equal(rt->reactor.pending, 3);
  art_task_cancel(r->task);
  art_task_cancel(s->task);
  cancel(a);
  assert_int_equal(r->drops + s->drops, 2);
  art_task_unref(r->task);
  art_task_unref(s->task);
  run();
}

static void a_cancelled_connect_leaves_nothing_behind(void **state) {
  struct actor *listener = cast(0, stay), *c = cast('c', connect_once);
  (void)state;
  give_listener(listener);
  give_tcp(c);
  art_task_cancel(spawn(c));
  art_task_unref(c->task);
  struct actor *d = cast('d', connect_once);
  give_tcp(d);
  spawn(d);
  assert_true(art_runtime_tick(rt, 0) >= 0);
  art_task_cancel(d->task);
  art_task_unref(d->task);
  run();
  assert_int_equal(rt->reactor.pending + rt->reactor.holding, 0);
  drop_actor(listener);
}

/* The byte is there and the task queued when the cancel comes: it is left in the kernel or was taken, but the task is
** dropped once and nothing is pending. */
static void a_cancel_may_race_with_a_completion(void **state) {
  (void)state;
  for (int round = 0; round < 50; round++) {
    struct actor *r = cast(0, receive);
    give_socket(r);
    spawn(r);
    assert_int_equal(tick(), 0);
    send_to(r);
    pthread_t thread = start_thread(cancel_it, r->task);
    run();
    assert_int_equal(pthread_join(thread, NULL), 0);
    art_task_unref(r->task);
    assert_int_equal(r->drops, 1);
    assert_int_equal(rt->reactor.pending, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_RUNTIME(many_clients_are_echoed),
      ON_RUNTIME(a_refused_connect_is_an_answer),
      ON_RUNTIME(the_end_of_a_stream_is_an_answer),
      ON_RUNTIME(a_peer_that_is_gone_is_an_answer_and_no_signal),
      ON_RUNTIME(a_descriptor_that_is_none_is_an_answer),
      ON_RUNTIME(a_send_waits_for_room),
      ON_RUNTIME(a_poll_for_nothing_changes_nothing),
      ON_RUNTIME(what_was_freed_wakes_nobody),
      ON_RUNTIME(both_directions_wait_at_once),
      ON_RUNTIME(a_wait_may_time_out),
      ON_RUNTIME(what_came_in_time_is_taken_and_the_timer_gone),
      ON_RUNTIME(a_connect_holds_a_virtual_clock),
      ON_RUNTIME(who_always_has_something_to_read_takes_turns),
      ON_RUNTIME(an_operation_answers_whoever_polled_it_last),
      ON_RUNTIME(a_cancelled_recv_takes_no_byte),
      ON_RUNTIME(a_cancel_in_the_middle_leaves_nothing_pending),
      ON_RUNTIME(a_cancelled_connect_leaves_nothing_behind),
      ON_RUNTIME(a_cancel_may_race_with_a_completion),
  };
  int failed = 0;
  while (next_driver()) failed += cmocka_run_group_tests_name(driver, tests, NULL, NULL);
  return failed;
}
