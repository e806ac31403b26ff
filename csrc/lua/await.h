/* Tasks as handles. */
#ifndef ART_LUA_AWAIT_H
#define ART_LUA_AWAIT_H

#include <lauxlib.h>
#include <stdbool.h>

struct art_lua_task;

extern const luaL_Reg art_task_methods[];

extern const luaL_Reg art_supervised_metamethods[]; /* of supervised tasks, besides */

/* Does the task wait for the end of another, parking.in.task? */
bool art_waits_for_task(const struct art_lua_task *t);

/* Raises if the target is 't' itself, or one whose end waits for that of 't'. */
int art_check_not_above(lua_State *L, struct art_lua_task *t, struct art_lua_task *target);

#endif
