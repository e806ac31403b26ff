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

/* [-1, +0, -] The note of that boundary in the table on top goes, and with the last one the table itself. */
static void forget(lua_State *L, struct art_lua_task *t, uint64_t boundary) {
  lua_pushnil(L);
  lua_rawseti(L, -2, (lua_Integer)boundary);
  lua_pushnil(L);
  if (lua_next(L, -2) != 0) {
    lua_pop(L, 3);
    return;
  }
  lua_pop(L, 1);
  art_push_value(L, ART_LEAVING);
  art_push_task(L, t);
  lua_pushnil(L);
  lua_rawset(L, -3); /* it is there: no memory is needed */
  lua_pop(L, 1);
  t->flags &= (uint16_t)~ART_RAISING;
}

/* [-0, +(0|1), -] The table of the task's notes. */
static bool push_notes(lua_State *L, const struct art_lua_task *t) {
  art_push_value(L, ART_LEAVING);
  art_push_task(L, t);
  bool any = lua_rawget(L, -2) == LUA_TTABLE;
  lua_remove(L, -2);
  if (!any) lua_pop(L, 1);
  return any;
}

void art_raised_restore(lua_State *L, struct art_lua_task *t, uint64_t boundary) {
  int error = lua_gettop(L);
  if ((t->flags & ART_RAISING) == 0 || !push_notes(L, t)) return;
  if (lua_rawgeti(L, -1, (lua_Integer)boundary) != LUA_TNIL && art_cancel_id(L, error) != 0)
    lua_copy(L, -1, error);
  lua_pop(L, 1);
  forget(L, t, boundary);
}

void art_raised_forget(lua_State *L, struct art_lua_task *t, uint64_t boundary) {
  if ((t->flags & ART_RAISING) == 0 || !lua_checkstack(L, 8) || !push_notes(L, t)) return;
  forget(L, t, boundary);
}
