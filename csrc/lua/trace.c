#include "lua/trace.h"

#include <string.h>

#include "lua/error.h"
#include "lua/raised.h"
#include "lua/task.h"

#define MAX_FRAMES 16
#define MAX_TASKS 32 /* through which an error is followed */
#define LAST_STRING                                                                                \
  1 /* key of the trace of the last error that cannot be a weak key: {..., error =} */

/* A trace is a list of pairs: a function and the line in it, or false and a line of text. */
static void append(lua_State *L, int trace) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, trace);
  lua_rawseti(L, trace, n + 2);
  lua_rawseti(L, trace, n + 1);
}

/* The frames of 'of' from that level on. */
static void append_frames(lua_State *L, int trace, lua_State *of, int level) {
  lua_Debug ar;
  for (int last = level + MAX_FRAMES; level < last && lua_getstack(of, level, &ar); level++) {
    if (!lua_checkstack(of, 1)) return;
    lua_getinfo(of, "fl", &ar);
    if (lua_iscfunction(of, -1)) {
      lua_pop(of, 1);
      continue;
    }
    if (of != L) lua_xmove(of, L, 1);
    lua_pushinteger(L, ar.currentline);
    append(L, trace);
  }
}

static void append_task(lua_State *L, int trace, struct art_lua_task *t) {
  art_push_task(L, t);
  int handle = lua_gettop(L);
  lua_pushboolean(L, 0);
  art_push_task_name(L, t, handle);
  art_push_spawn_site(L, t, handle);
  lua_pushfstring(L, "in %s, spawned at %s", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
  append(L, trace);
  lua_settop(L, handle - 1);
  lua_pushinteger(L, (lua_Integer)t->cancel.id);
  lua_setfield(L, trace, "task");
}

/* [-0, +0, m] The field of the trace at 'trace', 0 if there is none. */
static lua_Integer get_number(lua_State *L, int trace, const char *field) {
  lua_getfield(L, trace, field);
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

static bool can_be_weak_key(lua_State *L, int index) {
  int type = lua_type(L, index);
  return type == LUA_TTABLE || type == LUA_TUSERDATA || type == LUA_TFUNCTION ||
         type == LUA_TTHREAD;
}

/* [-0, +1, m] The trace of the error at 1, nil if there is none; the table of traces is at 'traces'. */
static void find_trace(lua_State *L, int index, int traces) {
  if (can_be_weak_key(L, index)) {
    lua_pushvalue(L, index);
    lua_rawget(L, traces);
    return;
  }
  if (lua_rawgeti(L, traces, LAST_STRING) == LUA_TNIL) return;
  lua_getfield(L, -1, "error");
  bool same = lua_rawequal(L, -1, index);
  lua_pop(L, 1);
  if (same) return;
  lua_pop(L, 1);
  lua_pushnil(L);
}

/* [-0, +0, m] The trace on top is that of the error at 'index'. */
static void keep_trace(lua_State *L, int index, int traces) {
  if (can_be_weak_key(L, index)) {
    lua_pushvalue(L, index);
    lua_pushvalue(L, -2);
    lua_rawset(L, traces);
    return;
  }
  lua_pushvalue(L, index);
  lua_setfield(L, -2, "error");
  lua_pushvalue(L, -1);
  lua_rawseti(L, traces, LAST_STRING);
}

/* [-0, +1, m] A new trace, entered in the table. */
static void new_trace(lua_State *L, int index, int traces) {
  lua_createtable(L, 8, 2);
  keep_trace(L, index, traces);
}

/* Is the value at 1, raised anew, another error than the one with the trace at 3? A string may be. A table that has been
** through that many tasks is one that is raised again and again. */
static bool is_another(lua_State *L) {
  return !can_be_weak_key(L, 1) || get_number(L, 3, "tasks") >= MAX_TASKS;
}

static void go_through(lua_State *L, int trace, struct art_lua_task *t) {
  lua_Integer tasks = get_number(L, trace, "tasks");
  if (tasks >= MAX_TASKS) return;
  append_frames(L, trace, L, 1);
  append_task(L, trace, t);
  lua_pushinteger(L, tasks + 1);
  lua_setfield(L, trace, "tasks");
}

int art_trace_only(lua_State *L) {
  struct art_lua *state = art_lua_of(L);
  bool goes_on = state->rethrown;
  state->rethrown = false;
  lua_settop(L, 1);
  if (!lua_checkstack(L, 16)) return 1;
  art_push_value(L, ART_TRACES);
  find_trace(L, 1, 2);
  if (lua_isnil(L, 3) || (!goes_on && is_another(L))) {
    lua_settop(L, 2);
    new_trace(L, 1, 2);
  }
  struct art_lua_task *t = state->current;
  if (t != NULL && (uint64_t)get_number(L, 3, "task") != t->cancel.id) go_through(L, 3, t);
  lua_settop(L, 1);
  return 1;
}

/* load catches what its reader raises, and has that handled by the handler of whoever is around it. Lua cannot yield there,
** so no boundary lies between the two. */
static bool load_catches(lua_State *L, const struct art_lua *state) {
  lua_Debug ar;
  if (lua_isyieldable(L) || state->load == NULL) return false;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "f", &ar);
    bool is_load = lua_tocfunction(L, -1) == state->load;
    lua_pop(L, 1);
    if (is_load) return true;
  }
  return false;
}

int art_trace_handler(lua_State *L) {
  struct art_lua *state = art_lua_of(L);
  art_trace_only(L);
  if (state->current != NULL && state->running == L && lua_checkstack(L, 16) &&
      !load_catches(L, state))
    art_raised_note(L, state->current);
  return 1;
}

void art_trace_here(lua_State *L) {
  int error = lua_gettop(L);
  art_check_stack(L, 12, NULL);
  art_push_value(L, ART_TRACES);
  new_trace(L, error, error + 1);
  if (art_lua_of(L)->current != NULL) go_through(L, error + 2, art_lua_of(L)->current);
  lua_settop(L, error);
}

void art_trace_coroutine(lua_State *L, lua_State *co) {
  int error = lua_gettop(L);
  art_check_stack(L, 8, NULL);
  art_push_value(L, ART_TRACES);
  find_trace(L, error, error + 1);
  lua_remove(L, error + 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_createtable(L, 8, 2);
  }
  append_frames(L, error + 1, co, 0);
}

void art_trace_keep(lua_State *L) {
  int error = lua_gettop(L) - 1;
  art_push_value(L, ART_TRACES);
  lua_insert(L, -2);
  keep_trace(L, error, error + 1);
  lua_settop(L, error);
}

int art_rethrow(lua_State *L) {
  art_lua_of(L)->rethrown = !art_says_no_memory(L); /* no handler is called for that */
  return lua_error(L);
}

void art_note_spawner(lua_State *L, struct art_lua_task *t) {
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "fl", &ar);
    if (ar.currentline > 0) {
      lua_setiuservalue(L, -2, ART_TASK_SPAWNER);
      t->line = (uint32_t)ar.currentline & 0xffffff;
      return;
    }
    lua_pop(L, 1);
  }
}

void art_push_task_name(lua_State *L, const struct art_lua_task *t, int index) {
  lua_pushfstring(L, "task %I", (LUAI_UACINT)t->cancel.id);
  if ((t->flags & ART_NAMED) == 0) return;
  art_push_value(L, ART_NAMES);
  lua_pushvalue(L, index);
  lua_rawget(L, -2);
  lua_pushfstring(L, "%s '%s'", lua_tostring(L, -3), lua_tostring(L, -1));
  lua_replace(L, -4);
  lua_pop(L, 2);
}

/* [-1, +1, m] Function -> file:line. */
static void put_place(lua_State *L, int line) {
  lua_Debug ar;
  if (!lua_isfunction(L, -1)) {
    lua_pop(L, 1);
    lua_pushstring(L, "the host");
    return;
  }
  lua_getinfo(L, ">S", &ar);
  if (line > 0)
    lua_pushfstring(L, "%s:%d", ar.short_src, line);
  else
    lua_pushstring(L, ar.short_src);
}

void art_push_spawn_site(lua_State *L, const struct art_lua_task *t, int index) {
  lua_getiuservalue(L, index, ART_TASK_SPAWNER);
  put_place(L, (int)t->line);
}

/* [-1, +0, m] One frame, its function on top, to the text that ends just below. */
static void add_frame(lua_State *L, int line) {
  lua_Debug ar;
  lua_getinfo(L, ">S", &ar);
  if (*ar.what == 'm')
    lua_pushfstring(L, "\n\t%s:%d: in main chunk", ar.short_src, line);
  else
    lua_pushfstring(L, "\n\t%s:%d: in function <%s:%d>", ar.short_src, line, ar.short_src,
                    ar.linedefined);
  lua_concat(L, 2);
}

void art_push_frames(lua_State *L, lua_State *of, int level) {
  lua_Debug ar;
  lua_pushstring(L, "");
  for (int n = 0; n < MAX_FRAMES && lua_getstack(of, level, &ar); level++) {
    if (!lua_checkstack(of, 1)) return;
    lua_getinfo(of, "fl", &ar);
    if (lua_iscfunction(of, -1)) {
      lua_pop(of, 1);
      continue;
    }
    if (of != L) lua_xmove(of, L, 1);
    add_frame(L, ar.currentline);
    n++;
  }
  if (!lua_getstack(of, level, &ar)) return;
  lua_pushstring(L, "\n\t...");
  lua_concat(L, 2);
}

static int to_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

void art_push_words(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_pushcfunction(L, to_text);
  lua_pushvalue(L, index);
  int status = lua_pcall(L, 1, 1, 0);
  if (status == LUA_OK) return;
  if (status == LUA_ERRMEM) lua_error(L); /* that says nothing of the value */
  lua_pop(L, 1);
  lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, index));
}

int art_push_story(lua_State *L, int index) {
  index = lua_absindex(L, index);
  art_check_stack(L, 12, NULL);
  art_push_value(L, ART_TRACES);
  find_trace(L, index, lua_gettop(L));
  int trace = lua_gettop(L);
  if (lua_isnil(L, trace)) return 1;
  art_push_words(L, index);
  lua_Integer n = (lua_Integer)lua_rawlen(L, trace);
  for (lua_Integer i = 1; i <= n; i += 2) {
    lua_rawgeti(L, trace, i);
    lua_rawgeti(L, trace, i + 1);
    if (lua_isfunction(L, -2)) {
      int line = (int)lua_tointeger(L, -1);
      lua_pop(L, 1);
      add_frame(L, line);
    } else {
      lua_remove(L, -2);
      lua_pushfstring(L, "\n    %s", lua_tostring(L, -1));
      lua_replace(L, -2);
      lua_concat(L, 2);
    }
  }
  return 1;
}
