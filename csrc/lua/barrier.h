/* Barrier: nobody goes on until so many have come. */
#ifndef ART_LUA_BARRIER_H
#define ART_LUA_BARRIER_H

#include <lauxlib.h>

extern const struct art_kind art_barrier_kind;
extern const luaL_Reg art_barrier_functions[]; /* barrier */
extern const luaL_Reg art_barrier_methods[];
extern const luaL_Reg art_barrier_metamethods[];

#endif
