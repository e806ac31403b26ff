/* Connecting: to one address, and the addresses of a name. */
#ifndef ART_LUA_CONNECT_H
#define ART_LUA_CONNECT_H

#include <lauxlib.h>

#define ART_LOOKUP_NAME "asyncrt.lookup"

extern const luaL_Reg art_connect_functions[]; /* connect */
extern const luaL_Reg art_resolve_functions[]; /* is_address, resolve */
extern const luaL_Reg art_lookup_metamethods[];

#endif
