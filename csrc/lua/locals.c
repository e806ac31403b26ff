#include "lua/locals.h"

#include "lua/task.h"

static const char
    record_key; /* its address is the proxy's raw key of its record: none that a script has */

/* [-0, +1, -] */
static void get_record(lua_State *L, int proxy) {
  lua_rawgetp(L, proxy, &record_key);
}

/* [-1, +0, m] */
static void set_record(lua_State *L, int proxy) {
  lua_rawsetp(L, proxy, &record_key);
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
  lua_createtable(L, 1, 0);
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
  get_record(L, -1);
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "shared");
  new_proxy(L);
  set_proxy(L, child, index);
  lua_pop(L, 2);
}

int art_locals(lua_State *L) {
  struct art_lua_task *t = art_current(L, "locals");
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

/* [-0, +1, m] The values behind the proxy at 1. */
static void push_values(lua_State *L) {
  get_record(L, 1);
  lua_getfield(L, -1, "values");
  lua_remove(L, -2);
}

static int locals_index(lua_State *L) {
  push_values(L);
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return 1;
}

/* [-0, +1, m] A record of its own for the proxy at 1, a copy of the shared one on top; pushes it. */
static void unshare(lua_State *L) {
  int shared = lua_gettop(L);
  lua_createtable(L, 0, 2);
  lua_newtable(L);
  lua_getfield(L, shared, "values");
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
  lua_setfield(L, -2, "values");
  lua_pushvalue(L, -1);
  set_record(L, 1);
}

static int locals_newindex(lua_State *L) {
  get_record(L, 1);
  lua_getfield(L, -1, "shared");
  bool shared = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (shared) unshare(L);
  lua_getfield(L, -1, "values");
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, -3);
  return 0;
}

static int locals_next(lua_State *L) {
  lua_settop(L, 2);
  if (lua_next(L, 1) != 0) return 2;
  lua_pushnil(L);
  return 1;
}

static int locals_pairs(lua_State *L) {
  lua_pushcfunction(L, locals_next);
  push_values(L);
  return 2;
}

static int locals_len(lua_State *L) {
  push_values(L);
  lua_pushinteger(L, luaL_len(L, -1));
  return 1;
}

const luaL_Reg art_locals_metamethods[] = {{"__index", locals_index},
                                           {"__newindex", locals_newindex},
                                           {"__pairs", locals_pairs},
                                           {"__len", locals_len},
                                           {NULL, NULL}};
