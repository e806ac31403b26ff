/* An I/O operation, completion-shaped: submitted with its buffer, completed with its result. A readiness
** backend tries the system call and waits only if it would block; a completion backend hands it to the kernel.
** Whoever submits sees no difference. */
#ifndef ART_DRIVERS_OP_H
#define ART_DRIVERS_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/waker.h"

enum art_op_kind {
  ART_OP_RECV,     /* result: bytes, 0 at end of stream */
  ART_OP_ACCEPT,   /* result: a new descriptor, non-blocking and close-on-exec */
  ART_OP_READABLE, /* result: 0 once reading would not block; reads nothing */
  ART_OP_SEND,     /* result: bytes sent, perhaps fewer than asked for; never raises SIGPIPE */
  ART_OP_CONNECT   /* result: 0 */
};

enum art_direction { ART_IN, ART_OUT };

static inline enum art_direction art_op_direction(enum art_op_kind kind) {
  return kind <= ART_OP_READABLE ? ART_IN : ART_OUT;
}

/* Embedded in whoever waits; stays in place while pending. The fields before 'result' are set by the owner. */
struct art_op {
  enum art_op_kind kind;
  bool pending; /* in the driver's hands */
  void *buf;    /* recv, send: the bytes; connect: the sockaddr; accept: NULL or room for the
                ** peer's. Valid until no longer pending */
  size_t len;   /* bytes of it; of an accept, when it is done, those of the address */
  struct art_waker *waker; /* woken once, when a pending operation completes */
  ssize_t result;          /* as above, or -errno */
};

/* A descriptor known to a reactor; embedded in what owns the descriptor. One operation a direction. */
struct art_source {
  int fd;
  bool registered; /* the backend has told the kernel */
  bool
      ready[2]; /* per direction: a system call may succeed (a guess that costs at most one call) */
  bool drains;  /* a short read proves that nothing is left: no second call to hear EAGAIN */
  unsigned slot;        /* the poll backend's: place in its array, 0: none */
  struct art_op *op[2]; /* per direction: the pending operation */
};

#endif
