/* Mutex: one task at a time, in the order of asking. Whoever unlocks hands it to the next directly. */
#ifndef ART_LUA_MUTEX_H
#define ART_LUA_MUTEX_H

#include <lauxlib.h>

struct art_lua_task;

extern const char *const art_mutex_name;
extern const luaL_Reg art_mutex_functions[]; /* mutex */
extern const luaL_Reg art_mutex_methods[];
extern const luaL_Reg art_mutex_metamethods[];

/* The task has ended: whoever waits for a mutex that it has not unlocked learns that it is broken. */
void art_mutex_owner_ended(struct art_lua_task *t);

#endif
