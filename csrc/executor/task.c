#include "executor/task.h"

#include "executor/executor.h"
#include "executor/remote.h"

void art_task_end(struct art_task *t) {
  t->state = ART_TASK_DONE;
  t->executor->live--;
  if (t->remote != NULL) art_remote_cut(t->remote);
  t->remote = NULL;
}

struct art_waker *art_task_remote(struct art_task *t) {
  if (t->remote == NULL) t->remote = art_remote_new(t->executor->allocator, t);
  return t->remote == NULL ? NULL : art_remote_waker(t->remote);
}
