#include "lua/obstacle.h"

#include <lauxlib.h>
#include <string.h>

#include "lua/nested.h"
#include "lua/task.h"

/* The coroutine nearest to the running one that cannot yield: that itself, or one of those that have resumed it. */
static lua_State *blocked(lua_State *L, const struct art_lua_task *t) {
  lua_State *found = L;
  if (!lua_isyieldable(L)) return L;
  for (lua_State *co = t->co; co != NULL && co != L; co = art_nested_in(co))
    if (!lua_isyieldable(co)) found = co;
  return found;
}

/* [-0, +(0|1), m] The name of the function at 'f' as a field of the module on top, whose own name is that. */
static bool push_field_of(lua_State *L, int f, const char *module) {
  if (!lua_istable(L, -1)) return false;
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || !lua_rawequal(L, -1, f)) continue;
    const char *field = lua_tostring(L, -2);
    if (strcmp(module, LUA_GNAME) == 0)
      lua_pushstring(L, field);
    else
      lua_pushfstring(L, "%s.%s", module, field);
    return true;
  }
  return false;
}

/* [-1, +1, m] A function -> its name as a field of a loaded module, Lua's own first; or nil. */
static void name_function(lua_State *L) {
  static const char *const first[] = {LUA_GNAME, "table", "string", "coroutine",
                                      "io",      "os",    "debug"};
  int f = lua_gettop(L), loaded = f + 1;
  bool found = false;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  for (unsigned i = 0; !found && i < sizeof first / sizeof *first; i++) {
    lua_settop(L, loaded);
    lua_getfield(L, loaded, first[i]);
    found = push_field_of(L, f, first[i]);
  }
  if (!found) {
    lua_settop(L, loaded);
    for (lua_pushnil(L); lua_next(L, loaded); lua_pop(L, 1))
      if (lua_type(L, -2) == LUA_TSTRING && (found = push_field_of(L, f, lua_tostring(L, -2))))
        break;
  }
  if (!found) lua_pushnil(L);
  lua_replace(L, f);
  lua_settop(L, f);
}

/* Does it call so that Lua can yield across it? The function is at 'f', its name on top. */
static bool lets_yield(lua_State *L, int f) {
  static const char *const names[] = {"pcall", "xpcall", "dofile", "error"};
  const char *name = lua_tostring(L, -1);
  for (unsigned i = 0; name != NULL && i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) return true;
  if (lua_getupvalue(L, f, 1) == NULL) return false;
  bool ours = lua_touserdata(L, -1) == art_lua_of(L);
  lua_pop(L, 1);
  return ours;
}

/* [-0, +1, m] The words for that frame; nil: it is not in the way. */
static void push_words(lua_State *L, lua_State *of, lua_Debug *ar) {
  int top = lua_gettop(L);
  lua_getinfo(of, "nf", ar);
  if (of != L) lua_xmove(of, L, 1);
  if (strcmp(ar->namewhat, "metamethod") == 0 && strcmp(ar->name, "__gc") == 0) {
    lua_pushliteral(L, "a finaliser");
  } else if (strcmp(ar->namewhat, "hook") == 0) {
    lua_pushliteral(L, "a debug hook");
  } else if (!lua_iscfunction(L, -1)) {
    lua_pushnil(L);
  } else {
    lua_pushvalue(L, -1);
    name_function(L);
    if (lets_yield(L, top + 1))
      lua_pushnil(L);
    else if (!lua_isnil(L, -1))
      lua_pushfstring(L, "'%s'", lua_tostring(L, -1));
    else if (strcmp(ar->namewhat, "for iterator") == 0)
      lua_pushliteral(L, "an iterator in C");
    else
      lua_pushstring(L, "a C function");
  }
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

void art_push_obstacle(lua_State *L, const struct art_lua_task *t) {
  lua_State *of = blocked(L, t);
  lua_Debug ar;
  luaL_checkstack(L, 12, NULL);
  for (int level = of == L ? 1 : 0; lua_checkstack(of, 2) && lua_getstack(of, level, &ar);
       level++) {
    push_words(L, of, &ar);
    if (!lua_isnil(L, -1)) return;
    lua_pop(L, 1);
  }
  lua_pushstring(L, art_lua_of(L)->closing > 0 ? "'coroutine.close'"
                                               : "a message handler or a C function");
}
