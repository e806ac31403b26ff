/* Cycles: tasks that wait for each other, by mutexes, joins and scopes whose children have to end, so that none of them can
** ever go on. The task that would close one is told instead of waiting, also while others go on.
**
** False alarms are worse than late ones. A wait that a timeout will cut short does not count, nor one in a race; nor do
** locks whose guards anybody may release. What is not told here is told when nothing else can go on: see run.c. */
#ifndef ART_LUA_CYCLE_H
#define ART_LUA_CYCLE_H

#include <lua.h>
#include <stdbool.h>

struct art_lua_task;
struct art_scope;

/* A wait that is about to begin. */
struct art_closing {
  const struct art_lua_task *t; /* the running task */
  const struct art_lua_task
      *first; /* for whom it would wait: to unlock something or, with 'ends', to end. NULL: */
  struct art_scope *children; /* for all of its to end */
  bool ends;
  bool forced; /* nothing can cut the wait short */
};

/* [-0, +0, m] Raises if the wait would close a cycle. The handle that it waits with is at 'handle'. */
void art_check_no_cycle(lua_State *L, const struct art_closing *c, int handle);

/* [-0, +(0|1), -] The running task is about to wait for the children of 's'. True, and the error that says so: they can never
** end, for one of them waits for it. */
bool art_ends_in_cycle(lua_State *L, const struct art_lua_task *t, struct art_scope *s);

/* For the uservalue of that name. */
int art_note_cycle(lua_State *L);

#endif
