/* Time, and the calls of a task about itself. */
#ifndef ART_LUA_TIME_H
#define ART_LUA_TIME_H

#include <lauxlib.h>

extern const luaL_Reg
    art_time_functions[]; /* sleep, sleep_until, yield, now, current, cancelling, locals */

#endif
