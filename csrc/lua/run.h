/* run: a main function, until it and all it started have ended. */
#ifndef ART_LUA_RUN_H
#define ART_LUA_RUN_H

#include <lauxlib.h>

struct art_lua_runtime;

extern const luaL_Reg art_run_functions[]; /* run */
extern const luaL_Reg art_run_methods[];   /* of runtimes: run */

/* For the uservalue of that name. */
int art_spawn_main(lua_State *L);

#endif
