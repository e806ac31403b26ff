/* Semaphore: a number of permits. */
#ifndef ART_LUA_SEMAPHORE_H
#define ART_LUA_SEMAPHORE_H

#include <lauxlib.h>

extern const struct art_kind art_semaphore_kind;
extern const luaL_Reg art_semaphore_functions[]; /* semaphore */
extern const luaL_Reg art_semaphore_methods[];
extern const luaL_Reg art_semaphore_metamethods[];

#endif
