#include "lua/ending.h"

#include "lua/anchors.h"
#include "lua/error.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/unobserved.h"

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

/* Protected: error and task in. */
int art_note_report(lua_State *L) {
  lua_settop(L, 2);
  art_push_value(L, ART_REPORTS);
  lua_createtable(L, 2, 0);
  for (int i = 1; i <= 2; i++) {
    lua_pushvalue(L, i);
    lua_rawseti(L, -2, i);
  }
  lua_rawseti(L, 3, art_lua_of(L)->reported + 1);
  art_lua_of(L)->reported++;
  return 0;
}

/* Protected: task in. */
int art_note_misuse(lua_State *L) {
  lua_settop(L, 1);
  art_push_error(L, "misuse", "a scope was opened and never closed: use local s <close>");
  lua_insert(L, 1);
  return art_note_report(L);
}

/* [-nargs, +0, -] */
static void note(lua_State *L, enum art_lua_value function, int nargs) {
  art_push_value(L, function);
  lua_insert(L, -nargs - 1);
  if (lua_pcall(L, nargs, 0, 0) == LUA_OK) return;
  lua_pop(L, 1);
  art_lua_of(L)->report_lost = true;
}

void art_report(lua_State *L) {
  note(L, ART_NOTE_REPORT, 2);
}

/* Text, the message of an error of ours, or what kind of value it is. */
static const char *words_of(lua_State *L) {
  if (lua_type(L, -1) == LUA_TTABLE) {
    lua_pushliteral(L, "message");
    lua_rawget(L, -2);
    if (lua_type(L, -1) == LUA_TSTRING) return lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, -1);
}

void art_tell_at_close(lua_State *L, int state) {
  struct art_lua *s = lua_touserdata(L, state);
  lua_getiuservalue(L, state, ART_REPORTS);
  int list = lua_gettop(L);
  for (lua_Integer i = 1; i <= s->reported; i++) {
    lua_rawgeti(L, list, i);
    lua_rawgeti(L, -1, 1);
    lua_writestringerror("asyncrt: error that nobody took: %s\n", words_of(L));
    lua_settop(L, list);
  }
  s->reported = 0;
}

/* [-0, +1, -] The error of an ended, anchored task. */
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

/* Protected: winner and value in. */
static int add_suppressed(lua_State *L) {
  lua_getfield(L, 1, "suppressed");
  if (!lua_istable(L, -1)) {
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, 1, "suppressed");
  }
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  return 0;
}

/* [-1, +0, -] The value on top joins err.suppressed of the error at 'winner', or is it. False: that is no error of ours, or
** there is no memory for it. */
static bool suppress(lua_State *L, int winner) {
  bool same = lua_rawequal(L, winner, -1);
  if (same || !art_is_error(L, winner)) {
    lua_pop(L, 1);
    return same;
  }
  lua_pushcfunction(L, add_suppressed);
  lua_insert(L, -2);
  lua_pushvalue(L, winner);
  lua_insert(L, -2);
  bool done = lua_pcall(L, 2, 0, 0) == LUA_OK;
  if (!done) lua_pop(L, 1);
  return done;
}

/* The failures that do not come out; the one that does is at 'winner'. */
static void tell_the_rest(lua_State *L, struct art_scope *s, int winner) {
  struct art_list *n;
  while ((n = art_list_pop(&s->failures)) != NULL) {
    struct art_lua_task *t = ART_CONTAINER(n, struct art_lua_task, sibling);
    push_failure(L, t);
    if (suppress(L, winner))
      release(L, t);
    else
      art_list_push(&t->rt->reports, &t->sibling);
  }
}

/* What supervised children left. */
static void tell_unobserved(lua_State *L, struct art_scope *s) {
  if (art_list_empty(&s->unobserved)) return;
  art_push_value(L, ART_ANCHORS);
  art_unobserved_tell(L, s->rt, &s->unobserved, lua_gettop(L));
  lua_pop(L, 1);
}

/* The body failed too, but after a child did. */
static void tell_body_error(lua_State *L, struct art_scope *s, int error, int winner) {
  lua_pushvalue(L, error);
  if (suppress(L, winner)) return;
  lua_pushvalue(L, error);
  art_push_task(L, s->owner);
  art_report(L);
}

#define ROOM 12   /* on the stack */
#define CALLERS 2 /* values at its bottom that who ends a scope needs */

/* The body's results may have left no room on the stack, nor memory to make it: they go, and that is its error. The index
** of the body's error. */
static int make_room(lua_State *L, struct art_scope *s, int error) {
  if (lua_checkstack(L, ROOM)) return error;
  lua_settop(L, CALLERS);
  lua_pushliteral(L, "not enough memory");
  s->ending = ART_RAISED;
  s->body_failed = s->first == NULL;
  return lua_gettop(L);
}

bool art_scope_failed(lua_State *L, struct art_scope *s, int error) {
  error = make_room(L, s, error);
  tell_unobserved(L, s);
  if (s->body_failed)
    lua_pushvalue(L, error);
  else if (s->first != NULL)
    push_failure(L, s->first);
  else
    return false;
  int winner = lua_gettop(L);
  if (!s->body_failed && s->ending == ART_RAISED) tell_body_error(L, s, error, winner);
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

void art_abandon_scope(lua_State *L, struct art_scope *s, int anchors) {
  if (s->first != NULL) art_list_push(&s->rt->reports, &s->first->sibling);
  art_list_splice(&s->rt->reports, &s->failures);
  art_unobserved_tell(L, s->rt, &s->unobserved, anchors);
  art_end_scope(L, s, anchors);
}

void art_abandon_scopes(lua_State *L, struct art_lua_task *t, int anchors) {
  while (t->scope->owner == t) {
    struct art_scope *s = t->scope;
    if (s->nursery != s) art_end_scope(L, s->nursery, anchors);
    art_abandon_scope(L, s, anchors);
  }
}

/* [-0, +0, -] */
static void report_leftover(lua_State *L, struct art_scope *s, bool misuse) {
  if (art_scope_failed(L, s, 0)) {
    art_push_task(L, s->owner);
    art_report(L);
  }
  if (!misuse) return;
  art_push_task(L, s->owner);
  note(L, ART_NOTE_MISUSE, 1);
}

bool art_has_leftovers(const struct art_lua_task *t, const struct art_scope *s) {
  return t->scope != s && t->scope->owner == t && t->scope->kind != ART_SCOPE_TASK;
}

bool art_close_leftovers(lua_State *L, struct art_lua_task *t, const struct art_scope *s,
                         bool misuse) {
  while (art_has_leftovers(t, s)) {
    struct art_scope *left = t->scope;
    art_scope_cancel(left, ART_FINISHED);
    if (!art_scope_drained(left->nursery)) return false;
    report_leftover(L, left, misuse);
    art_push_value(L, ART_ANCHORS);
    if (left->nursery != left) art_end_scope(L, left->nursery, lua_gettop(L));
    art_end_scope(L, left, lua_gettop(L));
    lua_pop(L, 1);
  }
  return true;
}
