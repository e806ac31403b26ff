/* A host's own loop: tick, advance, fileno, now. */
#ifndef ART_LUA_HOST_H
#define ART_LUA_HOST_H

#include <lauxlib.h>

extern const luaL_Reg art_host_methods[];

#endif
