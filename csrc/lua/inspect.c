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

/* words(value) -> text, whatever its __tostring does */
static int words(lua_State *L) {
  luaL_checkany(L, 1);
  art_push_words(L, 1);
  return 1;
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

/* type_name(value) -> as messages have it; without a value "no value" */
static int type_name(lua_State *L) {
  lua_pushstring(L, art_type_name(L, 1));
  return 1;
}

static int spawn_site(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "spawn_site");
  art_push_spawn_site(L, t, 1);
  return 1;
}

/* checkpoint(name) -> may one more operation complete at once? Raises as every function that suspends does. */
static int checkpoint(lua_State *L) {
  struct art_lua_task *t = art_checkpoint(L, luaL_checkstring(L, 1));
  lua_pushboolean(L, art_executor_spend(t->core.executor));
  return 1;
}

/* The table whose keys are all runtimes that were made and not collected. */
static int runtimes(lua_State *L) {
  art_push_value(L, ART_RUNTIMES);
  return 1;
}

static void set_count(lua_State *L, const char *name, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, name);
}

/* counts(rt) -> {tasks =, timers =, operations =, coroutines =, anchored =}
** counts() -> {lost =, stray =}: see state.h. */
static int counts(lua_State *L) {
  if (lua_isnone(L, 1)) {
    lua_createtable(L, 0, 2);
    set_count(L, "lost", art_lua_of(L)->lost);
    set_count(L, "stray", art_lua_of(L)->stray);
    return 1;
  }
  struct art_lua_runtime *rt = art_to_runtime(L, 1, "counts");
  const struct art_runtime *core = rt->core;
  lua_createtable(L, 0, 5);
  if (core == NULL) return 1;
  set_count(L, "tasks", core->executor.live);
  set_count(L, "timers", (lua_Integer)(core->wheel.count + core->outer_wheel.count));
  set_count(L, "operations", core->reactor.pending);
  set_count(L, "coroutines", rt->coroutines);
  set_count(L, "anchored", (lua_Integer)rt->slots - rt->free_count);
  return 1;
}

const luaL_Reg art_inspect_functions[] = {
    {"live", live},           {"story", story},           {"words", words},
    {"hooks", hooks},         {"new_error", new_error},   {"is_error", is_error},
    {"type_name", type_name}, {"spawn_site", spawn_site}, {"checkpoint", checkpoint},
    {"runtimes", runtimes},   {"counts", counts},         {NULL, NULL}};
