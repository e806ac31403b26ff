/* When a system call is skipped because it would block, and when that would be a wait for ever: a
** short read does not always mean that nothing is left. */
#include "reactor_fixture.h"

/* That the socket has no room says nothing about a connect. */
static void a_connect_is_always_tried(void **state) {
  struct pair p;
  struct trial t;
  struct sockaddr at = {.sa_family = AF_UNIX};
  char byte = 'x';
  (void)state;
  open_pair(&p);
  fill(&p.a);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(submit(&t, &p.a, ART_OP_SEND, &byte, 1), 0);
    art_reactor_cancel(&reactor, &p.a, &t.op);
    settle();
  }
  assert_int_equal(submit(&t, &p.a, ART_OP_CONNECT, &at, sizeof at), 1);
  assert_true(t.op.result < 0);
  close_pair(&p);
}

/* Two sources for one descriptor: epoll takes only one, and what it does not watch must not wait
** for it. */
static void a_source_that_was_refused_can_still_be_tried(void **state) {
  struct pair p;
  struct art_source twin;
  struct trial t, other;
  char buf[8];
  (void)state;
  if (!is_epoll()) return;
  open_pair(&p);
  art_source_init(&twin, p.a.fd);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(submit(&other, &twin, ART_OP_RECV, buf, sizeof buf), -EEXIST);
  assert_false(other.op.pending);
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(submit(&other, &twin, ART_OP_RECV, buf, sizeof buf), 1);
  assert_int_equal(other.op.result, 3);
  art_reactor_cancel(&reactor, &p.a, &t.op);
  close_pair(&p);
}

static void datagrams_are_taken_one_by_one(void **state) {
  struct pair p;
  struct trial t;
  char buf[16];
  (void)state;
  open_pair_of(&p, SOCK_DGRAM);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  for (int i = 0; i < 3; i++) assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(finish(&t), 3);
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 3);
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 3);
  close_pair(&p);
}

static void send_descriptor(int over, int fd) {
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof fd)];
  } control = {.bytes = {0}};
  struct iovec part = {.iov_base = (char[]){'a'}, .iov_len = 1};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  assert_int_equal(sendmsg(over, &message, 0), 1);
}

static void a_passed_descriptor_hides_no_bytes(void **state) {
  struct pair p;
  struct trial t;
  char buf[16];
  (void)state;
  open_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  send_descriptor(p.b.fd, p.b.fd);
  assert_int_equal(send(p.b.fd, "b", 1, 0), 1);
  assert_int_equal(finish(&t), 1); /* the kernel stops there */
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 1);
  assert_int_equal(buf[0], 'b');
  close_pair(&p);
}

static void an_urgent_byte_hides_no_bytes(void **state) {
  struct pair p;
  struct trial t;
  char buf[16];
  (void)state;
  open_tcp_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(send(p.b.fd, "!", 1, MSG_OOB), 1);
  assert_int_equal(send(p.b.fd, "de", 2, 0), 2);
  size_t got = (size_t)finish(&t); /* up to the urgent byte */
  while (got < 5) got += (size_t)perform(&p.a, ART_OP_RECV, buf, sizeof buf);
  assert_int_equal(got, 5);
  close_pair(&p);
}

static void a_registered_stream_is_not_read_twice(void **state) {
  struct pair p;
  struct trial t;
  char buf[16];
  (void)state;
  open_tcp_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(finish(&t), 3);
  assert_int_equal(p.a.ready[ART_IN], !is_epoll()); /* the short read was proof enough */
  close_pair(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_REACTOR(a_connect_is_always_tried),
      ON_REACTOR(a_source_that_was_refused_can_still_be_tried),
      ON_REACTOR(datagrams_are_taken_one_by_one),
      ON_REACTOR(a_passed_descriptor_hides_no_bytes),
      ON_REACTOR(an_urgent_byte_hides_no_bytes),
      ON_REACTOR(a_registered_stream_is_not_read_twice),
  };
  int failed = 0;
  while (next_backend()) failed += cmocka_run_group_tests_name(backend_name, tests, NULL, NULL);
  return failed;
}
