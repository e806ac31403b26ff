/* Condition: tasks wait until somebody notifies them, and hands them values. */
#ifndef ART_LUA_CONDITION_H
#define ART_LUA_CONDITION_H

#include <lauxlib.h>

extern const char *const art_condition_name;
extern const luaL_Reg art_condition_functions[]; /* condition */
extern const luaL_Reg art_condition_methods[];
extern const luaL_Reg art_condition_metamethods[];

#endif
