/* Condition: tasks wait until somebody notifies them, and hands them values. */
#ifndef ART_LUA_CONDITION_H
#define ART_LUA_CONDITION_H

#include <lauxlib.h>

extern const struct art_kind art_condition_kind;
extern const luaL_Reg art_condition_functions[]; /* condition */
extern const luaL_Reg art_condition_methods[];
extern const luaL_Reg art_condition_metamethods[];

#endif
