/* What ch:sending(...) gives: a message and where it is to go, for select. */
#ifndef ART_LUA_SENDING_H
#define ART_LUA_SENDING_H

#include <lauxlib.h>
#include <lua.h>

#define ART_SENDING_NAME "asyncrt.sending"

enum {
  ART_SENDING_CHANNEL = 1,
  ART_SENDING_MESSAGE
}; /* uservalues; the values begin at the second */

struct art_sending {
  int n; /* values */
};

/* channel:sending(...) */
int art_channel_sending(lua_State *L);

extern const luaL_Reg art_sending_metamethods[];

#endif
