/* Conformance of a backend: what every kind of operation does, at once and later, and what cancel
** and forget leave behind. */
#include "reactor_fixture.h"

#include <sys/resource.h>
#include <sys/un.h>

/* --- each kind, at once and later ------------------------------------------------------------- */

static void recv_takes_what_is_there(void **state) {
  struct pair p;
  struct trial t;
  char buf[8];
  (void)state;
  open_pair(&p);
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 1);
  assert_int_equal(t.op.result, 3);
  assert_memory_equal(buf, "abc", 3);
  assert_int_equal(t.wakes, 0);
  close_pair(&p);
}

static void recv_waits_for_bytes(void **state) {
  struct pair p;
  struct trial t;
  char buf[8];
  (void)state;
  open_pair(&p);
  for (int i = 0; i < 3; i++) { /* the first registers, the others find it done */
    assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
    settle();
    assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
    assert_int_equal(finish(&t), 3);
  }
  close_pair(&p);
}

static void send_waits_for_room(void **state) {
  struct pair p;
  struct trial t;
  char byte = 'x';
  (void)state;
  open_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_SEND, &byte, 1), 1);
  assert_int_equal(t.op.result, 1);
  fill(&p.a);
  assert_int_equal(submit(&t, &p.a, ART_OP_SEND, &byte, 1), 0);
  settle();
  drain(&p.b);
  assert_int_equal(finish(&t), 1);
  close_pair(&p);
}

static void assert_accepted(ssize_t fd) {
  assert_true(fd >= 0);
  assert_true(fcntl((int)fd, F_GETFL) & O_NONBLOCK);
  assert_true(fcntl((int)fd, F_GETFD) & FD_CLOEXEC);
  close((int)fd);
}

static void accept_takes_or_awaits_a_connection(void **state) {
  struct art_source listener;
  struct trial t;
  (void)state;
  struct sockaddr_in at = open_listener(&listener);
  assert_int_equal(submit(&t, &listener, ART_OP_ACCEPT, NULL, 0), 0);
  settle();
  int first = connect_blocking(at), second = connect_blocking(at), third = connect_blocking(at);
  assert_accepted(finish(&t));
  assert_accepted(perform(&listener, ART_OP_ACCEPT, NULL, 0));
  assert_accepted(perform(&listener, ART_OP_ACCEPT, NULL, 0));
  close(first);
  close(second);
  close(third);
  close_source(&listener);
}

/* Both at once and after a wait. */
static void accept_tells_the_peers_address(void **state) {
  struct art_source listener;
  struct trial t;
  (void)state;
  struct sockaddr_in at = open_listener(&listener);
  for (int waits = 0; waits < 2; waits++) {
    struct sockaddr_in own = {.sin_port = 0}, peer[2] = {{.sin_port = 0}};
    int client = waits ? -1 : connect_blocking(at);
    assert_int_equal(submit(&t, &listener, ART_OP_ACCEPT, peer, sizeof peer), !waits);
    if (waits) client = connect_blocking(at);
    assert_accepted(waits ? finish(&t) : t.op.result);
    assert_int_equal(getsockname(client, (struct sockaddr *)&own, &(socklen_t){sizeof own}), 0);
    assert_int_equal(t.op.len, sizeof own);
    assert_int_equal(peer[0].sin_port, own.sin_port);
    close(client);
  }
  close_source(&listener);
}

static void readable_reads_nothing(void **state) {
  struct pair p;
  struct trial t;
  char buf[8];
  (void)state;
  open_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_READABLE, NULL, 0), 0);
  settle();
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(finish(&t), 0);
  assert_int_equal(submit(&t, &p.a, ART_OP_READABLE, NULL, 0), 1);
  assert_int_equal(t.op.result, 0);
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 3);
  close_pair(&p);
}

static void readable_ends_when_the_writer_goes(void **state) {
  struct art_source s;
  struct trial t;
  int ends[2];
  (void)state;
  assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  art_source_init(&s, ends[0]);
  assert_int_equal(submit(&t, &s, ART_OP_READABLE, NULL, 0), 0);
  settle();
  close(ends[1]);
  assert_int_equal(finish(&t), 0);
  close_source(&s);
}

static void a_file_is_always_readable(void **state) {
  struct art_source s;
  struct trial t;
  (void)state;
  FILE *file = tmpfile();
  assert_non_null(file);
  art_source_init(&s, fileno(file));
  assert_int_equal(submit(&t, &s, ART_OP_READABLE, NULL, 0), 1);
  assert_int_equal(t.op.result, 0);
  art_reactor_forget(&reactor, &s);
  fclose(file);
}

static void connect_reaches_a_listener(void **state) {
  struct pair p;
  char buf[4];
  (void)state;
  open_tcp_pair(&p);
  assert_int_equal(perform(&p.a, ART_OP_SEND, "hey", 3), 3);
  assert_int_equal(perform(&p.b, ART_OP_RECV, buf, sizeof buf), 3);
  close_pair(&p);
}

static void connect_is_refused(void **state) {
  struct art_source s;
  (void)state;
  int deaf = open_tcp(); /* bound, not listening: the port is nobody else's */
  struct sockaddr_in at = bind_loopback(deaf);
  art_source_init(&s, open_tcp());
  assert_int_equal(perform(&s, ART_OP_CONNECT, &at, sizeof at), -ECONNREFUSED);
  close_source(&s);
  close(deaf);
}

static void local_connect_is_immediate_and_may_find_no_room(void **state) {
  struct art_source first, second;
  struct trial t;
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  socklen_t len = sizeof at;
  (void)state;
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at.sun_family),
                   0); /* a free name */
  assert_int_equal(listen(listener, 0), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
  art_source_init(&first, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  art_source_init(&second, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  assert_int_equal(submit(&t, &first, ART_OP_CONNECT, &at, len), 1);
  assert_int_equal(t.op.result, 0);
  assert_int_equal(submit(&t, &second, ART_OP_CONNECT, &at, len), 1);
  assert_int_equal(t.op.result, -EAGAIN);
  close_source(&first);
  close_source(&second);
  close(listener);
}

/* --- streams ---------------------------------------------------------------------------------- */

static void nothing_is_missed_between_short_reads(void **state) {
  struct pair p;
  struct trial t;
  char buf[16];
  (void)state;
  open_tcp_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(send(p.b.fd, "abcdef", 6, 0), 6);
    assert_int_equal(finish(&t), 6);
    if (i % 2 == 0)
      assert_int_equal(send(p.b.fd, "ghi", 3, 0), 3); /* before the next is submitted */
    if (i % 2 == 0) assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 3);
    assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  }
  art_reactor_cancel(&reactor, &p.a, &t.op);
  close_pair(&p);
}

static void a_full_buffer_leaves_the_rest_for_the_next(void **state) {
  struct pair p;
  struct trial t;
  char buf[4];
  (void)state;
  open_tcp_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, 4), 0);
  assert_int_equal(send(p.b.fd, "abcdefghij", 10, 0), 10);
  assert_int_equal(finish(&t), 4);
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, 4), 4);
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, 4), 2);
  assert_memory_equal(buf, "ij", 2);
  close_pair(&p);
}

static void the_end_of_a_stream_comes_after_its_bytes(void **state) {
  struct pair p;
  struct trial t;
  char buf[8];
  (void)state;
  open_tcp_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(shutdown(p.b.fd, SHUT_WR), 0); /* in one event with the bytes */
  assert_int_equal(finish(&t), 3);
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(perform(&p.a, ART_OP_SEND, "x", 1), 1); /* the other direction is open */
  close_pair(&p);
}

static void a_reset_fails_what_waits(void **state) {
  struct pair p;
  struct trial t;
  char buf[8];
  struct linger abort_on_close = {.l_onoff = 1, .l_linger = 0};
  (void)state;
  open_tcp_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  settle();
  setsockopt(p.b.fd, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof abort_on_close);
  close_source(&p.b);
  assert_int_equal(finish(&t), -ECONNRESET);
  close_source(&p.a);
}

static void a_closed_peer_is_epipe_and_no_signal(void **state) {
  struct pair p;
  (void)state;
  open_pair(&p);
  close_source(&p.b);
  assert_int_equal(perform(&p.a, ART_OP_SEND, "x", 1), -EPIPE);
  close_source(&p.a);
}

static void both_directions_wait_independently(void **state) {
  struct pair p;
  struct trial in, out;
  char byte = 'x', buf[8];
  (void)state;
  open_pair(&p);
  fill(&p.a);
  assert_int_equal(submit(&out, &p.a, ART_OP_SEND, &byte, 1), 0);
  assert_int_equal(submit(&in, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  settle();
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(finish(&in), 3);
  assert_true(out.op.pending);
  assert_int_equal(submit(&in, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  drain(&p.b);
  assert_int_equal(finish(&out), 1);
  assert_true(in.op.pending);
  art_reactor_cancel(&reactor, &p.a, &in.op);
  close_pair(&p);
}

static void a_hang_up_ends_both_directions(void **state) {
  struct pair p;
  struct trial in, out;
  char byte = 'x', buf[8];
  (void)state;
  open_pair(&p);
  fill(&p.a);
  assert_int_equal(submit(&out, &p.a, ART_OP_SEND, &byte, 1), 0);
  assert_int_equal(submit(&in, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  settle();
  close_source(&p.b); /* with bytes unread: a reset */
  assert_int_equal(finish(&in), -ECONNRESET);
  while (out.op.pending) assert_true(art_reactor_wait(&reactor, ART_NEVER) >= 0);
  assert_int_equal(out.op.result, -EPIPE);
  assert_int_equal(out.wakes, 1);
  close_source(&p.a);
}

/* --- cancel, forget, busy --------------------------------------------------------------------- */

static void cancelled_recv_loses_no_byte(void **state) {
  struct pair p;
  struct trial t;
  char buf[8];
  (void)state;
  open_pair(&p);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
    if (i % 2 == 0)
      assert_int_equal(send(p.b.fd, "abc", 3, 0), 3); /* before the cancel, or after */
    art_reactor_cancel(&reactor, &p.a, &t.op);
    assert_false(t.op.pending);
    if (i % 2 != 0) assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
    if (i < 2) settle(); /* the event comes while nobody waits, or is still to come */
    assert_int_equal(t.wakes, 0);
    art_reactor_cancel(&reactor, &p.a, &t.op); /* nothing */
    assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 3);
  }
  close_pair(&p);
}

static void cancelled_accept_loses_no_connection(void **state) {
  struct art_source listener;
  struct trial t;
  (void)state;
  struct sockaddr_in at = open_listener(&listener);
  assert_int_equal(submit(&t, &listener, ART_OP_ACCEPT, NULL, 0), 0);
  int peer = connect_blocking(at);
  art_reactor_cancel(&reactor, &listener, &t.op);
  settle();
  assert_accepted(perform(&listener, ART_OP_ACCEPT, NULL, 0));
  close(peer);
  close_source(&listener);
}

static void cancelled_connect_goes_on_in_the_kernel(void **state) {
  struct art_source listener, s;
  struct trial t;
  (void)state;
  struct sockaddr_in at = open_listener(&listener);
  art_source_init(&s, open_tcp());
  if (submit(&t, &s, ART_OP_CONNECT, &at, sizeof at) == 0) {
    art_reactor_cancel(&reactor, &s, &t.op);
    assert_int_equal(perform(&s, ART_OP_CONNECT, &at, sizeof at), 0);
  }
  assert_int_equal(perform(&s, ART_OP_SEND, "x", 1), 1);
  close_source(&s);
  close_source(&listener);
}

static void forget_cancels_and_wakes_what_waits(void **state) {
  struct pair p;
  struct trial in, out;
  char byte = 'x', buf[8];
  (void)state;
  open_pair(&p);
  fill(&p.a);
  assert_int_equal(submit(&in, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(submit(&out, &p.a, ART_OP_SEND, &byte, 1), 0);
  art_reactor_forget(&reactor, &p.a);
  assert_int_equal(in.op.result, -ECANCELED);
  assert_int_equal(out.op.result, -ECANCELED);
  assert_int_equal(in.wakes, 1);
  assert_int_equal(out.wakes, 1);
  assert_int_equal(reactor.pending, 0);
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  settle(); /* the source is no longer looked at */
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 3); /* and can be used anew */
  assert_int_equal(submit(&in, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(finish(&in), 3);
  close_pair(&p);
}

/* --- wakers ----------------------------------------------------------------------------------- */

enum { CASES = 6 };

static struct trial cases[CASES];
static struct pair case_pairs[CASES];
static unsigned woken;

/* As a select does: the first to come takes the others back. */
static void cancel_the_others(struct art_waker *waker) {
  woken++;
  for (int i = 0; i < CASES; i++)
    if (&cases[i].waker != waker) art_reactor_cancel(&reactor, &case_pairs[i].a, &cases[i].op);
}

/* Some of several are ready at once, in every combination: exactly one completes, and nothing is lost of the rest. */
static void a_waker_may_cancel_other_operations(void **state) {
  char byte;
  (void)state;
  for (int i = 0; i < CASES; i++) open_pair(&case_pairs[i]);
  for (unsigned ready = 1; ready < 1u << CASES; ready++) {
    reactor.random = ready % 3; /* 0: as they come */
    woken = 0;
    for (int i = 0; i < CASES; i++) {
      assert_int_equal(submit(&cases[i], &case_pairs[i].a, ART_OP_READABLE, NULL, 0), 0);
      cases[i].waker.wake = cancel_the_others;
    }
    for (int i = 0; i < CASES; i++)
      if (ready & 1u << i) assert_int_equal(send(case_pairs[i].b.fd, "x", 1, 0), 1);
    assert_int_equal(art_reactor_wait(&reactor, 0), 1);
    assert_int_equal(woken, 1);
    assert_int_equal(reactor.pending, 0);
    for (int i = 0; i < CASES; i++)
      if (ready & 1u << i) assert_int_equal(perform(&case_pairs[i].a, ART_OP_RECV, &byte, 1), 1);
  }
  reactor.random = 0;
  for (int i = 0; i < CASES; i++) close_pair(&case_pairs[i]);
}

static void one_operation_a_direction(void **state) {
  struct pair p;
  struct trial first, second;
  char buf[8];
  (void)state;
  open_pair(&p);
  assert_int_equal(submit(&first, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(submit(&second, &p.a, ART_OP_READABLE, NULL, 0), -EBUSY);
  assert_int_equal(reactor.pending, 1);
  assert_int_equal(finish(&first), 3);
  assert_int_equal(second.wakes, 0);
  close_pair(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_REACTOR(recv_takes_what_is_there),
      ON_REACTOR(recv_waits_for_bytes),
      ON_REACTOR(send_waits_for_room),
      ON_REACTOR(accept_takes_or_awaits_a_connection),
      ON_REACTOR(accept_tells_the_peers_address),
      ON_REACTOR(readable_reads_nothing),
      ON_REACTOR(readable_ends_when_the_writer_goes),
      ON_REACTOR(a_file_is_always_readable),
      ON_REACTOR(connect_reaches_a_listener),
      ON_REACTOR(connect_is_refused),
      ON_REACTOR(local_connect_is_immediate_and_may_find_no_room),
      ON_REACTOR(nothing_is_missed_between_short_reads),
      ON_REACTOR(a_full_buffer_leaves_the_rest_for_the_next),
      ON_REACTOR(the_end_of_a_stream_comes_after_its_bytes),
      ON_REACTOR(a_reset_fails_what_waits),
      ON_REACTOR(a_closed_peer_is_epipe_and_no_signal),
      ON_REACTOR(both_directions_wait_independently),
      ON_REACTOR(a_hang_up_ends_both_directions),
      ON_REACTOR(cancelled_recv_loses_no_byte),
      ON_REACTOR(cancelled_accept_loses_no_connection),
      ON_REACTOR(cancelled_connect_goes_on_in_the_kernel),
      ON_REACTOR(forget_cancels_and_wakes_what_waits),
      ON_REACTOR(a_waker_may_cancel_other_operations),
      ON_REACTOR(one_operation_a_direction),
  };
  int failed = 0;
  while (next_backend()) failed += cmocka_run_group_tests_name(backend_name, tests, NULL, NULL);
  return failed;
}
