/* asyncrt's own errors: tables with a kind, so that nothing prefixes them and scripts can tell them apart. Unless it says so,
** the caller is a function that has upvalue 1. */
#ifndef ART_LUA_ERROR_H
#define ART_LUA_ERROR_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct art_cancel;
struct art_lua_task;

/* [-0, +1, m] {kind =, message =} */
void art_push_error(lua_State *L, const char *kind, const char *format, ...);

/* As luaL_checkstack, but tells a lack of memory from a stack overflow. */
void art_check_stack(lua_State *L, int n, const char *what);

/* Raises what Lua itself raises when memory runs out. */
int art_no_memory(lua_State *L);

/* Is that what the value on top says? */
bool art_says_no_memory(lua_State *L);

/* Raises the cancel that reaches 't' now. */
int art_raise_cancelled(lua_State *L, struct art_lua_task *t);

/* Raises nil, message and code, which are on top, as an error of kind "io". */
int art_raise_io(lua_State *L);

/* [-0, +1, m] What who awaits the cancelled task at 'index' gets. */
void art_push_task_cancelled(lua_State *L, struct art_lua_task *t, int index);

/* [-0, +1, -] The reason of a cancel, nil if it has none; the anchor table is at 'anchors'. */
void art_push_reason(lua_State *L, const struct art_cancel *cancel, int anchors);

/* [-0, +0, m] The value at 2 will be the reason of the cancel of the task or scope whose handle is at 1. */
void art_keep_reason(lua_State *L);

/* Is the value at 'index' an error of ours? Works without upvalue. */
bool art_is_error(lua_State *L, int index);

/* The id of the scope or task whose cancel unwinds with the value at 'index'; 0 if it is no such error. */
uint64_t art_cancel_id(lua_State *L, int index);

/* [-0, +1, m] The metatable of errors; takes the struct art_lua userdata at 'state' as upvalue. */
void art_new_error_meta(lua_State *L, int state);

#endif
