#include "lua/sending.h"

#include "lua/args.h"
#include "lua/channel.h"

#define MOST_VALUES 60000 /* a userdata has that many uservalues */

const struct art_kind art_sending_kind = {
    .name = "asyncrt.sending", .size = sizeof(struct art_sending), .index = ART_SENDING_KIND};

int art_channel_sending(lua_State *L) {
  art_check_handle(L, 1, "sending", &art_channel_kind);
  art_check_message(L, 2, "sending");
  int n = lua_gettop(L) - 1;
  if (n > MOST_VALUES) return luaL_error(L, "too many values in a message for select");
  struct art_sending *s = art_new_handle(L, &art_sending_kind, n + 1);
  s->n = n;
  lua_insert(L, 1);
  for (int i = n; i >= 1; i--) lua_setiuservalue(L, 1, ART_SENDING_MESSAGE + i - 1);
  lua_setiuservalue(L, 1, ART_SENDING_CHANNEL);
  return 1;
}

static int sending_tostring(lua_State *L) {
  art_check_handle(L, 1, "tostring", &art_sending_kind);
  lua_getiuservalue(L, 1, ART_SENDING_CHANNEL);
  lua_pushfstring(L, "sending to %s", luaL_tolstring(L, -1, NULL));
  return 1;
}

const luaL_Reg art_sending_metamethods[] = {{"__tostring", sending_tostring}, {NULL, NULL}};
