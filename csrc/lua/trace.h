/* Traces: where an error was thrown and through which tasks it went. Taken at the throw by a walk that copies
** functions and lines only; put into words when somebody asks. */
#ifndef ART_LUA_TRACE_H
#define ART_LUA_TRACE_H

#include <lua.h>

struct art_lua_task;

/* The message handler: upvalue 1, error in, the same error out. */
int art_trace_handler(lua_State *L);

/* The same for a call that catches the error. */
int art_trace_only(lua_State *L);

/* [-0, +0, m] The error on top is new, and about the running task: its trace begins with what that is doing. */
void art_trace_here(lua_State *L);

/* Raises the error on top, which is on its way already: its trace goes on instead of starting anew. */
int art_rethrow(lua_State *L);

/* [-0, +1, m] The trace of the error on top, with the frames of the coroutine that it has ended. */
void art_trace_coroutine(lua_State *L, lua_State *co);

/* [-1, +0, m] The trace on top is that of the error below it. */
void art_trace_keep(lua_State *L);

/* [-0, +1, m] The value at 'index' as text, whatever its __tostring does. */
void art_push_words(lua_State *L, int index);

/* [-0, +1, m] The story of the error at 'index', nil if there is none. Returns 1. */
int art_push_story(lua_State *L, int index);

/* [-0, +0, -] The task, whose handle is on top, was spawned by the Lua function that called us, maybe through pcall, and
** there. Costs 40 ns, cannot be had later. */
void art_note_spawner(lua_State *L, struct art_lua_task *t);

/* [-0, +1, m] task 4 'name'; the handle is at 'index'. */
void art_push_task_name(lua_State *L, const struct art_lua_task *t, int index);

/* [-0, +1, m] file:line of the spawn; the handle is at 'index'. */
void art_push_spawn_site(lua_State *L, const struct art_lua_task *t, int index);

/* [-0, +1, m] The frames of 'of' from 'level' on, a line each, as text; "" if there are none. */
void art_push_frames(lua_State *L, lua_State *of, int level);

#endif
