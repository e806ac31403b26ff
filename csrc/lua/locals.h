/* Locals: a table per task. A child starts with its spawner's; the record {shared =, values =} is common to both until
** one of them writes. */
#ifndef ART_LUA_LOCALS_H
#define ART_LUA_LOCALS_H

#include <lauxlib.h>
#include <lua.h>

struct art_lua_task;

#define ART_LOCALS_NAME "asyncrt.locals"

/* [-0, +0, m] The child, whose handle is at 'index', shares its spawner's record from now on. */
void art_locals_inherit(lua_State *L, const struct art_lua_task *parent, struct art_lua_task *child,
                        int index);

extern const luaL_Reg art_locals_metamethods[]; /* of the tables that scripts see */

/* async.locals() */
int art_locals(lua_State *L);

#endif
