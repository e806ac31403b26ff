/* Boundaries: functions that run a function in a scope of its own. */
#ifndef ART_LUA_BOUNDARY_H
#define ART_LUA_BOUNDARY_H

#include <lauxlib.h>
#include <stdint.h>

#include "lua/scope.h"

extern const luaL_Reg art_boundary_functions[]; /* shield, timeout, try_timeout */

/* Tail call of a Lua function: runs the function and arguments that are all that is on the stack in the scope that was
** just opened, waits for its children, ends it and gives what the kind of scope gives. */
int art_run_in(lua_State *L, struct art_scope *s);

/* The same in a new scope that expires after that time; a checkpoint. What is at 1 is not used any more, and function and
** arguments are above it. */
int art_run_within(lua_State *L, enum art_scope_kind kind, uint64_t delay_ns, const char *name);

#endif
