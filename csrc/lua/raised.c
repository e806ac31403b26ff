#include "lua/raised.h"

#include "lua/error.h"
#include "lua/scope.h"
#include "lua/task.h"

/* Blocks and a task's own children have no protected call of their own: what is raised there leaves the next boundary
** around them. */
static uint64_t innermost_boundary(const struct art_lua_task *t) {
  for (const struct art_scope *s = t->scope; s->owner == t; s = s->parent) {
    bool is_boundary =
        s->kind != ART_SCOPE_TASK && s->kind != ART_SCOPE_BLOCK && s->kind != ART_SCOPE_NURSERY;
    if (is_boundary) return s->cancel.id;
  }
  return t->cancel.id;
}

void art_raised_note(lua_State *L, struct art_lua_task *t) {
  if (art_cancel_id(L, 1) != 0) return;
  t->flags |= ART_RAISING;
  art_push_value(L, ART_LEAVING);
  art_push_task(L, t);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) == LUA_TNIL) { /* table of errors by task, task, nil */
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
  }
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, (lua_Integer)innermost_boundary(t));
  lua_pop(L, 3);
}

void art_raised_restore(lua_State *L, struct art_lua_task *t, uint64_t boundary) {
  if ((t->flags & ART_RAISING) == 0) return;
  int error = lua_gettop(L);
  bool displaced = art_cancel_id(L, error) != 0;
  art_push_value(L, ART_LEAVING);
  art_push_task(L, t);
  if (lua_rawget(L, -2) == LUA_TTABLE) {
    if (lua_rawgeti(L, -1, (lua_Integer)boundary) != LUA_TNIL) {
      if (displaced) lua_copy(L, -1, error);
      lua_pushnil(L);
      lua_rawseti(L, -3, (lua_Integer)boundary);
    }
  }
  lua_settop(L, error);
}
