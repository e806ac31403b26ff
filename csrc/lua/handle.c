#include "lua/handle.h"

#include <string.h>

#include "lua/args.h"
#include "lua/state.h"

void *art_new_handle(lua_State *L, const struct art_kind *kind, int uservalues) {
  struct art_handle *h = lua_newuserdatauv(L, kind->size, uservalues);
  memset(h, 0, kind->size);
  h->state = art_lua_of(L);
  if (kind->meta == 0) {
    luaL_setmetatable(L, kind->name);
  } else {
    art_push_value(L, (enum art_lua_value)kind->meta);
    lua_setmetatable(L, -2);
  }
  return h;
}

void *art_check_handle_fails(lua_State *L, int arg, const char *function,
                             const struct art_kind *kind) {
  art_type_error(L, arg, function, kind->name);
  return NULL;
}
