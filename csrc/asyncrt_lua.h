/* asyncrt in a Lua state, for C hosts. */
#ifndef ASYNCRT_LUA_H
#define ASYNCRT_LUA_H

#include <lua.h>

#include "asyncrt.h"

/* The module asyncrt.core, for package.preload or luaL_requiref. */
__attribute__((visibility("default"))) int luaopen_asyncrt_core(lua_State *L);

/* [-0, +0, -] The config that runtimes made by scripts of this state start from: clock, seed, driver and allocator, where
** their options leave them open. Call it on the state's thread once the module is loaded (-ENOENT before); runtimes that
** exist keep theirs. The config is copied; its driver and what its allocator needs must outlive the state. NULL is all
** defaults. For hosts that link the module statically. */
int art_lua_set_defaults(lua_State *L, const struct art_config *config);

#endif
