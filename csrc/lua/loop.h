/* The loop: how a host drives a runtime. Between enter and leave Lua is entered protected only: nothing raises. */
#ifndef ART_LUA_LOOP_H
#define ART_LUA_LOOP_H

#include <lua.h>

#include "lua/state.h"

/* [-0, +4, m] The loop of 'rt', whose userdata is at 'index', is this coroutine's from now on. Raises if it is closed,
** forked or running, or if another one runs on this state. */
void art_loop_enter(lua_State *L, struct art_lua_runtime *rt, int index, const char *function);

/* Stack as it was before art_loop_enter. */
void art_loop_leave(lua_State *L, struct art_lua_runtime *rt);

/* [-0, +1, -] A function of the Lua layer, false if it has none of that name. Names are kept alive, so that this allocates
** nothing. */
void art_push_hook(lua_State *L, const char *name);
extern const char *const art_hook_names[];

/* [-1, +0, -] The handler of that name, on_error or on_slow, failed with the error on top while it was told of the one at
** 'original'. Both go to stderr. */
void art_tell_of_handler(lua_State *L, const char *handler, int original);

/* Hands what nobody has taken to on_error. */
void art_loop_report(struct art_lua_runtime *rt);

/* One turn and its reports. An enum art_turn or -EINTR. */
int art_loop_turn(struct art_lua_runtime *rt);

/* A full collection: finalisers that are due run. */
void art_loop_collect(struct art_lua_runtime *rt);

/* Ends by force every task that belongs to 's' or below it, deepest first; on_error learns of each. */
void art_loop_kill(struct art_lua_runtime *rt, struct art_scope *s);

/* [-0, +0, -] on_error will learn of a task that ended because it did not do so by itself. */
void art_loop_name_killed(struct art_lua_runtime *rt, struct art_lua_task *t);

/* For the uservalue of that name. */
int art_note_killed(lua_State *L);

#endif
