/* Listeners. */
#ifndef ART_LUA_LISTENER_H
#define ART_LUA_LISTENER_H

#include <lauxlib.h>

#define ART_LISTENER_NAME "asyncrt.listener"

extern const luaL_Reg art_listener_functions[]; /* listen */
extern const luaL_Reg art_listener_methods[];
extern const luaL_Reg art_listener_metamethods[];

#endif
