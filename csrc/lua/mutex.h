/* Mutex: one task at a time, in the order of asking. Whoever unlocks hands it to the next directly. */
#ifndef ART_LUA_MUTEX_H
#define ART_LUA_MUTEX_H

#include <lauxlib.h>
#include <stdbool.h>

struct art_kind;
struct art_lua_task;

extern const struct art_kind art_mutex_kind;
extern const luaL_Reg art_mutex_functions[]; /* mutex */
extern const luaL_Reg art_mutex_methods[];
extern const luaL_Reg art_mutex_metamethods[];

/* For conditions, which unlock one and lock it again. The handle is at 'index'. */
enum art_mutex_answer { ART_MUTEX_OWNED, ART_MUTEX_WAITS, ART_MUTEX_BROKEN };

/* Has the caller locked it? */
bool art_mutex_is_callers(lua_State *L, int index);

/* [-0, +0, -] By who has locked it: to the next who waits. */
void art_mutex_release(lua_State *L, int index);

/* [-0, +0, m] The running task takes it, or waits in its queue: park with art_mutex_abort, then look. Raises if it would
** wait for ever; 'forced' says that nothing would cut the wait short. */
enum art_mutex_answer art_mutex_ask(lua_State *L, struct art_lua_task *t, int index, bool forced);
/* [-0, +0, -] */
enum art_mutex_answer art_mutex_look(lua_State *L, struct art_lua_task *t, int index);
void art_mutex_abort(struct art_lua_task *t);

/* Of a task that waits in the queue: who has locked it; NULL: who did was in no task. */
struct art_lua_task *art_mutex_waited_owner(const struct art_lua_task *t);

int art_mutex_raise_broken(lua_State *L);

/* The task has ended: whoever waits for a mutex that it has not unlocked learns that it is broken. */
void art_mutex_owner_ended(struct art_lua_task *t);

#endif
