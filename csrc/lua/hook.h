/* Raising in a coroutine that has stopped. Only it itself can raise: it gets a debug hook that does so at its next
** instruction. */
#ifndef ART_LUA_HOOK_H
#define ART_LUA_HOOK_H

#include <lua.h>
#include <stdbool.h>

enum art_raise {
  ART_YIELD_IN_TASK, /* a plain yield that no coroutine of the task's takes */
  ART_YIELD_IN_SCOPE /* one out of a coroutine that has a scope, timeout or shield open */
};

/* False: somebody else, a debugger perhaps, has the hook. */
bool art_raise_next(lua_State *co, enum art_raise what);

/* It need not any more. */
void art_raise_never(lua_State *co);

#endif
