/* What the backends share; for the files of this folder alone. A readiness backend learns from the
** kernel that a direction may be ready and has the reactor retry what is pending there. */
#ifndef ART_DRIVERS_BACKEND_H
#define ART_DRIVERS_BACKEND_H

#include "drivers/reactor.h"

extern const struct art_backend art_backend_epoll;
extern const struct art_backend art_backend_poll;

/* Makes the operation's system call unless the source is known not to be ready. False: it would
** block. */
bool art_reactor_try(struct art_source *s, struct art_op *op);

/* The direction may be ready now: tries what is pending there. True if that completed. */
bool art_reactor_retry(struct art_reactor *r, struct art_source *s, enum art_direction dir);

/* For calls that count in milliseconds: rounded up, so that no wait ends before its time; -1: no
** limit. */
int art_timeout_ms(uint64_t timeout_ns);

#endif
