/* A task whose polls resume a Lua coroutine. The struct is the handle's userdata. */
#ifndef ART_LUA_TASK_H
#define ART_LUA_TASK_H

#include "drivers/wheel.h"
#include "lua/cancel.h"
#include "lua/party.h"
#include "lua/scope.h"
#include "lua/state.h"
#include "sync/waitlist.h"

/* Uservalues of a task; there are as many as its arguments need. */
enum art_task_value {
  ART_TASK_VALUE =
      1, /* before the first poll: the function; then the reason of its cancel; after the end: its first
                      ** result, or the error */
  ART_TASK_SPAWNER, /* the function that spawned it; the line is in the struct */
  ART_TASK_MORE /* arguments, later further results. The first of them, in a failed supervised task that nobody
                      ** has observed: the anchor table */
};

enum art_outcome { ART_OPEN, ART_DONE, ART_FAILED, ART_CANCELLED };

enum art_task_flag {
  ART_STARTED = 1,       /* has, or had, a coroutine */
  ART_BODY_RAISED = 2,   /* the body ended with an error, which is on top of its stack */
  ART_ABORTED = 4,       /* its wait was cut short: the continuation raises */
  ART_SUPERVISED = 8,    /* its failure fails no scope */
  ART_EAGER_REPORT = 16, /* unobserved at its end: reported at once, not when collected */
  ART_OBSERVED = 32,     /* its failure has reached somebody */
  ART_HELD = 64,         /* ended, and still anchored */
  ART_DAEMON = 128,      /* keeps no scope open */
  ART_PACKED = 256,      /* its values are in one table, their number as n */
  ART_NAMED = 512,
  ART_HAS_LOCALS = 1024,
  ART_PERMIT = 2048,    /* its waker was woken, and no park has taken that yet */
  ART_RAISING = 4096,   /* an error other than a cancel has been raised: see raised.h */
  ART_EXPOSED = 8192,   /* scripts may have its coroutine: it serves no other task */
  ART_CRITICAL = 16384, /* it runs a critical function: no pre-emption */
  ART_DOOMED = 32768    /* a hog that is stopped at every instruction */
};

/* What a parked task waits for. */
struct art_wait {
  const char *what;                      /* for people */
  void (*abort)(struct art_lua_task *t); /* leaves the wait at once; NULL: it cannot be aborted */
  bool forced; /* only for a task that is killed: a cancel waits for its end */
  bool
      socket; /* for a socket: one that ends with the runtime, and may be gone before its tasks are told */
  bool timer; /* for a deadline: parking.timer */
  bool cases; /* for one of several: a select */
  int handle; /* where on the stack of the call that waits its handle is; 0: it has none */
  struct art_lua_task *(*for_whom)(const struct art_lua_task *t); /* only that one can end the wait,
                                     but for a cancel. Returns NULL if it is nobody in particular; may be NULL */
};

#define ART_MAX_ARGS 250 /* of a task's function: they are counted in 8 bits */

struct art_lua_task {
  struct art_task core;
  struct art_lua_runtime *rt; /* NULL once nothing leads back to it */
  lua_State *co;              /* its own, from its first poll to its end */
  struct art_scope *scope;    /* the innermost; it belongs to the innermost that is not its own */
  struct art_list sibling; /* in its scope's children; after the end: among failures to be told */
  struct art_waitlist awaiters;
  const struct art_wait *wait; /* NULL: does not wait */
  uint64_t polls;              /* its own, and those of its children that have ended */
  float spawned_s, polled_s;   /* on the runtime's clock; for people, so that few digits will do */
  union {                      /* a task waits in one place */
    struct {                   /* after the end */
      struct art_unobserved *unobserved; /* see unobserved.h */
      uint64_t busy_ns;                  /* see usage.h */
    } ended;
    struct art_timer timer;
    struct {
      struct art_waiter waiter;
      struct art_lua_task *task; /* await: for whom */
    } in;
    struct art_party party; /* send and recv */
    struct {
      struct art_waiter waiter;
      uint64_t since_ns; /* next_frame: the frame before */
    } frame;
    struct {
      struct art_waiter waiter; /* of those who wait for their turn */
      void *with;               /* the handle whose operation it is */
    } io;
  } parking;
  struct art_mutex *contended; /* those that it has locked and somebody waits for */
  struct art_cancel cancel;    /* its id, its handle's anchor, and whether task:cancel was called */
  uint32_t line : 24;          /* where it was spawned; 0: not in Lua */
  uint32_t nvalues : 8;        /* arguments, later results, unless ART_PACKED */
  uint16_t flags;
  uint8_t outcome; /* enum art_outcome */
  uint8_t room;    /* values there are uservalues for */
};

/* Raises what is wrong: see art_current. */
struct art_lua_task *art_current_fails(lua_State *L, const char *function);

/* The running task, called from its own coroutine or one that it resumed; raises otherwise. */
static inline struct art_lua_task *art_current(lua_State *L, const char *function) {
  const struct art_lua *state = art_lua_of(L);
  return state->running == L ? state->current : art_current_fails(L, function);
}

/* The outermost cancel that reaches the code that runs in 't' now, NULL if none does. */
static inline const struct art_cancel *art_cancelled_by(const struct art_lua_task *t) {
  const struct art_scope *s = t->scope;
  if (s->cancelled_by != NULL) return s->cancelled_by;
  return t->cancel.cause != ART_NOT_CANCELLED && s->owner != t ? &t->cancel : NULL;
}

/* Raises if a finaliser runs: see art_current_for. */
void art_check_finalising(lua_State *L, const char *function);

/* As art_current, for a function that acts on behalf of the task: raises also in a finaliser, which runs in whatever task
** happens to be there. */
static inline struct art_lua_task *art_current_for(lua_State *L, const char *function) {
  struct art_lua_task *t = art_current(L, function);
  if (!lua_isyieldable(L)) art_check_finalising(L, function);
  return t;
}

/* The running task, in whatever coroutine of its own; NULL outside of one and in a finaliser, which acts for no task. */
struct art_lua_task *art_acting(lua_State *L);

/* As art_current, for a function that may suspend but is no checkpoint: raises also where Lua cannot yield, rather than in
** the middle of things. */
struct art_lua_task *art_current_in_lua(lua_State *L, const char *function);

/* Raises what is wrong: see art_checkpoint. */
struct art_lua_task *art_checkpoint_fails(lua_State *L, const char *function);

/* As art_current, for a function that suspends: raises also where Lua cannot yield, and, before any effect, if the task
** is cancelled. The first is for who has the state at hand: in a handle, say. */
static inline struct art_lua_task *art_checkpoint_in(lua_State *L, const struct art_lua *state,
                                                     const char *function) {
  if (state->running != L || !lua_isyieldable(L) || art_cancelled_by(state->current) != NULL)
    return art_checkpoint_fails(L, function);
  return state->current;
}

static inline struct art_lua_task *art_checkpoint(lua_State *L, const char *function) {
  return art_checkpoint_in(L, art_lua_of(L), function);
}

/* The task at 'arg'; raises for anything else. */
struct art_lua_task *art_to_task(lua_State *L, int arg, const char *function);

/* Nothing once the task has ended or if it was cancelled before. */
void art_cancel_task(struct art_lua_task *t, enum art_cause cause);

/* Is that the id of a cancel that reaches 't' now? */
bool art_cancel_in_force(const struct art_lua_task *t, uint64_t id);

#define ART_TASK_NAME "asyncrt.task"

struct art_spawn {
  struct art_lua_runtime *rt;
  struct art_scope *scope;
  unsigned flags;
  const struct art_lua_task *parent; /* whose locals and policy it inherits, or NULL */
  const struct art_policy *policy;   /* its own, if it was asked for one */
  int name;                          /* stack index of its name; 0: it has none */
};

/* [-0, +1, m] A new task of the function at 'fn' and the nargs arguments above it, queued for its first poll; pushes its
** handle. 'anchors' is the stack index of the runtime's anchor table. Raises before anything has happened. */
struct art_lua_task *art_spawn_task(lua_State *L, const struct art_spawn *how, int fn, int nargs,
                                    int anchors);

/* [-0, +1, -] The handle of a task that is still anchored. */
void art_push_task(lua_State *L, const struct art_lua_task *t);

/* [-0, +n, m] The values of an ended task whose handle is at 'index'; their number. */
int art_push_values(lua_State *L, const struct art_lua_task *t, int index);

/* [-n, +0, m] Stores the n values on top as those of the task whose handle is at 'index'. */
void art_store_values(lua_State *L, struct art_lua_task *t, int index, int n);

/* [-0, +0, m] The string on top (left there) is its name; the handle is at 'index'. */
void art_name_task(lua_State *L, struct art_lua_task *t, int index);

/* The body has ended and its children too: wakes whoever awaits, tells its scope. */
void art_end_task(struct art_lua_task *t, enum art_outcome outcome);

/* [-0, +0, -] Lets go of the handle of an ended task. Works without upvalue, as art_end_task. */
void art_let_go(lua_State *L, struct art_lua_task *t, int anchors);

#endif
