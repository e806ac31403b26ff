#include "lua/hold.h"

#include "lua/anchors.h"
#include "lua/state.h"

enum { ANCHORS = 1 }; /* uservalue: the runtime's, which anchor it until it is closed */

struct hold {
  struct art_handle handle;
  struct art_lua_runtime *rt; /* NULL: closed */
  uint32_t slot;
  struct art_list node; /* in the runtime's holds */
};

const struct art_kind art_hold_kind = {
    .name = "asyncrt.hold", .size = sizeof(struct hold), .index = ART_HOLD_KIND};

/* async.clock_hold() */
static int clock_hold(lua_State *L) {
  struct art_lua_runtime *rt = art_lua_of(L)->active;
  if (rt == NULL) return luaL_error(L, "'clock_hold' called while no runtime runs");
  lua_settop(L, 0);
  struct hold *h = art_new_handle(L, &art_hold_kind, 1);
  art_push_value(L, ART_ANCHORS);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, ANCHORS);
  lua_pushvalue(L, 1);
  h->slot = art_anchor(L, rt, 2); /* the last thing that may raise */
  h->rt = rt;
  art_list_push(&rt->holds, &h->node);
  rt->core->holds++;
  lua_settop(L, 1);
  return 1;
}

/* [-0, +0, -] */
static void end(lua_State *L, struct hold *h, int anchors) {
  art_list_remove(&h->node);
  h->rt->core->holds--;
  if (anchors != 0) art_unanchor(L, h->rt, anchors, h->slot);
  h->rt = NULL;
}

void art_hold_end_all(lua_State *L, struct art_lua_runtime *rt, int anchors) {
  struct art_list *node;
  while ((node = art_list_first(&rt->holds)) != NULL)
    end(L, ART_CONTAINER(node, struct hold, node), anchors);
}

static struct hold *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_hold_kind);
}

static int hold_close(lua_State *L) {
  struct hold *h = check(L, "close");
  if (h->rt == NULL) return 0;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, ANCHORS);
  end(L, h, 2);
  return 0;
}

static int hold_tostring(lua_State *L) {
  lua_pushstring(L, check(L, "tostring")->rt == NULL ? "clock hold (closed)" : "clock hold (open)");
  return 1;
}

const luaL_Reg art_hold_functions[] = {{"clock_hold", clock_hold}, {NULL, NULL}};
const luaL_Reg art_hold_methods[] = {{"close", hold_close}, {NULL, NULL}};
const luaL_Reg art_hold_metamethods[] = {
    {"__close", hold_close}, {"__tostring", hold_tostring}, {NULL, NULL}};
