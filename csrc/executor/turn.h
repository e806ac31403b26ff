/* The parts of a turn that ticks share with it. All with the runtime entered. */
#ifndef ART_EXECUTOR_TURN_H
#define ART_EXECUTOR_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct art_runtime;

/* Waits in the reactor; what completes is woken on behalf of I/O. As art_reactor_wait. */
int art_runtime_wait_io(struct art_runtime *rt, uint64_t timeout_ns);

/* A look at everything that may have become ready, without waiting. */
void art_runtime_poll_drivers(struct art_runtime *rt);

/* Makes ready who is due. */
void art_runtime_advance_timers(struct art_runtime *rt);

/* Virtual clock: is there a deadline to jump to, and nothing that holds the clock? */
bool art_runtime_may_jump(const struct art_runtime *rt);

/* Virtual clock with nothing ready: to the next deadline. False: it may not. */
bool art_runtime_jump(struct art_runtime *rt);

/* The next deadline that comes by itself, in the time of art_runtime_outer_now_ns; ART_NEVER: none does. */
uint64_t art_runtime_alarm_ns(struct art_runtime *rt);

/* Leaving: from here on the descriptor says when a tick has something to do. Nothing before art_runtime_fd. */
void art_runtime_expose(struct art_runtime *rt);

#endif
