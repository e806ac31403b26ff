/* Semaphore: a number of permits, and guards that give them back. A rwlock is one with as many permits as there can be, of
** which a reader takes one and a writer all. */
#ifndef ART_LUA_SEMAPHORE_H
#define ART_LUA_SEMAPHORE_H

#include <lauxlib.h>

extern const char *const art_semaphore_name;
extern const char *const art_guard_name;
extern const luaL_Reg art_semaphore_functions[]; /* semaphore */
extern const luaL_Reg art_semaphore_methods[];
extern const luaL_Reg art_semaphore_metamethods[];
extern const luaL_Reg art_guard_methods[];
extern const luaL_Reg art_guard_metamethods[];

#endif
