/* Calls that pre-emption has to do with: critical functions, which are not pre-empted, and xpcall, whose handlers could
** not be. */
#ifndef ART_LUA_PROTECT_H
#define ART_LUA_PROTECT_H

#include <lauxlib.h>
#include <lua.h>

/* [-0, +0, m] Puts our xpcall in the place of Lua's, if there is one; what that was goes into the table on top. The state's
** userdata is at 'state'. */
void art_protect_install(lua_State *L, int state);

extern const luaL_Reg art_protect_functions[];

#endif
