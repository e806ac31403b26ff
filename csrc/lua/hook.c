#include "lua/hook.h"

#include <lauxlib.h>

static void raise_in(lua_State *L, const char *message) {
  lua_sethook(L, NULL, 0, 0);
  luaL_where(L, 0); /* in a hook that is the function that runs */
  lua_pushstring(L, message);
  lua_concat(L, 2);
  lua_error(L);
}

static void yield_in_task(lua_State *L, lua_Debug *ar) {
  (void)ar;
  raise_in(L, "coroutine.yield in a task, outside of any coroutine of its own: use async.yield");
}

static void yield_in_scope(lua_State *L, lua_Debug *ar) {
  (void)ar;
  raise_in(L, "yield inside a scope");
}

static const lua_Hook hooks[] = {
    [ART_YIELD_IN_TASK] = yield_in_task, [ART_YIELD_IN_SCOPE] = yield_in_scope};

bool art_raise_next(lua_State *co, enum art_raise what) {
  if (lua_gethook(co) != NULL) return false;
  lua_sethook(co, hooks[what], LUA_MASKCOUNT, 1);
  return true;
}

void art_raise_never(lua_State *co) {
  lua_Hook hook = lua_gethook(co);
  if (hook == yield_in_task || hook == yield_in_scope) lua_sethook(co, NULL, 0, 0);
}
