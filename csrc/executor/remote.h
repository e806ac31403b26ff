/* The waker for other threads, seen from the task that owns one. */
#ifndef ART_EXECUTOR_REMOTE_H
#define ART_EXECUTOR_REMOTE_H

#include "base/alloc.h"

struct art_remote;
struct art_task;

/* One reference, the task's. NULL: no memory. */
struct art_remote *art_remote_new(const struct art_allocator *a, struct art_task *t);

/* Borrowed. */
struct art_waker *art_remote_waker(struct art_remote *r);

/* The task has ended: gives its reference up; wakes do nothing from here on. */
void art_remote_cut(struct art_remote *r);

#endif
