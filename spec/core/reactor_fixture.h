/* What the specs of the reactor share: a reactor of the backend under test, operations that count
** their wakes, and sockets. Every test runs once a backend; one that waits for ever is ended by an
** alarm. */
#ifndef SPEC_REACTOR_FIXTURE_H
#define SPEC_REACTOR_FIXTURE_H

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "drivers/reactor.h"

static const char *backend_name;
static struct art_reactor reactor;
static int lowest_fd; /* free before the test; not so after it: the test left a descriptor open */

static inline int lowest_free_fd(void) {
  int fd = dup(0);
  assert_true(fd >= 0);
  close(fd);
  return fd;
}

static int open_reactor(void **state) {
  struct art_allocator a;
  (void)state;
  lowest_fd = lowest_free_fd();
  art_allocator_init(&a, NULL);
  return art_reactor_open(&reactor, &a, backend_name);
}

static int close_reactor(void **state) {
  (void)state;
  if (reactor.pending != 0 || reactor.holding != 0) return -1;
  art_reactor_close(&reactor);
  return lowest_free_fd() == lowest_fd ? 0 : -1;
}

#define ON_REACTOR(test) cmocka_unit_test_setup_teardown(test, open_reactor, close_reactor)

/* Steps through the backends of the system: the whole table is run for each. False after the last.
** */
static inline bool next_backend(void) {
  static const char *const names[] = {"epoll", "poll", NULL};
  static size_t next;
  alarm(120);
  backend_name = names[next++];
  return backend_name != NULL;
}

static inline bool is_epoll(void) {
  return strcmp(backend_name, "epoll") == 0;
}

/* --- operations ------------------------------------------------------------------------------- */

struct trial {
  struct art_op op;
  struct art_waker waker;
  unsigned wakes;
};

static inline void count_wake(struct art_waker *waker) {
  ART_CONTAINER(waker, struct trial, waker)->wakes++;
}

static inline int submit(struct trial *t, struct art_source *s, enum art_op_kind kind, void *buf,
                         size_t len) {
  *t = (struct trial){.op = {.kind = kind, .buf = buf, .len = len}, .waker.wake = count_wake};
  t->op.waker = &t->waker;
  return art_reactor_submit(&reactor, s, &t->op);
}

/* Must be pending. Waits for it; the result. */
static inline ssize_t finish(struct trial *t) {
  assert_true(t->op.pending);
  while (t->op.pending) assert_true(art_reactor_wait(&reactor, ART_NEVER) >= 0);
  assert_int_equal(t->wakes, 1);
  return t->op.result;
}

/* Submits and, if need be, waits; the result. */
static inline ssize_t perform(struct art_source *s, enum art_op_kind kind, void *buf, size_t len) {
  struct trial t;
  int status = submit(&t, s, kind, buf, len);
  assert_in_range(status, 0, 1);
  if (status == 0) return finish(&t);
  assert_false(t.op.pending);
  assert_int_equal(t.wakes, 0);
  return t.op.result;
}

/* Collects what the kernel has to say; nothing completes by it. */
static inline void settle(void) {
  assert_int_equal(art_reactor_wait(&reactor, 0), 0);
  assert_int_equal(art_reactor_wait(&reactor, 0), 0);
}

/* --- sockets ---------------------------------------------------------------------------------- */

struct pair {
  struct art_source a, b;
};

static inline void open_pair_of(struct pair *p, int type) {
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  art_source_init(&p->a, fds[0]);
  art_source_init(&p->b, fds[1]);
}

static inline void open_pair(struct pair *p) {
  open_pair_of(p, SOCK_STREAM);
}

static inline void close_source(struct art_source *s) {
  art_reactor_forget(&reactor, s);
  assert_int_equal(close(s->fd), 0);
}

static inline void close_pair(struct pair *p) {
  close_source(&p->a);
  close_source(&p->b);
}

static inline int open_tcp(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  return fd;
}

/* Binds to a free port of the loopback. */
static inline struct sockaddr_in bind_loopback(int fd) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
  return at;
}

static inline struct sockaddr_in open_listener(struct art_source *s) {
  art_source_init(s, open_tcp());
  struct sockaddr_in at = bind_loopback(s->fd);
  assert_int_equal(listen(s->fd, 16), 0);
  return at;
}

static inline int connect_blocking(struct sockaddr_in at) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  return fd;
}

/* Both ends of a TCP connection, made with the operations under test. */
static inline void open_tcp_pair(struct pair *p) {
  struct art_source listener;
  struct sockaddr_in at = open_listener(&listener);
  art_source_init(&p->a, open_tcp());
  assert_int_equal(perform(&p->a, ART_OP_CONNECT, &at, sizeof at), 0);
  int fd = (int)perform(&listener, ART_OP_ACCEPT, NULL, 0);
  assert_true(fd >= 0);
  art_source_init(&p->b, fd);
  close_source(&listener);
}

/* Sends from s until it would block; the number of bytes that are on their way. */
static inline size_t fill(struct art_source *s) {
  static char block[65536];
  size_t sent = 0;
  ssize_t n;
  while ((n = send(s->fd, block, sizeof block, MSG_NOSIGNAL)) > 0) sent += (size_t)n;
  assert_int_equal(errno, EAGAIN);
  return sent;
}

static inline void drain(struct art_source *s) {
  static char block[65536];
  while (recv(s->fd, block, sizeof block, 0) > 0) continue;
}

#endif
