/* Tasks as people see them. */
#ifndef ART_LUA_VIEW_H
#define ART_LUA_VIEW_H

#include <lauxlib.h>

#include "lua/task.h"

extern const luaL_Reg art_view_functions
    []; /* wait_of, frames_of, frames, task_name, facts, scopes_of: for the Lua layer */
extern const luaL_Reg art_view_methods[]; /* of tasks: status, id, name, waiting_on, traceback */
extern const luaL_Reg art_view_metamethods[]; /* of tasks: __tostring */

/* Does it wait, not having been woken yet? */
static inline bool art_is_waiting(const struct art_lua_task *t) {
  return t->outcome == ART_OPEN && t->wait != NULL && t->core.state == ART_TASK_PARKED;
}

/* [-0, +1, m] The handle that a waiting task waits with, nil if there is none. */
void art_push_waited_handle(lua_State *L, const struct art_lua_task *t);

/* [-0, +1, m] Where its code is, a line each: in the coroutine that was entered last first, in its own last. Of the
** coroutine that asks, from that level on. */
void art_push_all_frames(lua_State *L, const struct art_lua_task *t, int level);

#endif
