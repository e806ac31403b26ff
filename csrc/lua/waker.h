/* Wakers and park. */
#ifndef ART_LUA_WAKER_H
#define ART_LUA_WAKER_H

#include <lauxlib.h>

extern const char *const art_waker_name;
extern const luaL_Reg art_waker_functions[]; /* waker, park */
extern const luaL_Reg art_waker_methods[];
extern const luaL_Reg art_waker_metamethods[];

#endif
