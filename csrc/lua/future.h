/* Futures: one result that somebody sets and any number of tasks wait for. */
#ifndef ART_LUA_FUTURE_H
#define ART_LUA_FUTURE_H

#include <lauxlib.h>
#include <stdbool.h>

struct art_waitlist;

/* The future is a handle that was checked. */
bool art_future_is_set(const void *future);

/* Who waits until it is set. */
struct art_waitlist *art_future_waiters(void *future);

/* [-0, +n, m] The values of a future that is set; -1: its error, for art_rethrow. */
int art_future_push(lua_State *L, int index);

extern const struct art_kind art_future_kind;
extern const luaL_Reg art_future_functions[]; /* future */
extern const luaL_Reg art_future_methods[];
extern const luaL_Reg art_future_metamethods[];

#endif
