#include "lua/usage.h"

#include <string.h>

#include "lua/args.h"
#include "lua/error.h"
#include "lua/scope.h"

bool art_usage_reserve(struct art_lua_runtime *rt, uint32_t slots) {
  if (!rt->state->profiles || slots <= rt->busy_room) return true;
  size_t had = rt->busy_room * sizeof *rt->busy_ns, size = slots * sizeof *rt->busy_ns;
  uint64_t *busy_ns = art_resize(&rt->core->allocator, rt->busy_ns, had, size);
  if (busy_ns == NULL) return false;
  memset((char *)busy_ns + had, 0, size - had);
  rt->busy_ns = busy_ns;
  rt->busy_room = slots;
  return true;
}

void art_usage_free(struct art_lua_runtime *rt) {
  art_free(&rt->core->allocator, rt->busy_ns, rt->busy_room * sizeof *rt->busy_ns);
  rt->busy_ns = NULL;
  rt->busy_room = 0;
}

/* Of polls that are over and, if it is the one that runs, of this one. */
static uint64_t busy_ns(const struct art_lua_task *t) {
  const struct art_lua_runtime *rt = t->rt;
  if (t->outcome != ART_OPEN) return t->parking.ended.busy_ns;
  if (rt->busy_ns == NULL) return 0;
  uint64_t ns = rt->busy_ns[t->cancel.slot];
  bool runs = rt->poll_began_ns != 0 && rt->state->current == t;
  return runs ? ns + art_monotonic_ns() - rt->poll_began_ns : ns;
}

void art_usage_end(struct art_lua_task *t, struct art_lua_task *parent) {
  uint64_t ns = t->rt->busy_ns == NULL ? 0 : busy_ns(t);
  t->parking.ended.busy_ns = ns;
  if (parent == NULL) return;
  parent->polls += t->polls;
  if (ns > 0) parent->rt->busy_ns[parent->cancel.slot] += ns;
}

void art_usage_polled(struct art_lua_runtime *rt, const struct art_lua_task *t) {
  uint64_t now_ns = art_monotonic_ns();
  if (rt->busy_ns != NULL) rt->busy_ns[t->cancel.slot] += now_ns - rt->poll_began_ns;
  rt->poll_began_ns = now_ns;
}

/* --- for people --------------------------------------------------------------------------------------------------- */

/* The outermost of its own scopes, where all that it has spawned is below; NULL: it has none. */
static struct art_scope *outermost(const struct art_lua_task *t) {
  struct art_scope *s = t->scope;
  if (s == NULL || s->owner != t) return NULL;
  while (s->parent != NULL && s->parent->owner == t) s = s->parent;
  return s;
}

/* task:usage() -> polls, seconds: of it and of all below it; seconds only while somebody profiles */
static int usage(lua_State *L) {
  const struct art_lua_task *t = art_to_task(L, 1, "usage");
  uint64_t polls = t->polls, ns = busy_ns(t);
  struct art_scope *top = outermost(t);
  for (struct art_scope *s = top; s != NULL; s = art_scope_next(top, s))
    for (struct art_list *n = s->children.next; n != &s->children; n = n->next) {
      const struct art_lua_task *child = ART_CONTAINER(n, struct art_lua_task, sibling);
      polls += child->polls;
      ns += busy_ns(child);
    }
  lua_pushinteger(L, (lua_Integer)polls);
  if (art_lua_of(L)->profiles)
    lua_pushnumber(L, (lua_Number)ns / 1e9);
  else
    lua_pushnil(L);
  return 2;
}

/* busy_seconds(task) -> what it has run itself; nil if nobody profiles */
static int busy_seconds(lua_State *L) {
  const struct art_lua_task *t = art_to_task(L, 1, "busy_seconds");
  if (!art_lua_of(L)->profiles) return lua_pushnil(L), 1;
  lua_pushnumber(L, (lua_Number)busy_ns(t) / 1e9);
  return 1;
}

/* Calls 'each' for the runtimes that are open, until it says false. The table of runtimes is on top; nothing here
** allocates for Lua, so no finaliser adds to it meanwhile. */
static bool each_runtime(lua_State *L, bool (*each)(struct art_lua_runtime *rt)) {
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    struct art_lua_runtime *rt = lua_touserdata(L, -2);
    if (rt->core == NULL || each(rt)) continue;
    lua_pop(L, 2);
    return false;
  }
  return true;
}

static bool begin(struct art_lua_runtime *rt) {
  return art_usage_reserve(rt, rt->slots_room + 1);
}

static bool end(struct art_lua_runtime *rt) {
  art_usage_free(rt);
  return true;
}

/* async.profile(on) -> was it on? */
static int profile(lua_State *L) {
  struct art_lua *state = art_lua_of(L);
  if (lua_type(L, 1) != LUA_TBOOLEAN) art_type_error(L, 1, "profile", "boolean");
  bool was = state->profiles, on = lua_toboolean(L, 1);
  art_push_value(L, ART_RUNTIMES);
  state->profiles = on;
  if (on && !was && !each_runtime(L, begin)) {
    state->profiles = false;
    each_runtime(L, end);
    return art_no_memory(L);
  }
  if (!on && was) each_runtime(L, end);
  lua_pushboolean(L, was);
  return 1;
}

const luaL_Reg art_usage_functions[] = {
    {"profile", profile}, {"busy_seconds", busy_seconds}, {NULL, NULL}};
const luaL_Reg art_usage_methods[] = {{"usage", usage}, {NULL, NULL}};
