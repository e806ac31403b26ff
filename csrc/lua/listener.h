/* Listeners. */
#ifndef ART_LUA_LISTENER_H
#define ART_LUA_LISTENER_H

#include <lauxlib.h>

extern const struct art_kind art_listener_kind;

extern const luaL_Reg art_listener_functions[]; /* listen */
extern const luaL_Reg art_listener_methods[];
extern const luaL_Reg art_listener_metamethods[];

#endif
