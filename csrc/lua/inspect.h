/* What the Lua layer needs to tell about tasks and errors. */
#ifndef ART_LUA_INSPECT_H
#define ART_LUA_INSPECT_H

#include <lauxlib.h>

extern const luaL_Reg art_inspect_functions
    []; /* live, counts, runtimes, story, words, hooks, new_error, is_error, type_name, spawn_site, checkpoint */

#endif
