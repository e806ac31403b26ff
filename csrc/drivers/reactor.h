/* Reactor: submit, cancel, complete. One a runtime, on its thread; a backend a kernel interface. */
#ifndef ART_DRIVERS_REACTOR_H
#define ART_DRIVERS_REACTOR_H

#include <stdint.h>

#include "base/alloc.h"
#include "drivers/op.h"

struct art_reactor;

/* A backend is one file and one such table. Every function runs on the reactor's thread. */
struct art_backend {
  const char *name;
  int (*open)(struct art_reactor
                  *r); /* sets fd, notify_fd and backend state; 0 or -errno, nothing left behind */
  void (*close)(struct art_reactor *r);
  void (*forget)(struct art_reactor *r,
                 struct art_source *s); /* the descriptor is about to be closed */
  int (*submit)(struct art_reactor *r, struct art_source *s,
                struct art_op *op); /* as art_reactor_submit */
  void (*cancel)(struct art_reactor *r, struct art_source *s, struct art_op *op);
  int (*watch)(struct art_reactor *r, int fd); /* as art_reactor_watch; NULL with fd -1 */
  int (*wait)(struct art_reactor *r, uint64_t timeout_ns); /* as art_reactor_wait */
};

struct art_reactor {
  const struct art_backend *backend;
  struct art_allocator allocator;
  void *state; /* the backend's */
  int fd; /* to nest in another loop: readable when wait would find something; -1: not possible */
  int notify_fd;    /* writing 8 bytes to it, from any thread, ends a wait */
  unsigned pending; /* operations in the driver's hands */
  unsigned holding; /* of those, the ones that complete without a peer's doing (connect) */
  uint64_t
      random; /* of a seed that shuffles the events of a wait; 0: they are taken as they come */
};

/* name NULL or "auto": the best there is. -EINVAL: no backend of that name on this system. */
int art_reactor_open(struct art_reactor *r, const struct art_allocator *a, const char *name);

/* No operation may be pending. */
void art_reactor_close(struct art_reactor *r);

/* Prepares a source for a non-blocking descriptor. Cannot fail, tells the kernel nothing yet. */
void art_source_init(struct art_source *s, int fd);

/* Would a read or an accept not block now? Asks the kernel. Nothing is pending in that direction. */
bool art_source_is_readable(struct art_source *s);

/* Forgets the descriptor, to be called before it is closed. Pending operations complete with -ECANCELED and
** are woken. */
void art_reactor_forget(struct art_reactor *r, struct art_source *s);

/* 1: completed at once, op->result says how (an -errno of the system call is a completion), no wake follows.
** 0: pending, op->waker will be woken. -errno: not submitted (-EBUSY: the direction has an operation;
** -ENOMEM and the like: the kernel took no registration). */
int art_reactor_submit(struct art_reactor *r, struct art_source *s, struct art_op *op);

/* Takes a pending operation back: nothing happens any more, op and buffer are the owner's. Nothing if it is not
** pending. A completed result is left alone. */
void art_reactor_cancel(struct art_reactor *r, struct art_source *s, struct art_op *op);

/* A descriptor of the runtime's own that only ends a wait when it becomes readable (once per becoming so). It
** leaves by being closed. 0 or -errno. */
int art_reactor_watch(struct art_reactor *r, int fd);

/* Waits up to timeout_ns (0: no wait, ART_NEVER: no limit) for completions or a notify, and completes what is
** ready. The number completed, or -EINTR. */
int art_reactor_wait(struct art_reactor *r, uint64_t timeout_ns);

#endif
