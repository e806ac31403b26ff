/* Futures: one result that somebody sets and any number of tasks wait for. */
#ifndef ART_LUA_FUTURE_H
#define ART_LUA_FUTURE_H

#include <lauxlib.h>

extern const char *const art_future_name;
extern const luaL_Reg art_future_functions[]; /* future */
extern const luaL_Reg art_future_methods[];
extern const luaL_Reg art_future_metamethods[];

#endif
