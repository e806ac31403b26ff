/* run: a main function, until it and all it started have ended. */
#ifndef ART_LUA_RUN_H
#define ART_LUA_RUN_H

#include <lauxlib.h>

struct art_lua_runtime;

extern const luaL_Reg art_run_functions[]; /* run */
extern const luaL_Reg art_run_methods[];   /* of runtimes: run */

/* [-0, +n, m] Runs the function at 'main', with what is above it as arguments, as a task of the runtime at 'index'. The
** number of results, or -1 with the error on top. */
int art_run(lua_State *L, struct art_lua_runtime *rt, int index, int main, const char *function);

/* For the uservalue of that name. */
int art_spawn_main(lua_State *L);

#endif
