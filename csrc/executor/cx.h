/* What a C poll function is handed. */
#ifndef ART_EXECUTOR_CX_H
#define ART_EXECUTOR_CX_H

struct art_task;
struct art_waker;

struct art_poll_cx {
  struct art_task *task;
  struct art_waker *waker; /* for any thread */
};

#endif
