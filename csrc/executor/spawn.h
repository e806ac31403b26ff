/* Tasks made from a C poll function, seen from the runtime that owns them. */
#ifndef ART_EXECUTOR_SPAWN_H
#define ART_EXECUTOR_SPAWN_H

struct art_runtime;
struct art_task;
struct art_waker;

/* The waker of a task made by art_spawn, borrowed. */
struct art_waker *art_task_waker(struct art_task *t);

/* Closing: drops the state of every such task that has not ended. Drop functions may spawn and wake; what they
** spawn is dropped too. */
void art_runtime_cancel_owned(struct art_runtime *rt);

#endif
