/* asyncrt: the C API. An asynchronous runtime whose tasks are poll functions; no Lua in here.
**
** A runtime belongs to the thread that made it: everything below is for that thread alone unless it says
** "any thread". Functions return 0 or a count on success and -errno on failure; they never print and never
** abort. Times are nanoseconds of the runtime's own clock, which starts near 0.
*/
#ifndef ASYNCRT_H
#define ASYNCRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef ART_API /* the Lua module is built with it empty: there only luaopen_ is exported */
#define ART_API __attribute__((visibility("default")))
#endif

#define ART_NEVER UINT64_MAX /* a deadline that never comes */

struct art_runtime;
struct art_task;
struct art_waker;
struct art_poll_cx;
struct art_sleep;
struct art_io;

/* Like lua_Alloc: resizes 'block' from old_size to new_size; new_size 0 frees and returns NULL; NULL is
** failure otherwise. Must be callable from any thread if wakers or tasks are used on other threads. */
typedef void *art_resize_fn(void *ud, void *block, size_t old_size, size_t new_size);

struct art_allocator {
  art_resize_fn *resize;
  void *ud;
};

enum art_clock_kind {
  ART_CLOCK_REAL, /* the monotonic clock */
  ART_CLOCK_VIRTUAL, /* jumps to the next deadline when nothing is ready and no job or connect is under way */
  ART_CLOCK_MANUAL /* moves only in art_runtime_advance */
};

struct art_config {
  enum art_clock_kind clock;
  bool seeded;                    /* shuffle what has no promised order, reproducibly */
  uint64_t seed;                  /* used if seeded */
  const char *driver;             /* "epoll", "poll"; NULL or "auto": the best there is */
  struct art_allocator allocator; /* resize NULL: malloc */
};

enum art_poll { ART_PENDING, ART_READY };

/* Polls a task once. Before returning ART_PENDING it must have left a waker with what it waits for (the
** operations below do so). Runs on the runtime's thread, never again after ART_READY. */
typedef enum art_poll art_poll_fn(struct art_poll_cx *cx, void *state);

/* Drops a task's state, exactly once, on the runtime's thread: after ART_READY, on cancel, or at close. */
typedef void art_drop_fn(void *state);

/* --- runtime ------------------------------------------------------------------------------------------- */

/* config NULL is all defaults. NULL with errno set on failure. Several runtimes may live in one process. */
ART_API struct art_runtime *art_runtime_new(const struct art_config *config);

/* Runs until no task is left. 0; -EDEADLK if tasks are left that nothing can wake (somebody who holds a handle or
** a waker can); -EINTR after a signal (call again to go on). */
ART_API int art_runtime_run(struct art_runtime *rt);

/* For hosts with a loop of their own: polls I/O without blocking and runs ready tasks until none is ready or
** budget_ns is spent, at least one poll. The number of tasks still ready, or -errno. */
ART_API int art_runtime_tick(struct art_runtime *rt, uint64_t budget_ns);

/* A descriptor that is readable when a tick has something to do: I/O, wakes from other threads, ready tasks,
** due timers. Owned by the runtime. -ENOTSUP with a driver that has none. */
ART_API int art_runtime_fd(struct art_runtime *rt);

/* Nanoseconds until a tick has something to do: 0 if tasks are ready, ART_NEVER if no timer is armed. */
ART_API uint64_t art_runtime_next_ns(const struct art_runtime *rt);

/* The runtime's clock. */
ART_API uint64_t art_runtime_now_ns(const struct art_runtime *rt);

/* Real clock only (-EINVAL else): from here on the runtime's clock goes at so many of its seconds a second; 0: it stands.
** Deadlines of I/O are not its business. 0 or -EINVAL. */
ART_API int art_runtime_set_pace(struct art_runtime *rt, double pace);

/* Manual clock only (-EINVAL else): moves the clock by dt_ns, from deadline to deadline, running at each the
** tasks that become ready. The clock always arrives; tasks that budget_ns cuts off are left to the next tick,
** which finds those that came due meanwhile in the order of their deadlines.
** The number of tasks still ready, or -errno. */
ART_API int art_runtime_advance(struct art_runtime *rt, uint64_t dt_ns, uint64_t budget_ns);

/* Cancels all tasks, drops their states, closes every descriptor and frees the runtime. Wakers and task
** handles that others still hold stay safe to use; they do nothing from here on. */
ART_API void art_runtime_close(struct art_runtime *rt);

/* --- tasks --------------------------------------------------------------------------------------------- */

/* A new task, polled first after the caller returns to the run loop. Returns a handle that the caller owns
** (art_task_unref), or NULL with errno set, in which case 'drop' was not called. drop may be NULL. */
ART_API struct art_task *art_spawn(struct art_runtime *rt, art_poll_fn *poll, void *state,
                                   art_drop_fn *drop);

/* Any thread. Asks the task to end: its state is dropped instead of the next poll. Nothing once it has
** ended; more than once is the same as once. */
ART_API void art_task_cancel(struct art_task *task);

/* Any thread. True once the task's state is dropped, by ART_READY or by a cancel. */
ART_API bool art_task_ended(const struct art_task *task);

/* Any thread. Gives one reference up; the task itself goes on. */
ART_API void art_task_unref(struct art_task *task);

/* --- wakers -------------------------------------------------------------------------------------------- */

/* Inside a poll. The task's waker, borrowed: valid until the poll returns; clone it to keep it. */
ART_API struct art_waker *art_poll_waker(struct art_poll_cx *cx);

/* Any thread, as wake and drop. A reference of one's own, to be given up with art_waker_drop. */
ART_API struct art_waker *art_waker_clone(struct art_waker *waker);

/* Has the task polled again. N wakes before a poll are one poll; a wake during a poll is one more poll after
** it; a wake after the end, or after the runtime is gone, does nothing. What was written before the wake is
** seen by the poll that follows. */
ART_API void art_waker_wake(struct art_waker *waker);

ART_API void art_waker_drop(struct art_waker *waker);

/* --- what a poll function can wait for ----------------------------------------------------------------- */

/* Each wakes the task that polled it last. A task must not end while one waits for it: free it in the drop function at
** the latest, and before the runtime is closed. */

/* A timer. Free it outside of a wait or inside one, with art_sleep_free. NULL: no memory. */
ART_API struct art_sleep *art_sleep_new(struct art_runtime *rt);
ART_API void art_sleep_free(struct art_sleep *sleep);

/* Inside a poll: ART_READY once the clock has reached deadline_ns. */
ART_API enum art_poll art_sleep(struct art_poll_cx *cx, struct art_sleep *sleep,
                                uint64_t deadline_ns);

/* A non-blocking descriptor on the runtime's driver, one operation a direction at a time. The descriptor
** stays the caller's, who closes it after art_io_free. NULL with errno set on failure. */
ART_API struct art_io *art_io_new(struct art_runtime *rt, int fd);
ART_API void art_io_free(struct art_io *io);

/* Inside a poll: ART_READY with the outcome in *result: what recv, send, accept4 and connect return, or
** -errno. After ART_PENDING poll again with the same arguments; what they point to stays valid until ART_READY or
** art_io_free. */
ART_API enum art_poll art_recv(struct art_poll_cx *cx, struct art_io *io, void *buf, size_t n,
                               ssize_t *result);
ART_API enum art_poll art_send(struct art_poll_cx *cx, struct art_io *io, const void *buf, size_t n,
                               ssize_t *result);
ART_API enum art_poll art_accept(struct art_poll_cx *cx, struct art_io *io, ssize_t *result);
ART_API enum art_poll art_connect(struct art_poll_cx *cx, struct art_io *io,
                                  const struct sockaddr *address, socklen_t n, ssize_t *result);

#ifdef __cplusplus
}
#endif

#endif
