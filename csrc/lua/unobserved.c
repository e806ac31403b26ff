#include "lua/unobserved.h"

#include "lua/anchors.h"
#include "lua/scope.h"
#include "lua/task.h"

bool art_unobserved_add(struct art_scope *s, struct art_lua_task *t) {
  struct art_unobserved *u = art_alloc(&s->rt->core->allocator, sizeof *u);
  if (u == NULL) return false;
  *u = (struct art_unobserved){.slot = t->cancel.slot};
  art_list_push(&s->unobserved, &u->node);
  t->parking.ended.unobserved = u;
  return true;
}

static void free_record(struct art_lua_runtime *rt, struct art_unobserved *u) {
  art_list_remove(&u->node);
  art_free(&rt->core->allocator, u, sizeof *u);
}

/* [-0, +1, -] Pushes the anchor table. NULL: its runtime is closed or collected. See art_let_go and art_unobserved_close. */
static struct art_lua_runtime *open_runtime(lua_State *L, const struct art_lua_task *t, int index) {
  lua_getiuservalue(L, index, ART_TASK_MORE);
  bool open = lua_istable(L, -1);
  if (open) {
    open = lua_rawgeti(L, -1, 0) == LUA_TTABLE;
    lua_pop(L, 1);
  }
  return open ? t->rt : NULL;
}

void art_observe(lua_State *L, struct art_lua_task *t, int index) {
  bool known = t->outcome != ART_FAILED || (t->flags & ART_OBSERVED) != 0;
  t->flags |= ART_OBSERVED;
  if (known || t->rt == NULL || (t->flags & ART_HELD) != 0) return;
  struct art_lua_runtime *rt = open_runtime(L, t, index);
  if (rt != NULL) {
    free_record(rt, t->parking.ended.unobserved);
    art_unanchor(L, rt, lua_gettop(L), t->cancel.slot);
  }
  t->rt = NULL;
  lua_pop(L, 1);
}

/* The task is anchored again until on_error has it. */
static void report(lua_State *L, struct art_lua_runtime *rt, struct art_lua_task *t, int index,
                   int anchors) {
  lua_pushvalue(L, index);
  lua_rawseti(L, anchors, t->cancel.slot);
  free_record(rt, t->parking.ended.unobserved);
  t->flags |= ART_HELD;
  art_list_push(&rt->reports, &t->sibling);
}

int art_unobserved_gc(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "__gc");
  if (t->outcome != ART_FAILED || (t->flags & (ART_OBSERVED | ART_HELD)) != 0) return 0;
  if (t->rt == NULL) return 0;
  struct art_lua_runtime *rt = open_runtime(L, t, 1);
  if (rt != NULL) report(L, rt, t, 1, lua_gettop(L));
  return 0;
}

void art_unobserved_tell(lua_State *L, struct art_lua_runtime *rt, struct art_list *records,
                         int anchors) {
  struct art_list *n;
  while ((n = art_list_first(records)) != NULL) {
    struct art_unobserved *u = ART_CONTAINER(n, struct art_unobserved, node);
    lua_rawgeti(L, anchors, 0);
    if (lua_rawgeti(L, -1, u->slot) == LUA_TUSERDATA) {
      report(L, rt, lua_touserdata(L, -1), lua_gettop(L), anchors);
    } else {
      art_list_remove(n);
      art_list_push(&rt->limbo, n);
    }
    lua_pop(L, 2);
  }
}

void art_unobserved_close(lua_State *L, struct art_lua_runtime *rt, int anchors) {
  struct art_list *n;
  while ((n = art_list_first(&rt->limbo)) != NULL) {
    struct art_unobserved *u = ART_CONTAINER(n, struct art_unobserved, node);
    art_unanchor(L, rt, anchors, u->slot);
    free_record(rt, u);
  }
  lua_pushboolean(L, 0);
  lua_rawseti(L, anchors, 0);
}

void art_unobserved_free(struct art_lua_runtime *rt, struct art_list *records) {
  struct art_list *n;
  while ((n = art_list_first(records)) != NULL)
    free_record(rt, ART_CONTAINER(n, struct art_unobserved, node));
}
