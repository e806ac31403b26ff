/* Finalisers: whether Lua calls one, for scripts can call __gc too. */
#ifndef ART_LUA_FINALISER_H
#define ART_LUA_FINALISER_H

#include <lua.h>
#include <stdbool.h>

/* Does Lua call the running function as a finaliser? Scripts can call metamethods, but not by that name and in that way. */
bool art_is_finaliser(lua_State *L);

/* Is a finaliser among those who are running? */
bool art_is_finalising(lua_State *L);

#endif
