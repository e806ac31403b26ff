/* Tasks made from a C poll function, seen from the runtime that owns them. */
#ifndef ART_EXECUTOR_SPAWN_H
#define ART_EXECUTOR_SPAWN_H

struct art_runtime;

/* Closing: drops the state of every such task that has not ended. Drop functions may spawn and wake; what they
** spawn is dropped too. */
void art_runtime_cancel_owned(struct art_runtime *rt);

#endif
