/* Backend of Linux: epoll and an eventfd. A source is told to the kernel once, edge-triggered, for
** both directions, when a system call first blocks, and stays so across operations. The edges keep
** 'ready': false means that a call has blocked, or has read all there was, after the last edge;
** whatever came since is an edge still to be collected. Hence a submit to a source that is not
** ready need not ask the kernel again. */
#ifdef __linux__

#include <errno.h>
#include <linux/time_types.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/random.h"
#include "drivers/backend.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* newer than the libc, the same on every architecture but alpha */
#endif

#define BATCH 128 /* events a wait; what is left stays with the kernel, in turn */

/* Any of these, and a short read proves nothing: behind it may be the end of the stream, an error
** or bytes after an urgent one, whose edge was collected together with that of the bytes. */
#define UNDRAINABLE (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)
#define WAKES_IN (EPOLLIN | UNDRAINABLE)
#define WAKES_OUT (EPOLLOUT | EPOLLHUP | EPOLLERR)

static int epoll_open(struct art_reactor *r) {
  /* edge-triggered: every write is an edge, so the counter need never be read back */
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
  int err;
  r->fd = epoll_create1(EPOLL_CLOEXEC);
  if (r->fd < 0) return -errno;
  r->notify_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (r->notify_fd < 0) {
    err = -errno;
    goto close_epoll;
  }
  if (epoll_ctl(r->fd, EPOLL_CTL_ADD, r->notify_fd, &event) < 0) {
    err = -errno;
    goto close_notify;
  }
  return 0;

close_notify:
  close(r->notify_fd);
close_epoll:
  close(r->fd);
  return err;
}

static void epoll_close(struct art_reactor *r) {
  close(r->notify_fd);
  close(r->fd);
}

/* Its edge ends a wait, as that of the eventfd does, and wakes nobody. */
static int epoll_watch(struct art_reactor *r, int fd) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
  return epoll_ctl(r->fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* TCP reads all it has. Others may stop early: a datagram at its end, a local stream at passed
** descriptors. The family does not tell: the system may have made MPTCP of what was to be TCP. */
static bool is_tcp(int fd) {
  int protocol = 0;
  socklen_t len = sizeof protocol;
  return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 && protocol == IPPROTO_TCP;
}

/* What is ready by now is the first edge. A descriptor that epoll refuses (EPERM: a file) never
** gets here: its system calls do not block. */
static int register_source(struct art_reactor *r, struct art_source *s) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
                              .data.ptr = s};
  if (epoll_ctl(r->fd, EPOLL_CTL_ADD, s->fd, &event) < 0) return -errno;
  s->registered = true;
  s->drains = is_tcp(s->fd);
  return 0;
}

/* Without this a duplicate of the descriptor, in another process perhaps, would go on sending
** events. */
static void epoll_forget(struct art_reactor *r, struct art_source *s) {
  if (s->registered) epoll_ctl(r->fd, EPOLL_CTL_DEL, s->fd, NULL);
}

static int epoll_submit(struct art_reactor *r, struct art_source *s, struct art_op *op) {
  if (art_reactor_try(s, op)) return 1;
  return s->registered ? 0 : register_source(r, s);
}

static void epoll_cancel(struct art_reactor *r, struct art_source *s, struct art_op *op) {
  (void)r, (void)s, (void)op; /* edges are collected with or without an operation */
}

/* Kernels before 5.11 know only milliseconds, and some sandboxes refuse with EPERM what they do not
** know. */
static int collect(int fd, struct epoll_event *events, uint64_t timeout_ns) {
  if (timeout_ns != 0 && timeout_ns != ART_NEVER) {
    struct __kernel_timespec timeout = {.tv_sec = (long long)(timeout_ns / 1000000000),
                                        .tv_nsec = (long long)(timeout_ns % 1000000000)};
    long n = syscall(SYS_epoll_pwait2, fd, events, BATCH, &timeout, NULL, 0);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return (int)n;
  }
  return epoll_wait(fd, events, BATCH, art_timeout_ms(timeout_ns));
}

static int dispatch(struct art_reactor *r, struct art_source *s, uint32_t events) {
  int completed = 0;
  if (events & UNDRAINABLE) s->drains = false;
  if (events & WAKES_IN) completed += art_reactor_retry(r, s, ART_IN);
  if (events & WAKES_OUT) completed += art_reactor_retry(r, s, ART_OUT);
  return completed;
}

static void shuffle(struct art_reactor *r, struct epoll_event *events, unsigned n) {
  for (; n > 1; n--) {
    unsigned i = art_random_below(&r->random, n);
    struct epoll_event last = events[n - 1];
    events[n - 1] = events[i];
    events[i] = last;
  }
}

/* Runs no code but wakers, so no source of the batch goes away before its event is looked at. */
static int epoll_wait_for(struct art_reactor *r, uint64_t timeout_ns) {
  struct epoll_event events[BATCH];
  int completed = 0;
  int n = collect(r->fd, events, timeout_ns);
  if (n < 0) return -errno;
  if (r->random != 0) shuffle(r, events, (unsigned)n);
  for (int i = 0; i < n; i++) {
    struct art_source *s = events[i].data.ptr;
    if (s != NULL) completed += dispatch(r, s, events[i].events); /* NULL: only a notify */
  }
  return completed;
}

const struct art_backend art_backend_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = epoll_close,
    .forget = epoll_forget,
    .submit = epoll_submit,
    .cancel = epoll_cancel,
    .watch = epoll_watch,
    .wait = epoll_wait_for,
};

#endif
