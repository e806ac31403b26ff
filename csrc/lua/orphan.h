/* Orphans: what a runtime that is collected, and was never closed, leaves in the hands of scripts. */
#ifndef ART_LUA_ORPHAN_H
#define ART_LUA_ORPHAN_H

#include <lua.h>

struct art_lua_runtime;

/* [-0, +0, -] Ends every task and scope of the runtime without running any Lua; the handles that are left are those of
** cancelled tasks and ended scopes. Whoever awaits one in another runtime is woken. The anchor table is at 'anchors'. */
void art_orphan_all(lua_State *L, struct art_lua_runtime *rt, int anchors);

#endif
