/* Select: waits in several places at once. The first of them that has something takes the task out of the others in the
** same moment, so exactly one takes effect and nothing is left of the rest. */
#ifndef ART_LUA_SELECT_H
#define ART_LUA_SELECT_H

#include <lauxlib.h>
#include <stdbool.h>

struct art_lua_task;

/* Does it wait in one? */
bool art_waits_in_select(const struct art_lua_task *t);

extern const luaL_Reg art_select_functions[]; /* select */

#endif
