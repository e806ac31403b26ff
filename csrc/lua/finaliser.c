#include "lua/finaliser.h"

#include <string.h>

/* Until 5.4.3, which the preprocessor takes for 5.4.0, it is not the finaliser that has the name but the function that it
** interrupts; in lua_close there is none, and the finaliser is alone on the stack of the main thread. */
#define NAMES_INTERRUPTED (LUA_VERSION_RELEASE_NUM < 50404)

static bool has_name(lua_State *L, lua_Debug *ar) {
  lua_getinfo(L, "n", ar);
  return strcmp(ar->namewhat, "metamethod") == 0 && strcmp(ar->name, "__gc") == 0;
}

bool art_is_finaliser(lua_State *L) {
  lua_Debug ar;
  if (!lua_getstack(L, NAMES_INTERRUPTED, &ar)) {
    bool is_main = lua_pushthread(L);
    lua_pop(L, 1);
    return NAMES_INTERRUPTED && is_main;
  }
  return has_name(L, &ar);
}

bool art_is_finalising(lua_State *L) {
  lua_Debug ar;
  for (int level = 0; lua_getstack(L, level, &ar); level++)
    if (has_name(L, &ar)) return true;
  return false;
}
