#include "lua/deadline.h"

#include <stdbool.h>

#include "lua/args.h"
#include "lua/state.h"

struct art_deadline {
  struct art_handle handle;
  bool counts; /* it is a time; else so long from a start that is still to come */
  uint64_t ns;
};

const struct art_kind art_deadline_kind = {
    .name = "asyncrt.deadline", .size = sizeof(struct art_deadline), .index = ART_DEADLINE_KIND};

uint64_t art_deadline_ns(struct art_deadline *d, uint64_t now_ns) {
  if (!d->counts) d->ns = art_deadline(now_ns, d->ns);
  d->counts = true;
  return d->ns;
}

static struct art_deadline *new_deadline(lua_State *L, uint64_t ns) {
  struct art_deadline *d = art_new_handle(L, &art_deadline_kind, 0);
  d->counts = true;
  d->ns = ns;
  return d;
}

/* async.after(seconds) */
static int after(lua_State *L) {
  uint64_t delay_ns = art_check_seconds(L, 1, "after");
  struct art_deadline *d = new_deadline(L, delay_ns);
  struct art_lua_runtime *rt = art_lua_of(L)->active;
  d->counts = false;
  if (rt != NULL) art_deadline_ns(d, art_runtime_now_ns(rt->core));
  return 1;
}

/* async.at(time) */
static int at(lua_State *L) {
  new_deadline(L, art_check_seconds(L, 1, "at"));
  return 1;
}

static int deadline_tostring(lua_State *L) {
  struct art_deadline *d = art_check_handle(L, 1, "tostring", &art_deadline_kind);
  if (d->ns == ART_NEVER)
    lua_pushliteral(L, "deadline (never)");
  else
    lua_pushfstring(L, d->counts ? "deadline at %f s" : "deadline after %f s",
                    (lua_Number)d->ns / 1e9);
  return 1;
}

const luaL_Reg art_deadline_functions[] = {{"after", after}, {"at", at}, {NULL, NULL}};
const luaL_Reg art_deadline_metamethods[] = {{"__tostring", deadline_tostring}, {NULL, NULL}};
