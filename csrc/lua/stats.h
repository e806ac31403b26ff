/* What a runtime has to do, in numbers. */
#ifndef ART_LUA_STATS_H
#define ART_LUA_STATS_H

#include <lauxlib.h>

extern const luaL_Reg art_stats_functions[]; /* stats */
extern const luaL_Reg art_stats_methods[];   /* of runtimes: stats */

#endif
