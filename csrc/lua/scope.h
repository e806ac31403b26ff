/* Scopes: who belongs to whom, and how far a cancel reaches. Every boundary is one: async.scope, shield, timeout, a
** task's children, a run. A scope is on its owner's stack of scopes and below it are its children and the scopes
** that those open. */
#ifndef ART_LUA_SCOPE_H
#define ART_LUA_SCOPE_H

#include "drivers/wheel.h"
#include "lua/cancel.h"
#include "lua/state.h"

/* How a scope's body ended. */
enum art_ending {
  ART_RETURNED,
  ART_RAISED,      /* an error that is no cancel in force */
  ART_OWN_CANCEL,  /* this scope's cancel, which ends here */
  ART_OUTER_CANCEL /* that of a scope or task further out */
};

enum art_scope_kind {
  ART_SCOPE_TASK,    /* a task's own children; made at its first spawn */
  ART_SCOPE_BODY,    /* async.scope(fn) */
  ART_SCOPE_BLOCK,   /* the code of a block with a nursery, whose children are in */
  ART_SCOPE_NURSERY, /* this scope, right inside it */
  ART_SCOPE_SHIELD,
  ART_SCOPE_TIMEOUT,
  ART_SCOPE_TRY_TIMEOUT,
  ART_SCOPE_JOIN, /* task:join(seconds) */
  ART_SCOPE_RUN   /* no owner */
};

/* The userdata that scripts get. */
struct art_scope_handle {
  struct art_handle handle;
  struct art_scope *scope; /* NULL: ended */
};

extern const struct art_kind art_scope_kind;

struct art_scope {
  struct art_scope *parent;
  struct art_lua_task *owner; /* whose code runs in it; NULL: the host's */
  struct art_lua_runtime *rt;
  struct art_list node;       /* in parent's scopes */
  struct art_list scopes;     /* opened directly inside */
  struct art_list children;   /* tasks that belong to it */
  struct art_list failures;   /* children that failed after 'first' */
  struct art_list unobserved; /* see unobserved.h */
  unsigned pending;           /* children that keep it open */
  struct art_lua_task *first; /* the child whose failure the scope raises */
  bool body_failed;           /* the body's own error came first instead */
  bool supervise;             /* failures stop nobody */
  bool shield;
  bool race;                             /* over when one of its tasks has ended: see cycle.h */
  bool running;                          /* its function has not ended: nothing else may end it */
  uint8_t kind;                          /* enum art_scope_kind */
  uint8_t ending;                        /* enum art_ending, once the body has ended */
  struct art_cancel cancel;              /* its own */
  const struct art_cancel *cancelled_by; /* the outermost that reaches code in here, or NULL */
  struct art_scope_handle *handle;       /* or NULL; cancel.slot anchors it */
  struct art_scope *nursery;             /* where spawns inside go: itself, or its nursery */
  const struct art_policy *policy;       /* see policy.h */
  struct art_waker expire;               /* the deadline's */
  struct art_timer deadline;
};

/* NULL: no memory. Inherits the cancels of its parent, unless shield, and its policy. */
struct art_scope *art_scope_open(struct art_lua_runtime *rt, struct art_scope *parent,
                                 struct art_lua_task *owner, enum art_scope_kind kind);

/* One more can be opened without memory. False: there is none. */
bool art_scope_reserve(struct art_lua_runtime *rt);

/* It must have no children. Its owner is back in its parent. */
void art_scope_end(struct art_scope *s);

/* The scope that a spawn by 't' goes to: its innermost, or its own, made now. NULL: no memory. */
struct art_scope *art_scope_for_spawn(struct art_lua_task *t);

/* Everything inside is asked to stop; nothing if it was before. */
void art_scope_cancel(struct art_scope *s, enum art_cause cause);

/* Works out anew what cancels reach 's' and everything below, and cuts the waits of those who are reached now. */
void art_scope_propagate(struct art_scope *s);

/* The shields that are there now, at 's' and below, hold no longer. */
void art_scope_lift_shields(struct art_scope *s);

void art_scope_add_child(struct art_scope *s, struct art_lua_task *t);

/* 't' has ended: the scope learns of a failure, its owner that there is one less to wait for. */
void art_scope_child_ended(struct art_scope *s, struct art_lua_task *t);

/* True if all children have ended. If only daemons are left, cancels them. */
bool art_scope_drained(struct art_scope *s);

/* A scope in 's' that has none inside, the last to be opened; 's' itself if it has none. */
struct art_scope *art_scope_innermost(struct art_scope *s);

/* The scope after 's' in a walk over 'top' and all below it, parents first; NULL: that was all. */
struct art_scope *art_scope_next(struct art_scope *top, struct art_scope *s);

/* Has 't' functions under way in scopes inside 's'? */
bool art_scope_encloses_running(const struct art_scope *s, const struct art_lua_task *t);

/* Is 'above' the task itself, or does it wait for 't' to end? */
bool art_is_ancestor(const struct art_lua_task *above, const struct art_lua_task *t);

#endif
