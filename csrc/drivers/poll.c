/* Backend of any POSIX system: poll and a pipe. The kernel keeps nothing between two waits, so the
** array handed to it is kept here: a source has a slot in it exactly as long as an operation of it
** is pending. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/random.h"
#include "drivers/backend.h"

#define WAKES_IN (POLLIN | POLLHUP | POLLERR | POLLNVAL)
#define WAKES_OUT (POLLOUT | POLLHUP | POLLERR | POLLNVAL)

struct slots {
  struct art_source **sources; /* sources[i] waits in fds[i]; one block with fds */
  struct pollfd *fds;          /* fds[0] is the pipe's reading end, of no source */
  unsigned count, size;
};

static size_t block_size(unsigned size) {
  return size * (sizeof(struct art_source *) + sizeof(struct pollfd));
}

static int grow(struct slots *p, const struct art_allocator *a) {
  unsigned size = p->size == 0 ? 16 : 2 * p->size;
  struct art_source **sources = art_alloc(a, block_size(size));
  if (sources == NULL) return -ENOMEM;
  struct pollfd *fds = (struct pollfd *)(void *)(sources + size);
  for (unsigned i = 0; i < p->count; i++) {
    sources[i] = p->sources[i];
    fds[i] = p->fds[i];
  }
  art_free(a, p->sources, block_size(p->size));
  *p = (struct slots){.sources = sources, .fds = fds, .count = p->count, .size = size};
  return 0;
}

static int append(struct slots *p, const struct art_allocator *a, struct art_source *s, int fd) {
  int err = p->count == p->size ? grow(p, a) : 0;
  if (err < 0) return err;
  p->sources[p->count] = s;
  p->fds[p->count] = (struct pollfd){.fd = fd};
  p->count++;
  return 0;
}

/* The last slot moves to where the source was. */
static void vacate(struct slots *p, struct art_source *s) {
  unsigned last = p->count - 1;
  p->sources[s->slot] = p->sources[last];
  p->fds[s->slot] = p->fds[last];
  p->sources[s->slot]->slot = s->slot;
  p->count = last;
  s->slot = 0;
}

/* Has the slot ask for what is pending now; without that it goes. */
static void settle(struct slots *p, struct art_source *s) {
  short in = s->op[ART_IN] != NULL ? POLLIN : 0;
  short out = s->op[ART_OUT] != NULL ? POLLOUT : 0;
  p->fds[s->slot].events = in | out;
  if ((in | out) == 0) vacate(p, s);
}

static int poll_open(struct art_reactor *r) {
  int err, ends[2];
  struct slots *p = art_alloc(&r->allocator, sizeof *p);
  if (p == NULL) return -ENOMEM;
  *p = (struct slots){.size = 0};
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) {
    err = -errno;
    goto free_slots;
  }
  err = append(p, &r->allocator, NULL, ends[0]);
  if (err < 0) goto close_pipe;
  p->fds[0].events = POLLIN;
  r->state = p;
  r->notify_fd = ends[1];
  return 0;

close_pipe:
  close(ends[0]);
  close(ends[1]);
free_slots:
  art_free(&r->allocator, p, sizeof *p);
  return err;
}

static void poll_close(struct art_reactor *r) {
  struct slots *p = r->state;
  close(p->fds[0].fd);
  close(r->notify_fd);
  art_free(&r->allocator, p->sources, block_size(p->size));
  art_free(&r->allocator, p, sizeof *p);
}

static void poll_forget(struct art_reactor *r, struct art_source *s) {
  if (s->slot != 0) vacate(r->state, s);
}

static int poll_submit(struct art_reactor *r, struct art_source *s, struct art_op *op) {
  struct slots *p = r->state;
  if (art_reactor_try(s, op)) return 1;
  if (s->slot == 0) {
    unsigned slot = p->count;
    int err = append(p, &r->allocator, s, s->fd);
    if (err < 0) return err;
    s->slot = slot;
  }
  p->fds[s->slot].events |= art_op_direction(op->kind) == ART_IN ? POLLIN : POLLOUT;
  return 0;
}

static void poll_cancel(struct art_reactor *r, struct art_source *s, struct art_op *op) {
  (void)op;
  settle(r->state, s);
}

static void drain(int fd) {
  char bytes[64];
  while (read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes) continue;
}

static int dispatch(struct art_reactor *r, struct art_source *s, short events) {
  int completed = 0;
  if (events & WAKES_IN) completed += art_reactor_retry(r, s, ART_IN);
  if (events & WAKES_OUT) completed += art_reactor_retry(r, s, ART_OUT);
  settle(r->state, s);
  return completed;
}

static void swap(struct slots *p, unsigned i, unsigned j) {
  struct art_source *source = p->sources[i];
  struct pollfd fd = p->fds[i];
  p->sources[i] = p->sources[j];
  p->fds[i] = p->fds[j];
  p->sources[j] = source;
  p->fds[j] = fd;
  p->sources[i]->slot = i;
  p->sources[j]->slot = j;
}

/* All slots but the pipe's. */
static void shuffle(struct art_reactor *r, struct slots *p) {
  for (unsigned n = p->count; n > 2; n--) swap(p, n - 1, 1 + art_random_below(&r->random, n - 1));
}

/* From the last slot to the first: what vacate moves has been looked at, or goes where it still will be; for a waker may
** cancel other operations. */
static int poll_wait(struct art_reactor *r, uint64_t timeout_ns) {
  struct slots *p = r->state;
  int completed = 0;
  if (poll(p->fds, p->count, art_timeout_ms(timeout_ns)) < 0) return -errno;
  if (p->fds[0].revents != 0) drain(p->fds[0].fd);
  if (r->random != 0) shuffle(r, p);
  for (unsigned i = p->count - 1; i > 0; i--)
    if (i < p->count && p->fds[i].revents != 0)
      completed += dispatch(r, p->sources[i], p->fds[i].revents);
  return completed;
}

const struct art_backend art_backend_poll = {
    .name = "poll",
    .open = poll_open,
    .close = poll_close,
    .forget = poll_forget,
    .submit = poll_submit,
    .cancel = poll_cancel,
    .wait = poll_wait,
};
