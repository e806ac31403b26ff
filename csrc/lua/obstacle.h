/* Obstacle: the C function that calls Lua in a way that Lua cannot yield across. Looked for only when that is to be said. */
#ifndef ART_LUA_OBSTACLE_H
#define ART_LUA_OBSTACLE_H

#include <lua.h>

struct art_lua_task;

/* [-0, +1, m] What is in the way of a suspension of 't', whose code runs in 'L': "'table.sort'" or so. */
void art_push_obstacle(lua_State *L, const struct art_lua_task *t);

#endif
