/* Pool: threads for blocking jobs, made when needed and ended when idle. A job owns its memory: nobody can
** stop it, so who no longer wants it just lets go and it finishes detached. */
#ifndef ART_DRIVERS_POOL_H
#define ART_DRIVERS_POOL_H

#include "base/inbox.h"

struct art_pool;

/* Embedded in the job's own block. */
struct art_job {
  struct art_inbox_node node;
  struct art_job *next;
  struct art_pool *pool;
  void (*run)(struct art_job *self); /* on a pool thread: the blocking part */
  void (*complete)(
      struct art_job *self); /* on the runtime's thread, after run; frees or hands over the job */
  void (*drop)(
      struct art_job
          *self); /* any thread, instead of complete, if the runtime is gone: frees the job */
};

/* Results go to 'inbox' (the pool takes a reference). At most max_threads threads, each ending after idle_ns
** without a job. NULL: no memory. */
struct art_pool *art_pool_new(const struct art_allocator *a, struct art_inbox *inbox,
                              unsigned max_threads, uint64_t idle_ns);

/* Owner thread. Takes the job over: exactly one of complete and drop will be called. -errno: no thread could be
** made and none is there to run it; the job is still the caller's. Signals are blocked in pool threads. */
int art_pool_submit(struct art_pool *p, struct art_job *job);

/* Owner thread. Jobs submitted and not yet completed. */
unsigned art_pool_pending(const struct art_pool *p);

/* Owner thread, after the inbox was closed. Drops what is queued; running jobs finish detached and drop
** themselves, the last one frees the pool. Does not wait. */
void art_pool_close(struct art_pool *p);

#endif
