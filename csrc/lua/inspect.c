#include "lua/inspect.h"

#include "lua/args.h"
#include "lua/errno.h"
#include "lua/error.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/trace.h"

/* [-0, +0, -] Fills the list at 2, in which there is room for them, with the handles of all tasks. */
static void list_live(lua_State *L, struct art_lua_runtime *rt, int anchors) {
  lua_Integer count = 0;
  for (struct art_scope *s = rt->root; s != NULL; s = art_scope_next(rt->root, s))
    for (struct art_list *n = s->children.next; n != &s->children; n = n->next) {
      const struct art_lua_task *t = ART_CONTAINER(n, struct art_lua_task, sibling);
      lua_rawgeti(L, anchors, t->cancel.slot);
      lua_rawseti(L, 2, ++count);
    }
}

/* live(rt) -> handles of all tasks that have not ended, parents before children. The list is made before the walk: a
** finaliser, for which Lua may take any allocation, could end the runtime that is walked through. */
static int live(lua_State *L) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, "live");
  unsigned room;
  do {
    lua_settop(L, 1);
    room = rt->core == NULL ? 0 : rt->core->executor.live;
    lua_createtable(L, (int)room, 0);
  } while (rt->core != NULL && rt->core->executor.live > room);
  if (rt->core == NULL) return 1;
  lua_getiuservalue(L, 1, ART_RUNTIME_ANCHORS);
  list_live(L, rt, 3);
  lua_settop(L, 2);
  return 1;
}

/* Where among the runtimes from 'first' on, which are in the order in which they were made, that one belongs; the key of
** the walk is on top. */
static int place_of(lua_State *L, const struct art_lua_runtime *rt, int first) {
  int i = lua_gettop(L);
  for (; i > first; i--) {
    const struct art_lua_runtime *before = lua_touserdata(L, i - 1);
    if (before->root->cancel.id < rt->root->cancel.id) break;
  }
  return i;
}

/* [-0, +n, m] The handles of all open runtimes; the table of runtimes is at 1. Allocates nothing that Lua would run a
** finaliser for, as that may add to the table. */
static void push_open_runtimes(lua_State *L) {
  int count = 0, first = lua_gettop(L) + 1;
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) count++;
  art_check_stack(L, count + 4, NULL);
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    const struct art_lua_runtime *rt = lua_touserdata(L, -2);
    lua_pop(L, 1);
    if (rt->core == NULL) continue;
    int place = place_of(L, rt, first);
    lua_pushvalue(L, -1);
    lua_insert(L, place);
  }
}

/* open_runtimes() -> list, in the order in which they were made */
static int open_runtimes(lua_State *L) {
  lua_settop(L, 0);
  art_push_value(L, ART_RUNTIMES);
  push_open_runtimes(L);
  int n = lua_gettop(L) - 1;
  lua_createtable(L, n, 0);
  lua_replace(L, 1);
  for (int i = n; i >= 1; i--) lua_rawseti(L, 1, i);
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

/* in_task() -> does it act for a task? */
static int in_task(lua_State *L) {
  lua_pushboolean(L, art_acting(L) != NULL);
  return 1;
}

/* The table whose keys are all runtimes that were made and not collected. */
static int runtimes(lua_State *L) {
  art_push_value(L, ART_RUNTIMES);
  return 1;
}

/* errno_name(number) -> "EPIPE" */
static int errno_name(lua_State *L) {
  lua_pushstring(L, art_errno_name((int)luaL_checkinteger(L, 1)));
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

const luaL_Reg art_inspect_functions[] = {{"live", live},
                                          {"story", story},
                                          {"words", words},
                                          {"hooks", hooks},
                                          {"new_error", new_error},
                                          {"is_error", is_error},
                                          {"type_name", type_name},
                                          {"spawn_site", spawn_site},
                                          {"checkpoint", checkpoint},
                                          {"in_task", in_task},
                                          {"runtimes", runtimes},
                                          {"open_runtimes", open_runtimes},
                                          {"errno_name", errno_name},
                                          {"counts", counts},
                                          {NULL, NULL}};
