/* What tasks cost. Their polls are counted always, by the loop that polls; their time only while somebody profiles: then
** every poll reads a clock. The times are beside the tasks, by anchor slot, so that they take no room until then. */
#ifndef ART_LUA_USAGE_H
#define ART_LUA_USAGE_H

#include <lauxlib.h>

#include "lua/task.h"

extern const luaL_Reg art_usage_functions[]; /* profile, busy_seconds */
extern const luaL_Reg art_usage_methods[];   /* of tasks: usage */

/* Makes room for that many slots, if somebody profiles. False: no memory. */
bool art_usage_reserve(struct art_lua_runtime *rt, uint32_t slots);

void art_usage_free(struct art_lua_runtime *rt);

/* Tasks that are spawned or polled from here on note this moment. A rough clock: it is read in every turn. */
static inline void art_usage_turn(struct art_lua_runtime *rt) {
  rt->turn_s = (float)art_clock_recent(&rt->core->clock) * 1e-9f;
}

/* The task of that slot has cost nothing yet. */
static inline void art_usage_begin(struct art_lua_runtime *rt, uint32_t slot) {
  if (rt->busy_ns != NULL) rt->busy_ns[slot] = 0;
}

/* The task ends, inside its last poll or outside of one: what it has cost is its parent's from here on (NULL: nobody's). */
void art_usage_end(struct art_lua_task *t, struct art_lua_task *parent);

/* A poll of that task is over, and the next one begins. */
void art_usage_polled(struct art_lua_runtime *rt, const struct art_lua_task *t);

#endif
