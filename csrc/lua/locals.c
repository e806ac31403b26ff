#include "lua/locals.h"

#include <math.h>

#include "lua/args.h"
#include "lua/task.h"

/* A proxy is empty but for its record, under a key that no script has. */
static const char record_key;

/* [-0, +1, -] The record of the proxy at 'index'. */
static void push_record(lua_State *L, int index) {
  lua_rawgetp(L, index, &record_key);
}

/* [-1, +0, m] */
static void set_record(lua_State *L, int index) {
  lua_rawsetp(L, index, &record_key);
}

/* [-0, +1, -] The proxy of the task whose handle is at 'index', nil if it has none. */
static void push_proxy(lua_State *L, int index) {
  art_push_value(L, ART_LOCALS);
  lua_pushvalue(L, index);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

/* [-1, +0, m] The proxy on top becomes that of the task whose handle is at 'index'. */
static void set_proxy(lua_State *L, struct art_lua_task *t, int index) {
  art_push_value(L, ART_LOCALS);
  lua_pushvalue(L, index);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 2);
  t->flags |= ART_HAS_LOCALS;
}

/* [-1, +1, m] Record -> proxy. */
static void new_proxy(lua_State *L) {
  lua_createtable(L, 0, 1);
  lua_insert(L, -2);
  set_record(L, -2);
  art_push_value(L, ART_LOCALS);
  lua_getmetatable(L, -1);
  lua_getfield(L, -1, "proxy");
  lua_setmetatable(L, -4);
  lua_pop(L, 2);
}

void art_locals_inherit(lua_State *L, const struct art_lua_task *parent, struct art_lua_task *child,
                        int index) {
  art_push_task(L, parent);
  push_proxy(L, lua_gettop(L));
  push_record(L, -1);
  if (lua_istable(L, -1)) { /* else a script has broken it */
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "shared");
    new_proxy(L);
    set_proxy(L, child, index);
  } else {
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
}

int art_locals(lua_State *L) {
  struct art_lua_task *t = art_current_for(L, "locals");
  lua_settop(L, 0);
  art_push_task(L, t);
  push_proxy(L, 1);
  if (!lua_isnil(L, 2)) return 1;
  lua_createtable(L, 0, 2);
  lua_newtable(L);
  lua_setfield(L, -2, "values");
  new_proxy(L);
  lua_pushvalue(L, -1);
  set_proxy(L, t, 1);
  return 1;
}

/* [-0, +2, m] Sets the number of arguments; the record of the proxy at 1 and the values in it. Raises for anything else,
** also for one that a script has broken with next or rawset. */
static void check_record(lua_State *L, int n, const char *function) {
  if (lua_istable(L, 1)) {
    lua_settop(L, n);
    push_record(L, 1);
    if (lua_istable(L, -1) && lua_getfield(L, -1, "values") == LUA_TTABLE) return;
    lua_settop(L, 1);
  }
  art_type_error(L, 1, function, ART_LOCALS_NAME);
}

static int locals_index(lua_State *L) {
  check_record(L, 2, "__index");
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return 1;
}

/* [-1, +1, m] The values of a shared record -> a copy of them, in a record of its own for the proxy at 1. */
static void unshare(lua_State *L) {
  int shared = lua_gettop(L);
  lua_createtable(L, 0, 2);
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, shared) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_copy(L, -1, shared);
  lua_setfield(L, -2, "values");
  set_record(L, 1);
}

static int locals_newindex(lua_State *L) {
  check_record(L, 3, "__newindex");
  if (lua_isnil(L, 2)) return luaL_error(L, "index is nil");
  if (lua_type(L, 2) == LUA_TNUMBER && isnan((double)lua_tonumber(L, 2)))
    return luaL_error(L, "index is NaN");
  lua_getfield(L, -2, "shared");
  bool shared = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (shared) unshare(L);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, -3);
  return 0;
}

/* The proxy stands for its values here, too: they may be shared, and become others while they are walked. */
static int locals_next(lua_State *L) {
  check_record(L, 2, "next");
  lua_pushvalue(L, 2);
  return lua_next(L, -2) != 0 ? 2 : 0;
}

static int locals_pairs(lua_State *L) {
  check_record(L, 1, "__pairs");
  lua_pushcfunction(L, locals_next);
  lua_pushvalue(L, 1);
  return 2;
}

static int locals_len(lua_State *L) {
  check_record(L, 1, "__len");
  lua_pushinteger(L, luaL_len(L, -1));
  return 1;
}

const luaL_Reg art_locals_metamethods[] = {{"__index", locals_index},
                                           {"__newindex", locals_newindex},
                                           {"__pairs", locals_pairs},
                                           {"__len", locals_len},
                                           {NULL, NULL}};
