/* All the ways in which a task comes to be. */
#ifndef ART_LUA_SPAWN_H
#define ART_LUA_SPAWN_H

#include <lauxlib.h>

/* What is above the function are arguments of a task: raises if they are too many, and makes room for the spawn. */
void art_check_task_args(lua_State *L, int fn, const char *function);

extern const luaL_Reg art_spawn_functions[];       /* spawn, spawn_with, try_spawn, detach */
extern const luaL_Reg art_scope_spawn_methods[];   /* of scopes */
extern const luaL_Reg art_runtime_spawn_methods[]; /* of runtimes */

#endif
