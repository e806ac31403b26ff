/* Semaphore: a number of permits. */
#ifndef ART_LUA_SEMAPHORE_H
#define ART_LUA_SEMAPHORE_H

#include <lauxlib.h>

extern const char *const art_semaphore_name;
extern const luaL_Reg art_semaphore_functions[]; /* semaphore */
extern const luaL_Reg art_semaphore_methods[];
extern const luaL_Reg art_semaphore_metamethods[];

#endif
