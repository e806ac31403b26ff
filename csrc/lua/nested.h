/* A task's own coroutines. coroutine.resume, wrap, close, status and running do what Lua's do; where a coroutine that a
** task resumed awaits, they pass the wait on to the task, and nobody else can resume what waits. */
#ifndef ART_LUA_NESTED_H
#define ART_LUA_NESTED_H

#include <lauxlib.h>
#include <lua.h>

/* [-0, +1, m] Puts them into Lua's own table, if there is one, and pushes a table of what they were. The state's userdata is
** at 'state'. */
void art_nested_install(lua_State *L, int state);

/* The coroutine that 'co' has resumed by one of them and that has not come back, or NULL. Needs memory only where a stack
** has no room for a single value; then NULL. */
lua_State *art_nested_in(lua_State *co);

/* Closes the variables of 'co' and leaves it dead, as coroutine.close does. The status; an error is on top of 'co'. */
int art_reset_thread(lua_State *L, lua_State *co);

#endif
