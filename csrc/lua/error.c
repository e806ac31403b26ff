#include "lua/error.h"

#include <stdarg.h>
#include <string.h>

#include "lua/args.h"
#include "lua/cancel.h"
#include "lua/policy.h"
#include "lua/task.h"
#include "lua/trace.h"

#define CANCEL_ID                                                                                  \
  0 /* raw index in a cancelled error: the id of the scope or task whose cancel it is */
#define ERROR_NAME "asyncrt.error"

void art_push_error(lua_State *L, const char *kind, const char *format, ...) {
  va_list args;
  art_check_stack(L, 8, NULL);
  lua_createtable(L, 0, 6);
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "kind");
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_setfield(L, -2, "message");
  art_push_value(L, ART_ERROR_META);
  lua_setmetatable(L, -2);
}

/* What the stack holds below the running function is not known here; that it is next to nothing is nearly true. */
void art_check_stack(lua_State *L, int n, const char *what) {
  if (lua_checkstack(L, n)) return;
  if (lua_gettop(L) + n < LUAI_MAXSTACK) art_no_memory(L);
  luaL_checkstack(L, n, what); /* raises */
}

int art_no_memory(lua_State *L) {
  lua_pushliteral(L, "not enough memory"); /* Lua keeps this string alive: nothing is allocated */
  return lua_error(L);
}

bool art_says_no_memory(lua_State *L) {
  return lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "not enough memory") == 0;
}

static const char *const cause_names[] = {[ART_NOT_CANCELLED] = NULL,
                                          [ART_EXPLICIT] = NULL,
                                          [ART_FAILURE] = "failure",
                                          [ART_EXPIRED] = "timeout",
                                          [ART_CLOSED] = "runtime closed",
                                          [ART_COLLECTED] = "runtime collected",
                                          [ART_DEADLOCKED] = "deadlock",
                                          [ART_INTERRUPTED] = "interrupted",
                                          [ART_HOGGED] = "hog",
                                          [ART_FINISHED] = "finished"};

void art_push_reason(lua_State *L, const struct art_cancel *cancel, int anchors) {
  if (cancel->cause != ART_EXPLICIT || cancel->slot == 0) {
    lua_pushstring(L, cause_names[cancel->cause]);
    return;
  }
  art_push_value(L, ART_REASONS);
  lua_rawgeti(L, anchors, cancel->slot);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

void art_keep_reason(lua_State *L) {
  if (lua_isnil(L, 2)) return;
  art_push_value(L, ART_REASONS);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* [-0, +1, m] The reason on top in words. Where code is pre-empted no metamethod is called for that: in a hook nothing could
** stop one. */
static void push_reason_words(lua_State *L) {
  const struct art_lua_task *t = art_lua_of(L)->current;
  int type = lua_type(L, -1);
  bool plain = type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN;
  if (plain || art_is_error(L, -1) || t == NULL || art_policy_of(t) == NULL)
    art_push_words(L, -1);
  else
    lua_pushfstring(L, "a %s", luaL_typename(L, -1));
}

/* [-0, +1, m] The message, with the reason on top of the stack if that says something. */
static const char *with_reason(lua_State *L, const char *message) {
  if (lua_isnil(L, -1)) return lua_pushstring(L, message);
  push_reason_words(L);
  const char *text = lua_pushfstring(L, "%s: %s", message, lua_tostring(L, -1));
  lua_remove(L, -2);
  return text;
}

int art_raise_cancelled(lua_State *L, struct art_lua_task *t) {
  const struct art_cancel *cancel = art_cancelled_by(t);
  art_check_stack(L, 12, NULL);
  art_push_value(L, ART_ANCHORS);
  art_push_reason(L, cancel, lua_gettop(L));
  art_push_error(L, "cancelled", "%s", with_reason(L, "cancelled"));
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "reason");
  art_push_task(L, t);
  lua_setfield(L, -2, "task");
  lua_pushinteger(L, (lua_Integer)cancel->id);
  lua_rawseti(L, -2, CANCEL_ID);
  return lua_error(L);
}

int art_raise_io(lua_State *L) {
  art_push_error(L, "io", "%s", lua_tostring(L, -2));
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "code");
  return lua_error(L);
}

void art_push_task_cancelled(lua_State *L, struct art_lua_task *t, int index) {
  art_check_stack(L, 12, NULL);
  lua_getiuservalue(L, index, ART_TASK_VALUE);
  if ((t->flags & ART_STARTED) != 0) { /* its own error, else the bare reason */
    lua_getfield(L, -1, "reason");
    lua_remove(L, -2);
  }
  art_push_task_name(L, t, index);
  lua_pushfstring(L, "%s was cancelled", lua_tostring(L, -1));
  lua_replace(L, -2);
  lua_insert(L, -2);
  art_push_error(L, "task_cancelled", "%s", with_reason(L, lua_tostring(L, -2)));
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "reason");
  lua_pushvalue(L, index);
  lua_setfield(L, -2, "task");
  lua_replace(L, -4);
  lua_pop(L, 2);
}

bool art_is_error(lua_State *L, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  luaL_getmetatable(L, ERROR_NAME);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

uint64_t art_cancel_id(lua_State *L, int index) {
  if (!art_is_error(L, index)) return 0;
  lua_rawgeti(L, index, CANCEL_ID);
  lua_Integer id = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return (uint64_t)id;
}

static int error_tostring(lua_State *L) {
  if (!art_is_error(L, 1)) return art_type_error(L, 1, "tostring", ERROR_NAME);
  lua_getfield(L, 1, "message");
  art_push_words(L, -1);
  return 1;
}

/* The traceback is put into words only when somebody reads it. */
static int error_index(lua_State *L) {
  if (!art_is_error(L, 1)) return art_type_error(L, 1, "__index", ERROR_NAME);
  if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "traceback") != 0) return 0;
  art_push_story(L, 1);
  if (lua_isnil(L, -1)) art_push_words(L, 1); /* caught before it reached a handler of ours */
  return 1;
}

void art_new_error_meta(lua_State *L, int state) {
  luaL_newmetatable(L, ERROR_NAME);
  for (unsigned i = 0; i < sizeof cause_names / sizeof *cause_names; i++) {
    lua_pushstring(L, cause_names[i]); /* kept alive, so that pushing it again cannot fail */
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushvalue(L, state);
  lua_pushcclosure(L, error_tostring, 1);
  lua_setfield(L, -2, "__tostring");
  lua_pushvalue(L, state);
  lua_pushcclosure(L, error_index, 1);
  lua_setfield(L, -2, "__index");
}
