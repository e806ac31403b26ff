/* Cases: what a select can wait for, one table of functions a kind. Its handle stands at 'i' on the stack. */
#ifndef ART_LUA_CASES_H
#define ART_LUA_CASES_H

#include <lauxlib.h>
#include <stdbool.h>

#include "drivers/wheel.h"
#include "lua/handle.h"
#include "lua/party.h"

struct art_branch;
struct art_case;
struct art_lua_task;
struct art_selection;

/* One of those that a select waits for. */
struct art_item {
  const struct art_case *is; /* NULL: it is switched off */
  void *handle;
  int i; /* where on the stack */
};

struct art_case {
  enum art_kind_index kind; /* of the handle; that of tasks is for supervised ones, too */

  /* Raises what is wrong with it for this task. NULL: nothing can be. */
  void (*check)(lua_State *L, int i, struct art_lua_task *t, bool listed);

  /* Could 'take' answer? Changes nothing. */
  bool (*is_ready)(lua_State *L, const struct art_item *it, struct art_lua_task *t);
  bool unsure; /* and only 'take' and 'wait' can tell: it is not looked at again before the wait */

  /* [-0, +n, m] Answers as the case's own call would, without waiting. -1: it cannot after all. Whatever raises has taken
  ** nothing, unless it is the answer. */
  int (*take)(lua_State *L, int i, struct art_lua_task *t);

  /* [-0, +1, m] Before the wait: pushes what that needs. NULL: nothing. */
  void (*prepare)(lua_State *L, int i);

  /* Begins to wait for what is to wake the branch. True: it need not, 'give' has an answer. */
  bool (*wait)(lua_State *L, struct art_branch *b);

  /* After a hint: has it come? NULL: no hint is about it. */
  bool (*look)(struct art_branch *b, struct art_lua_task *t);

  /* Lets go of what it holds. */
  void (*leave)(struct art_branch *b);

  /* [-0, +n, m] What it gave when it was chosen; values that were handed over are on top already. NULL: as take. */
  int (*give)(lua_State *L, int i, struct art_branch *b);
};

/* One place to wait in. */
struct art_branch {
  struct art_item item;
  struct art_selection *of;
  struct art_waker waker; /* chooses it; 'wait' may put another one here */
  struct art_party party; /* in somebody's list */
  struct art_timer timer; /* on the wheel */
  void *held;             /* what 'leave' is to let go of; NULL: nothing */
  int error;              /* -errno that kept it from waiting */
  int place;              /* on the stack: what 'prepare' pushed */
};

/* On the stack above the n cases and what they needed; what is received comes on top of it. */
struct art_selection {
  struct art_lua_task *task;
  int n;
  int place;  /* its own */
  int chosen; /* 0: it still waits */
  struct art_branch branch[];
};

/* What the branch waits for has come, and took effect: the task leaves the other ones, and is woken. */
void art_branch_choose(struct art_branch *b);

/* [-0, +0, m] Raises an error about the i-th argument, or item of the list. */
void art_bad_case(lua_State *L, int i, bool listed, const char *problem);

/* The error on top is the i-th case's. */
void art_name_case(lua_State *L, int i);

/* Those of tasks, channels and time; those of streams and listeners. */
#define ART_LOCAL_CASES 8
#define ART_SOCKET_CASES 2
extern const struct art_case art_local_cases[ART_LOCAL_CASES];
extern const struct art_case art_socket_cases[ART_SOCKET_CASES];

#endif
