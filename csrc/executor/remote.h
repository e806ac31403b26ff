/* The waker for any thread, seen from the task that owns one. */
#ifndef ART_EXECUTOR_REMOTE_H
#define ART_EXECUTOR_REMOTE_H

#include "base/alloc.h"

struct art_inbox;
struct art_task;

/* One reference, the task's. NULL: no memory. */
struct art_waker *art_remote_new(const struct art_allocator *a, struct art_inbox *inbox,
                                 struct art_task *t);

/* The task has ended: gives its reference up; wakes do nothing from here on. */
void art_remote_cut(struct art_waker *waker);

#endif
