/* Runtimes as handles: made, closed, collected. */
#ifndef ART_LUA_RUNTIME_H
#define ART_LUA_RUNTIME_H

#include <lauxlib.h>
#include <stdint.h>

#include "lua/state.h"

#define ART_CLOSE_GRACE_NS (5 * 1000000000ull)

extern const luaL_Reg art_runtime_functions[]; /* runtime */
extern const luaL_Reg art_runtime_methods[];
extern const luaL_Reg art_runtime_metamethods[];

/* [-0, +1, m] A new runtime with the options in the table at 'options' (0: none). Raises on bad options, on what the
** system refuses, and without memory. */
struct art_lua_runtime *art_new_runtime(lua_State *L, int options, const char *function);

/* [-0, +0, m] Cancels everything, drives turns until all has ended or the grace is over, ends by force what is left,
** frees. Nothing if it is closed. */
void art_close_runtime(lua_State *L, struct art_lua_runtime *rt, int index, uint64_t grace_ns);

#endif
