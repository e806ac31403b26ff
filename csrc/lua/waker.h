/* Wakers and park. */
#ifndef ART_LUA_WAKER_H
#define ART_LUA_WAKER_H

#include <lauxlib.h>

struct art_lua_task;

/* Whose waker is at 'index'. */
struct art_lua_task *art_waker_task(lua_State *L, int index);

extern const struct art_kind art_waker_kind;
extern const luaL_Reg art_waker_functions[]; /* waker, park */
extern const luaL_Reg art_waker_methods[];
extern const luaL_Reg art_waker_metamethods[];

#endif
