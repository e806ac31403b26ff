/* What C poll functions can wait for: timers and descriptors. */
#include <errno.h>

#include "executor/cx.h"
#include "executor/runtime.h"

struct art_waker *art_poll_waker(struct art_poll_cx *cx) {
  return cx->waker;
}

struct art_sleep {
  struct art_runtime *rt;
  struct art_timer timer;
};

struct art_sleep *art_sleep_new(struct art_runtime *rt) {
  struct art_sleep *s = art_alloc(&rt->allocator, sizeof *s);
  if (s == NULL) return NULL;
  s->rt = rt;
  s->timer = (struct art_timer){.waker = NULL};
  return s;
}

void art_sleep_free(struct art_sleep *s) {
  art_wheel_disarm(&s->rt->wheel, &s->timer);
  art_free(&s->rt->allocator, s, sizeof *s);
}

enum art_poll art_sleep(struct art_poll_cx *cx, struct art_sleep *s, uint64_t deadline_ns) {
  art_wheel_disarm(&s->rt->wheel, &s->timer);
  if (art_runtime_now_ns(s->rt) >= deadline_ns) return ART_READY;
  s->timer.waker = &cx->task->waker;
  if (deadline_ns != ART_NEVER) art_wheel_arm(&s->rt->wheel, &s->timer, deadline_ns);
  return ART_PENDING;
}

struct art_io {
  struct art_runtime *rt;
  struct art_source source;
  struct art_op op[2]; /* per direction */
  bool submitted[2];   /* its operation has not been answered yet */
};

struct art_io *art_io_new(struct art_runtime *rt, int fd) {
  if (fd < 0) {
    errno = EBADF;
    return NULL;
  }
  struct art_io *io = art_alloc(&rt->allocator, sizeof *io);
  if (io == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  *io = (struct art_io){.rt = rt};
  art_source_init(&io->source, fd);
  return io;
}

void art_io_free(struct art_io *io) {
  art_reactor_cancel(&io->rt->reactor, &io->source, &io->op[ART_IN]);
  art_reactor_cancel(&io->rt->reactor, &io->source, &io->op[ART_OUT]);
  art_reactor_forget(&io->rt->reactor, &io->source);
  art_free(&io->rt->allocator, io, sizeof *io);
}

static void submit(struct art_poll_cx *cx, struct art_io *io, struct art_op *op) {
  op->waker = &cx->task->waker;
  int r = art_reactor_submit(&io->rt->reactor, &io->source, op);
  io->submitted[art_op_direction(op->kind)] = r == 0;
  if (r < 0) op->result = r;
}

/* Submits on the first poll; answers when the operation has completed. Spurious polls change nothing. Who always finds
** something to do is made to yield now and then. */
static enum art_poll poll_op(struct art_poll_cx *cx, struct art_io *io, struct art_op wanted,
                             ssize_t *result) {
  enum art_direction d = art_op_direction(wanted.kind);
  struct art_op *op = &io->op[d];
  if (!io->submitted[d]) {
    if (!art_executor_spend(cx->task->executor)) {
      art_task_wake(cx->task);
      return ART_PENDING;
    }
    *op = wanted;
    submit(cx, io, op);
  }
  if (op->pending) {
    op->waker = &cx->task->waker; /* another task may have begun to poll it */
    return ART_PENDING;
  }
  io->submitted[d] = false;
  *result = op->result;
  return ART_READY;
}

enum art_poll art_recv(struct art_poll_cx *cx, struct art_io *io, void *buf, size_t n,
                       ssize_t *result) {
  return poll_op(cx, io, (struct art_op){.kind = ART_OP_RECV, .buf = buf, .len = n}, result);
}

enum art_poll art_send(struct art_poll_cx *cx, struct art_io *io, const void *buf, size_t n,
                       ssize_t *result) {
  void *bytes = (void *)(uintptr_t)buf;
  return poll_op(cx, io, (struct art_op){.kind = ART_OP_SEND, .buf = bytes, .len = n}, result);
}

enum art_poll art_accept(struct art_poll_cx *cx, struct art_io *io, ssize_t *result) {
  return poll_op(cx, io, (struct art_op){.kind = ART_OP_ACCEPT}, result);
}

enum art_poll art_connect(struct art_poll_cx *cx, struct art_io *io, const struct sockaddr *address,
                          socklen_t n, ssize_t *result) {
  void *to = (void *)(uintptr_t)address;
  return poll_op(cx, io, (struct art_op){.kind = ART_OP_CONNECT, .buf = to, .len = n}, result);
}
