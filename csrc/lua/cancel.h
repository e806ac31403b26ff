/* A cancel: the same for a scope and for a task. Its id is how the boundary that it ends at knows its own. */
#ifndef ART_LUA_CANCEL_H
#define ART_LUA_CANCEL_H

#include <stdint.h>

enum art_cause {
  ART_NOT_CANCELLED,
  ART_EXPLICIT,  /* by a script; its reason is kept beside the handle */
  ART_FAILURE,   /* a child or the body failed */
  ART_EXPIRED,   /* a timeout */
  ART_CLOSED,    /* the runtime is being closed */
  ART_COLLECTED, /* the runtime was never closed, and is no more */
  ART_DEADLOCKED,
  ART_INTERRUPTED, /* a signal handler of the host's raised */
  ART_HOGGED,      /* it did not suspend for too long */
  ART_FINISHED     /* all that a daemon or a detached task was there for has ended */
};

struct art_cancel {
  uint64_t id;   /* of the scope or task */
  uint32_t slot; /* anchors its handle; 0: it has none */
  uint8_t cause; /* enum art_cause */
};

#endif
