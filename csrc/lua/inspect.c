#include "lua/inspect.h"

#include "lua/args.h"
#include "lua/error.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/trace.h"

/* [-0, +0, m] Appends the handles of the scope's children to the list at 'list'. */
static void append_children(lua_State *L, struct art_scope *s, int list, int anchors) {
  for (struct art_list *n = s->children.next; n != &s->children; n = n->next) {
    struct art_lua_task *t = ART_CONTAINER(n, struct art_lua_task, sibling);
    lua_rawgeti(L, anchors, t->cancel.slot);
    lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
  }
}

/* The next scope of the whole tree; see scope.c. */
static struct art_scope *next_scope(struct art_scope *s) {
  if (!art_list_empty(&s->scopes)) return ART_CONTAINER(s->scopes.next, struct art_scope, node);
  for (; s->parent != NULL; s = s->parent)
    if (s->node.next != &s->parent->scopes)
      return ART_CONTAINER(s->node.next, struct art_scope, node);
  return NULL;
}

/* live(rt) -> handles of all tasks that have not ended, parents before children */
static int live(lua_State *L) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, "live");
  lua_settop(L, 1);
  lua_newtable(L);
  if (rt->core == NULL) return 1;
  lua_getiuservalue(L, 1, ART_RUNTIME_ANCHORS);
  for (struct art_scope *s = rt->root; s != NULL; s = next_scope(s)) append_children(L, s, 2, 3);
  lua_settop(L, 2);
  return 1;
}

static int story(lua_State *L) {
  luaL_checkany(L, 1);
  return art_push_story(L, 1);
}

/* The table of functions that C calls: report(err, task), deadlock(rt). */
static int hooks(lua_State *L) {
  art_push_value(L, ART_HOOKS);
  return 1;
}

/* new_error(kind, message) -> error */
static int new_error(lua_State *L) {
  art_push_error(L, luaL_checkstring(L, 1), "%s", luaL_checkstring(L, 2));
  return 1;
}

static int is_error(lua_State *L) {
  lua_pushboolean(L, art_is_error(L, 1));
  return 1;
}

static int spawn_site(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "spawn_site");
  art_push_spawn_site(L, t, 1);
  return 1;
}

const luaL_Reg art_inspect_functions[] = {
    {"live", live},         {"story", story},           {"hooks", hooks}, {"new_error", new_error},
    {"is_error", is_error}, {"spawn_site", spawn_site}, {NULL, NULL}};
