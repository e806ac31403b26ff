/* Park: where a Lua coroutine becomes a future. The one lua_resume that polls tasks, the one lua_yieldk that parks them,
** and the coroutines they run on. */
#ifndef ART_LUA_PARK_H
#define ART_LUA_PARK_H

#include "lua/task.h"

extern const struct art_task_class art_lua_task_class;

/* Parks the running task until a wake; 'k' goes on (NULL: return no results to the caller). The waker was left with
** what it waits for. A wake is a hint: 'k' looks again, and parks again if it has to. */
int art_park(lua_State *L, struct art_lua_task *t, const struct art_wait *wait, lua_KFunction k,
             lua_KContext ctx);

/* In a continuation: was the wait cut short by a cancel? Then raise it. */
bool art_take_abort(struct art_lua_task *t);

/* Puts the running task behind the others, as its script wants; in a tick until the next one. Returns no results. */
int art_yield(lua_State *L, struct art_lua_task *t);

/* Puts it behind the others because art_executor_spend has said no; as art_park. 'wait' is what it holds, should it be
** killed meanwhile. */
int art_give_way(lua_State *L, struct art_lua_task *t, const struct art_wait *wait, lua_KFunction k,
                 lua_KContext ctx);

/* Gives way; then returns what is on top. */
int art_return_later(lua_State *L, struct art_lua_task *t, int results);

/* The end of a call that did not have to wait, with its results on top: it has taken effect, and now and then others run
** before it returns. So nothing comes between what a task looks at and what it then does, but time does pass in calls. */
static inline int art_return(lua_State *L, struct art_lua_task *t, int results) {
  return art_executor_spend(t->core.executor) ? results : art_return_later(L, t, results);
}

/* The same in a debug hook, which returns right after. */
void art_yield_in_hook(lua_State *L, struct art_lua_task *t);

/* Parks until every child of 's' has ended. Cannot be aborted: what cancels the waiter cancels the children. */
int art_park_for_children(lua_State *L, struct art_lua_task *t, lua_KFunction k, lua_KContext ctx);

/* Is that what it does? */
bool art_waits_for_children(const struct art_lua_task *t);

#endif
