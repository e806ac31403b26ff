/* Anchors: a runtime's table of Lua values that C refers to by slot. Slots are recycled; a free one holds false, so that
** filling it again allocates nothing. At 0 is a second table, with weak values, for what is only to be found again. */
#ifndef ART_LUA_ANCHORS_H
#define ART_LUA_ANCHORS_H

#include <lua.h>
#include <stdint.h>

struct art_lua_runtime;

/* [-1, +0, m] Anchors the value on top in the table at 'anchors'. Raises with nothing taken and the value popped. */
uint32_t art_anchor(lua_State *L, struct art_lua_runtime *rt, int anchors);

/* The slot that the next art_anchor will take. */
uint32_t art_next_slot(const struct art_lua_runtime *rt);

/* [-0, +0, -] */
void art_unanchor(lua_State *L, struct art_lua_runtime *rt, int anchors, uint32_t slot);

#endif
