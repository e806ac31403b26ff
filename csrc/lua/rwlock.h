/* Rwlock: many may read at a time, one may write. */
#ifndef ART_LUA_RWLOCK_H
#define ART_LUA_RWLOCK_H

#include <lauxlib.h>

extern const struct art_kind art_rwlock_kind;
extern const luaL_Reg art_rwlock_functions[]; /* rwlock */
extern const luaL_Reg art_rwlock_methods[];
extern const luaL_Reg art_rwlock_metamethods[];

#endif
