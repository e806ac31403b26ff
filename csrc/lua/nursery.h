/* async.scope: the function form and the block form, and the handle of both. */
#ifndef ART_LUA_NURSERY_H
#define ART_LUA_NURSERY_H

#include <lauxlib.h>

extern const luaL_Reg art_scope_functions[]; /* scope */
extern const luaL_Reg art_scope_methods[];   /* cancel, close */
extern const luaL_Reg art_scope_metamethods[];

#endif
