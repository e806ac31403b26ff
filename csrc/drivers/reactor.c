/* Reactor: what all backends have in common. An operation is pending if and only if its source
** points to it; the counts follow from that, and only enter and leave change them. A readiness
** backend's operation is a system call that is tried until it does not block. */
#include "drivers/reactor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "drivers/backend.h"

/* The best first. */
static const struct art_backend *const backends[] = {
#ifdef __linux__
    &art_backend_epoll,
#endif
    &art_backend_poll,
};

#define BACKENDS (sizeof backends / sizeof backends[0])

/* --- the system calls: a result, -errno, or WOULD_BLOCK --------------------------------------- */

#define WOULD_BLOCK (-4096) /* beyond every -errno: for a local connect, EAGAIN is an outcome */

static ssize_t outcome(ssize_t n) {
  if (n >= 0) return n;
  return errno == EAGAIN ? WOULD_BLOCK : -errno;
}

static ssize_t perform_recv(struct art_source *s, struct art_op *op) {
  ssize_t n;
  do n = recv(s->fd, op->buf, op->len, 0);
  while (n < 0 && errno == EINTR);
  if (s->drains && n > 0 && (size_t)n < op->len) s->ready[ART_IN] = false;
  return outcome(n);
}

static ssize_t perform_send(struct art_source *s, struct art_op *op) {
  ssize_t n;
  do n = send(s->fd, op->buf, op->len, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return outcome(n);
}

/* Errors of the connection that was at the head of the queue: it is gone, the next one may be fine.
** */
static bool is_peers_error(int err) {
  switch (err) {
  case EINTR:
  case ECONNABORTED:
  case EPROTO:
  case ENOPROTOOPT:
  case ENETDOWN:
  case ENETUNREACH:
  case EHOSTDOWN:
  case EHOSTUNREACH: return true;
  default: return false;
  }
}

static ssize_t perform_accept(struct art_source *s, struct art_op *op) {
  socklen_t size;
  int fd;
  do {
    size = (socklen_t)op->len;
    fd = accept4(s->fd, op->buf, op->buf == NULL ? NULL : &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (fd < 0 && is_peers_error(errno));
  if (fd >= 0) op->len = size;
  return outcome(fd);
}

static ssize_t perform_readable(struct art_source *s, struct art_op *op) {
  struct pollfd p = {.fd = s->fd, .events = POLLIN};
  int n;
  (void)op;
  do n = poll(&p, 1, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  if (n == 0) return WOULD_BLOCK;
  return p.revents & POLLNVAL ? -EBADF : 0;
}

static ssize_t begin_connect(struct art_source *s, struct art_op *op) {
  if (connect(s->fd, op->buf, (socklen_t)op->len) == 0) return 0;
  /* EALREADY: an earlier operation was cancelled, the connection attempt goes on */
  bool going = errno == EINPROGRESS || errno == EALREADY || errno == EINTR;
  return going ? WOULD_BLOCK : -errno;
}

static ssize_t end_connect(struct art_source *s) {
  int err = 0;
  if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &(socklen_t){sizeof err}) < 0) return -errno;
  return -err;
}

/* Retried only when the kernel has said that the attempt is over. */
static ssize_t perform_connect(struct art_source *s, struct art_op *op) {
  return op->pending ? end_connect(s) : begin_connect(s, op);
}

typedef ssize_t perform_fn(struct art_source *s, struct art_op *op);

static perform_fn *const perform[] = {
    [ART_OP_RECV] = perform_recv,         [ART_OP_ACCEPT] = perform_accept,
    [ART_OP_READABLE] = perform_readable, [ART_OP_SEND] = perform_send,
    [ART_OP_CONNECT] = perform_connect,
};

/* --- for the backends ------------------------------------------------------------------------- */

/* Only the kernel can say that a connect is over, so a first one is always tried. What the kernel
** does not watch is always tried too: nothing would make it ready again. */
bool art_reactor_try(struct art_source *s, struct art_op *op) {
  enum art_direction dir = art_op_direction(op->kind);
  if (!s->ready[dir] && op->kind != ART_OP_CONNECT) return false;
  ssize_t result = perform[op->kind](s, op);
  if (result == WOULD_BLOCK) {
    s->ready[dir] = !s->registered;
    return false;
  }
  op->result = result;
  return true;
}

static void enter(struct art_reactor *r, struct art_source *s, struct art_op *op) {
  s->op[art_op_direction(op->kind)] = op;
  op->pending = true;
  r->pending++;
  r->holding += op->kind == ART_OP_CONNECT;
}

static void leave(struct art_reactor *r, struct art_source *s, struct art_op *op) {
  s->op[art_op_direction(op->kind)] = NULL;
  op->pending = false;
  r->pending--;
  r->holding -= op->kind == ART_OP_CONNECT;
}

bool art_reactor_retry(struct art_reactor *r, struct art_source *s, enum art_direction dir) {
  struct art_op *op = s->op[dir];
  s->ready[dir] = true;
  if (op == NULL || !art_reactor_try(s, op)) return false;
  leave(r, s, op);
  art_wake(op->waker);
  return true;
}

int art_timeout_ms(uint64_t timeout_ns) {
  if (timeout_ns == ART_NEVER) return -1;
  uint64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
  return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* --- the reactor ------------------------------------------------------------------------------ */

static int open_backend(struct art_reactor *r, const struct art_backend *backend) {
  r->backend = backend;
  r->fd = r->notify_fd = -1;
  return backend->open(r);
}

int art_reactor_open(struct art_reactor *r, const struct art_allocator *a, const char *name) {
  bool any = name == NULL || strcmp(name, "auto") == 0;
  int err = -EINVAL;
  *r = (struct art_reactor){.allocator = *a};
  for (size_t i = 0; i < BACKENDS; i++) {
    if (!any && strcmp(name, backends[i]->name) != 0) continue;
    err = open_backend(r, backends[i]);
    if (err == 0) break;
  }
  return err;
}

void art_reactor_close(struct art_reactor *r) {
  r->backend->close(r);
}

void art_source_init(struct art_source *s, int fd) {
  *s = (struct art_source){.fd = fd, .ready = {true, true}};
}

bool art_source_is_readable(struct art_source *s) {
  bool readable = perform_readable(s, NULL) != WOULD_BLOCK;
  if (readable) s->ready[ART_IN] = true; /* there may be an edge that nobody has collected */
  return readable;
}

void art_reactor_forget(struct art_reactor *r, struct art_source *s) {
  r->backend->forget(r, s);
  for (int dir = ART_IN; dir <= ART_OUT; dir++) {
    struct art_op *op = s->op[dir];
    if (op == NULL) continue;
    leave(r, s, op);
    op->result = -ECANCELED;
    art_wake(op->waker);
  }
  art_source_init(s, s->fd);
}

int art_reactor_submit(struct art_reactor *r, struct art_source *s, struct art_op *op) {
  if (s->op[art_op_direction(op->kind)] != NULL) return -EBUSY;
  op->pending = false;
  int status = r->backend->submit(r, s, op);
  if (status == 0) enter(r, s, op);
  return status;
}

void art_reactor_cancel(struct art_reactor *r, struct art_source *s, struct art_op *op) {
  if (!op->pending) return;
  leave(r, s, op);
  r->backend->cancel(r, s, op);
}

int art_reactor_wait(struct art_reactor *r, uint64_t timeout_ns) {
  return r->backend->wait(r, timeout_ns);
}

int art_reactor_watch(struct art_reactor *r, int fd) {
  return r->backend->watch == NULL ? -ENOTSUP : r->backend->watch(r, fd);
}
