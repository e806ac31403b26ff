/* asyncrt in a Lua state, for C hosts. */
#ifndef ASYNCRT_LUA_H
#define ASYNCRT_LUA_H

#include <lua.h>

/* The module asyncrt.core, for package.preload or luaL_requiref. */
__attribute__((visibility("default"))) int luaopen_asyncrt_core(lua_State *L);

#endif
