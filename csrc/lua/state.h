/* What asyncrt keeps per Lua state and per runtime. C keeps integers and links; Lua values live in uservalues and in
** the runtime's anchor table. */
#ifndef ART_LUA_STATE_H
#define ART_LUA_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>

#include "executor/runtime.h"
#include "lua/frame.h"
#include "lua/handle.h"
#include "lua/preempt.h"

/* What not every Lua has in its headers. */
#ifndef LUAI_MAXSTACK
#define LUAI_MAXSTACK 1000000
#endif
#ifndef lua_writestringerror
#define lua_writestringerror(format, text) (fprintf(stderr, format, text), fflush(stderr))
#endif

#if LUA_VERSION_NUM >= 505
#define ART_RESET_THREAD(co, from) lua_closethread(co, from)
#else
#define ART_RESET_THREAD(co, from) ((void)(from), lua_resetthread(co))
#endif

struct art_lua_runtime;
struct art_lua_task;
struct art_scope;

/* Uservalues of the userdata that is upvalue 1 of every function of ours. */
enum art_lua_value {
  ART_ANCHORS = 1, /* the active runtime's anchor table */
  ART_BODY,        /* what the coroutines of tasks run */
  ART_HANDLER,     /* message handler of every protected call that may suspend */
  ART_TRACER,      /* the same of those that only pass errors on, or catch them */
  ART_TASK_META,
  ART_SUPERVISED_META, /* tasks whose failure belongs to whoever awaits: with a finaliser */
  ART_SCOPE_META,
  ART_CHANNEL_META,
  ART_GUARD_META,
  ART_ERROR_META,
  ART_TRACES,      /* weak keys: error value -> trace */
  ART_NAMES,       /* weak keys: task -> name */
  ART_REASONS,     /* weak keys: task or scope -> the reason of its cancel */
  ART_WAKERS,      /* weak keys: task -> its waker */
  ART_LOCALS,      /* weak keys: task -> record of its locals */
  ART_LEAVING,     /* weak keys: task -> {id of a boundary = error on its way out}, see raised.h */
  ART_RUNTIMES,    /* weak keys: every runtime that was made */
  ART_HOOKS,       /* functions of the Lua layer that C calls, by name */
  ART_REPORTS,     /* {{error, task}, ...}: failures that are nobody's own, for on_error */
  ART_NOTE_KILLED, /* function(task): see loop.c */
  ART_SPAWN_MAIN,  /* function(runtime, anchors, scope, main, ...): see run.c */
  ART_NOTE_REPORT, /* function(error, task) and */
  ART_NOTE_MISUSE, /* function(task): see ending.c */
  ART_HOG,         /* function(task, act): see hog.c */
  ART_LAYER,       /* where the Lua layer lies, as sources begin there */
  ART_NOTE_CYCLE,  /* function(way): see cycle.c */
  ART_LUA_VALUES = ART_NOTE_CYCLE
};

/* One a Lua state. */
struct art_lua {
  struct art_kinds kinds;
  struct art_lua_runtime *active;        /* the runtime whose loop runs on this state, or NULL */
  struct art_lua_task *volatile current; /* the task that is being polled, or NULL */
  lua_State *
      running; /* the coroutine in which it can suspend, its own or one of those it resumed; or NULL */
  lua_State *volatile entered; /* the same, where it cannot suspend too; signal handlers read it */
  const char *layer;           /* ART_LAYER, or NULL */
  lua_CFunction load;          /* Lua's own */
  bool
      awaits_inside; /* a coroutine may be waiting for the run loop that scripts can get hold of: see nested.c */
  unsigned closing; /* coroutines that are being closed, one by the other */
  struct art_lua_task
      *volatile killed;   /* the task whose handlers of <close> run because it is ended by force */
  uint64_t last_id;       /* of tasks and scopes */
  lua_Integer reported;   /* in ART_REPORTS */
  lua_Integer rejected;   /* futures that are, and nobody has got the error */
  bool report_lost;       /* there was no memory for one: on_error is told that */
  bool profiles;          /* time is taken: see usage.h */
  bool rethrown;          /* the error that is raised now is on its way already: see trace.h */
  struct art_list blocks; /* see block.h */
  struct art_config defaults; /* for the runtimes made here */
  lua_Integer lost;           /* tasks that had not ended when their runtime was collected */
  lua_Integer stray; /* slots that nobody had given back when their runtime was closed: none */
};

/* The same in what is no function of ours; NULL before the module is loaded. */
struct art_lua *art_lua_find(lua_State *L);

/* [-0, +1, -] */
void art_push_value_from(lua_State *L, enum art_lua_value v);

static inline struct art_lua *art_lua_of(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* [-0, +1, -] */
static inline void art_push_value(lua_State *L, enum art_lua_value v) {
  lua_getiuservalue(L, lua_upvalueindex(1), v);
}

/* Uservalues of a runtime. */
enum art_runtime_value {
  ART_RUNTIME_ANCHORS = 1, /* see anchors.h */
  ART_RUNTIME_IDLE,        /* anchors idle coroutines */
  ART_RUNTIME_ON_ERROR,
  ART_RUNTIME_ON_SLOW,
  ART_RUNTIME_VALUES = ART_RUNTIME_ON_SLOW
};

struct art_lua_runtime {
  struct art_handle handle;
  struct art_runtime *core; /* NULL: closed */
  struct art_lua *state;
  lua_State *host; /* the coroutine that drives the loop right now, and */
  int runtime,
      anchors; /* where on its stack the handle and the anchor table are; above that handler and body */
  int interrupt_at; /* where there what ends the run from outside belongs; 0: none is under way */
  bool interrupted; /* and that it is there, which the run has not seen yet */
  struct art_scope *root;  /* rt:spawn's tasks, until close */
  struct art_scope *run;   /* the run scope, while run is under way */
  struct art_scope *spare; /* ended scopes, for reuse */
  struct art_list reports; /* ended tasks whose error goes to on_error after this turn */
  struct art_list limbo;   /* unobserved tasks whose scope has ended: left to their finaliser */
  struct art_list sockets; /* open ones on its driver */
  struct art_list holds;   /* of its clock: see hold.h */
  lua_State **idle;        /* idle coroutines: see coroutines.c */
  uint32_t idle_count, idle_room, coroutines;
  uint32_t *free_slots; /* room for every slot there is */
  uint32_t free_count, slots, slots_room;
  struct art_preempt preempt;
  struct art_frames frames;
  double pace; /* of its clock, unless it is paused */
  bool paused;
  uint64_t spawned;        /* tasks, in all */
  const char *driver_from; /* why it has its driver, for people */
  uint64_t seed;           /* if it is seeded */
  uint64_t *busy_ns;       /* by slot; NULL: nobody profiles. And the room there */
  uint32_t busy_room;
  uint64_t poll_began_ns; /* monotonic; 0: nobody profiles this poll */
  float turn_s;           /* when this turn began, on its clock, or a little before */
  bool deadlock;          /* look for deadlocks */
  bool unshield;          /* closing, and the grace is over: new shields hold nothing */
  bool ended;             /* closing, and all tasks have ended: there are to be no more */
};

extern const struct art_kind art_runtime_kind;

/* The runtime at 'arg', open or closed; raises for anything else. */
struct art_lua_runtime *art_to_runtime(lua_State *L, int arg, const char *function);

#endif
