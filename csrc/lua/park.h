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

/* Puts the running task behind the others; as art_park. */
int art_yield(lua_State *L, struct art_lua_task *t, lua_KFunction k, lua_KContext ctx);

/* The same in a debug hook, which returns right after. */
void art_yield_in_hook(lua_State *L, struct art_lua_task *t);

/* Parks until every child of 's' has ended. Cannot be aborted: what cancels the waiter cancels the children. */
int art_park_for_children(lua_State *L, struct art_lua_task *t, lua_KFunction k, lua_KContext ctx);

/* Is that what it does? */
bool art_waits_for_children(const struct art_lua_task *t);

#endif
