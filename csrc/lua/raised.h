/* What a boundary's body raised. On its way out an error runs handlers of <close>; where a cancel cuts one of them, Lua
** goes on with the cancel and forgets the error. Here it is kept, so that a foreign error always wins. */
#ifndef ART_LUA_RAISED_H
#define ART_LUA_RAISED_H

#include <lua.h>
#include <stdint.h>

struct art_lua_task;

/* [-0, +0, m] From the message handler: the error at 1 will leave the innermost boundary of 't'. Nothing inside it catches
** the error, or that one's handler would run; but see art_trace_handler. */
void art_raised_note(lua_State *L, struct art_lua_task *t);

/* [-0, +0, -] The error on top has left the boundary (scope or task) with that id: a cancel gives way to what was on
** its way before it. */
void art_raised_restore(lua_State *L, struct art_lua_task *t, uint64_t boundary);

/* [-0, +0, -] The boundary with that id has ended without an error. */
void art_raised_forget(lua_State *L, struct art_lua_task *t, uint64_t boundary);

#endif
