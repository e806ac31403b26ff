/* Connecting: to one address, and the addresses of a name. */
#ifndef ART_LUA_CONNECT_H
#define ART_LUA_CONNECT_H

#include <lauxlib.h>

extern const struct art_kind art_lookup_kind;

extern const luaL_Reg art_connect_functions[]; /* connect */
extern const luaL_Reg art_resolve_functions[]; /* is_address, resolve */
extern const luaL_Reg art_lookup_metamethods[];

#endif
