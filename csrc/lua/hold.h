/* Holds of a virtual clock: while there is one it does not jump. For tests whose peers are outside of the runtime. */
#ifndef ART_LUA_HOLD_H
#define ART_LUA_HOLD_H

#include <lauxlib.h>

#include "lua/handle.h"

struct art_lua_runtime;

extern const struct art_kind art_hold_kind;

/* [-0, +0, -] The runtime is going; its anchors are at 'anchors', 0: they go with it. */
void art_hold_end_all(lua_State *L, struct art_lua_runtime *rt, int anchors);

extern const luaL_Reg art_hold_functions[]; /* clock_hold */
extern const luaL_Reg art_hold_methods[];
extern const luaL_Reg art_hold_metamethods[];

#endif
