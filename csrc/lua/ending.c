#include "lua/ending.h"

#include "lua/anchors.h"
#include "lua/error.h"
#include "lua/scope.h"
#include "lua/task.h"

void art_body_ended(lua_State *L, struct art_scope *s, bool ok) {
  s->ending = ART_RETURNED;
  if (ok) return;
  uint64_t id = art_cancel_id(L, -1);
  if (id != 0 && id == s->cancel.id && s->cancel.cause != ART_NOT_CANCELLED) {
    s->ending = ART_OWN_CANCEL;
  } else if (id != 0 && art_cancel_in_force(s->owner, id)) {
    s->ending = ART_OUTER_CANCEL;
  } else {
    s->ending = ART_RAISED;
    s->body_failed = s->first == NULL;
    art_scope_cancel(s, ART_FAILURE);
  }
}

void art_report(lua_State *L) {
  art_push_value(L, ART_REPORTS);
  lua_Integer n = 2 * art_lua_of(L)->reported; /* counted: either may be nil */
  lua_pushvalue(L, -3);
  lua_rawseti(L, -2, n + 1);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, n + 2);
  lua_pop(L, 3);
  art_lua_of(L)->reported++;
}

/* [-0, +1, m] The error of an ended, anchored task. */
static void push_failure(lua_State *L, const struct art_lua_task *t) {
  art_push_task(L, t);
  lua_getiuservalue(L, -1, ART_TASK_VALUE);
  lua_remove(L, -2);
}

static void release(lua_State *L, struct art_lua_task *t) {
  t->flags = (uint16_t)((t->flags & ~ART_HELD) | ART_OBSERVED);
  art_push_value(L, ART_ANCHORS);
  art_let_go(L, t, lua_gettop(L));
  lua_pop(L, 1);
}

/* [-1, +0, m] The value on top joins err.suppressed of the error at 'winner'. False: that is no error of ours, or it is
** the same one. */
static bool suppress(lua_State *L, int winner) {
  if (lua_rawequal(L, winner, -1)) return true;
  if (!art_is_error(L, winner)) return false;
  lua_getfield(L, winner, "suppressed");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, winner, "suppressed");
  }
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
  return true;
}

/* A supervised child that nobody has observed. If its handle is gone its finaliser reports it. */
static void tell_unobserved(lua_State *L, struct art_lua_task *t) {
  struct art_lua_runtime *rt = t->rt;
  art_push_value(L, ART_ANCHORS);
  lua_rawgeti(L, -1, 0);
  if (lua_rawgeti(L, -1, t->cancel.slot) != LUA_TUSERDATA) {
    art_list_push(&rt->limbo, &t->sibling);
  } else {
    lua_rawseti(L, -3, t->cancel.slot);
    lua_pushnil(L);
    t->flags |= ART_HELD;
    art_list_push(&rt->reports, &t->sibling);
  }
  lua_pop(L, 3);
}

/* The failures that do not come out; the one that does is at 'winner' (0: none does). */
static void tell_the_rest(lua_State *L, struct art_scope *s, int winner) {
  struct art_list *n;
  while ((n = art_list_pop(&s->failures)) != NULL) {
    struct art_lua_task *t = ART_CONTAINER(n, struct art_lua_task, sibling);
    if ((t->flags & ART_SUPERVISED) != 0) {
      if ((t->flags & ART_OBSERVED) == 0) tell_unobserved(L, t);
      continue;
    }
    push_failure(L, t);
    bool told = winner != 0 && suppress(L, winner);
    lua_pop(L, 1);
    if (told)
      release(L, t);
    else
      art_list_push(&t->rt->reports, &t->sibling);
  }
}

bool art_scope_failed(lua_State *L, struct art_scope *s, int error) {
  art_check_stack(L, 12, NULL);
  if (s->body_failed)
    lua_pushvalue(L, error);
  else if (s->first != NULL)
    push_failure(L, s->first);
  else {
    tell_the_rest(L, s, 0);
    return false;
  }
  int winner = lua_gettop(L);
  if (!s->body_failed && s->ending == ART_RAISED) { /* the body failed, after a child */
    lua_pushvalue(L, error);
    bool told = suppress(L, winner);
    art_push_task(L, s->owner);
    if (told)
      lua_pop(L, 2);
    else
      art_report(L);
  }
  tell_the_rest(L, s, winner);
  if (s->first != NULL) release(L, s->first);
  s->first = NULL;
  return true;
}

void art_end_scope(lua_State *L, struct art_scope *s, int anchors) {
  if (s->handle != NULL) {
    s->handle->scope = NULL;
    art_unanchor(L, s->rt, anchors, s->cancel.slot);
  }
  art_scope_end(s);
}

void art_abandon_scopes(lua_State *L, struct art_lua_task *t, int anchors) {
  while (t->scope->owner == t) {
    struct art_scope *s = t->scope;
    if (s->first != NULL) art_list_push(&t->rt->reports, &s->first->sibling);
    art_list_splice(&t->rt->reports, &s->failures);
    if (s->nursery != s) art_end_scope(L, s->nursery, anchors);
    art_end_scope(L, s, anchors);
  }
}

/* [-0, +0, m] */
static void report_leftover(lua_State *L, struct art_scope *s) {
  if (art_scope_failed(L, s, 0)) {
    art_push_task(L, s->owner);
    art_report(L);
  }
  if (s->kind != ART_SCOPE_BLOCK) return; /* cut short by a lack of memory */
  art_push_error(L, "misuse", "a scope was opened and never closed: use local s <close>");
  art_push_task(L, s->owner);
  art_report(L);
}

static bool is_leftover(const struct art_lua_task *t, const struct art_scope *s) {
  return t->scope != s && t->scope->owner == t && (s != NULL || t->scope->kind != ART_SCOPE_TASK);
}

bool art_close_leftovers(lua_State *L, struct art_lua_task *t, struct art_scope *s) {
  while (is_leftover(t, s)) {
    struct art_scope *left = t->scope;
    art_scope_cancel(left, ART_FINISHED);
    if (!art_scope_drained(left->nursery)) return false;
    report_leftover(L, left);
    art_push_value(L, ART_ANCHORS);
    if (left->nursery != left) art_end_scope(L, left->nursery, lua_gettop(L));
    art_end_scope(L, left, lua_gettop(L));
    lua_pop(L, 1);
  }
  return true;
}
