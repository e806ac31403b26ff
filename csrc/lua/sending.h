/* What ch:sending(...) gives: a message and where it is to go, for select. */
#ifndef ART_LUA_SENDING_H
#define ART_LUA_SENDING_H

#include <lauxlib.h>
#include <lua.h>

#include "lua/handle.h"

extern const struct art_kind art_sending_kind;

enum {
  ART_SENDING_CHANNEL = 1,
  ART_SENDING_MESSAGE
}; /* uservalues; the values begin at the second */

struct art_sending {
  struct art_handle handle;
  int n; /* values */
};

/* channel:sending(...) */
int art_channel_sending(lua_State *L);

extern const luaL_Reg art_sending_metamethods[];

#endif
