#include "lua/task.h"

#include "lua/anchors.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/finaliser.h"
#include "lua/mutex.h"
#include "lua/obstacle.h"
#include "lua/scope.h"
#include "lua/usage.h"

struct art_lua_task *art_current_fails(lua_State *L, const char *function) {
  const struct art_lua *state = art_lua_of(L);
  if (state->current == NULL)
    luaL_error(L, "'%s' called outside a task", function);
  else if (state->entered != L)
    luaL_error(
        L,
        "'%s' called in a coroutine that was not resumed by asyncrt's coroutine.resume or wrap: "
        "load asyncrt before what keeps Lua's own",
        function);
  return state->current; /* it cannot suspend from here, but acts for the task */
}

void art_check_finalising(lua_State *L, const char *function) {
  if (art_is_finalising(L)) luaL_error(L, "'%s' called in a finaliser", function);
}

struct art_lua_task *art_acting(lua_State *L) {
  struct art_lua_task *t = art_lua_of(L)->current;
  return t == NULL || (!lua_isyieldable(L) && art_is_finalising(L)) ? NULL : t;
}

static void cannot_suspend(lua_State *L, const struct art_lua_task *t, const char *function) {
  art_push_obstacle(L, t);
  luaL_error(L, "'%s' cannot suspend here: %s is in the way", function, lua_tostring(L, -1));
}

struct art_lua_task *art_current_in_lua(lua_State *L, const char *function) {
  struct art_lua_task *t = art_current(L, function);
  if (art_lua_of(L)->running != L || !lua_isyieldable(L)) cannot_suspend(L, t, function);
  return t;
}

struct art_lua_task *art_checkpoint_fails(lua_State *L, const char *function) {
  art_raise_cancelled(L, art_current_in_lua(L, function));
  return NULL;
}

struct art_lua_task *art_to_task(lua_State *L, int arg, const char *function) {
  const struct art_kinds *kinds = &art_lua_of(L)->kinds;
  const void *meta = art_meta_of(L, arg);
  bool is_task =
      meta == kinds->meta[ART_TASK_KIND] || meta == kinds->meta[ART_SUPERVISED_TASK_KIND];
  struct art_lua_task *t = is_task ? lua_touserdata(L, arg) : NULL;
  if (t == NULL) art_type_error(L, arg, function, ART_TASK_NAME);
  return t;
}

bool art_cancel_in_force(const struct art_lua_task *t, uint64_t id) {
  const struct art_cancel *outermost = art_cancelled_by(t);
  if (outermost == NULL) return false;
  if (outermost->id == id) return true;
  if (t->cancel.id == id) return t->cancel.cause != ART_NOT_CANCELLED;
  for (const struct art_scope *s = t->scope; s != NULL; s = s->parent) {
    if (s->cancel.id == id) return s->cancel.cause != ART_NOT_CANCELLED;
    if (s->owner != NULL && s->owner->cancel.id == id)
      return s->owner->cancel.cause != ART_NOT_CANCELLED;
  }
  return false;
}

void art_push_task(lua_State *L, const struct art_lua_task *t) {
  art_push_value(L, ART_ANCHORS);
  lua_rawgeti(L, -1, t->cancel.slot);
  lua_remove(L, -2);
}

/* Where the i-th value is, from 0 on. */
static int value_index(int i) {
  return i == 0 ? ART_TASK_VALUE : ART_TASK_MORE + i - 1;
}

/* [-0, +n, m] */
static int push_packed(lua_State *L, int index) {
  lua_getiuservalue(L, index, ART_TASK_VALUE);
  int packed = lua_gettop(L);
  lua_getfield(L, packed, "n");
  int n = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  art_check_stack(L, n + 1, "too many results");
  for (int i = 1; i <= n; i++) lua_rawgeti(L, packed, i);
  lua_remove(L, packed);
  return n;
}

int art_push_values(lua_State *L, const struct art_lua_task *t, int index) {
  if ((t->flags & ART_PACKED) != 0) return push_packed(L, index);
  int n = t->nvalues;
  art_check_stack(L, n + 1, "too many results");
  for (int i = 0; i < n; i++) lua_getiuservalue(L, index, value_index(i));
  return n;
}

/* [-n, +0, m] */
static void store_packed(lua_State *L, int index, int n) {
  art_check_stack(L, 4, "too many results"); /* they may fill it */
  lua_createtable(L, n, 1);
  lua_insert(L, -n - 1);
  for (int i = n; i >= 1; i--) lua_rawseti(L, -i - 1, i);
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
  lua_setiuservalue(L, index, ART_TASK_VALUE);
}

void art_store_values(lua_State *L, struct art_lua_task *t, int index, int n) {
  if (n == 0) {
    lua_pushnil(L);
    lua_setiuservalue(L, index, ART_TASK_VALUE); /* it anchored the coroutine */
  } else if (n > t->room) {
    store_packed(L, index, n);
    t->flags |= ART_PACKED;
    return;
  }
  for (int i = n - 1; i >= 0; i--) lua_setiuservalue(L, index, value_index(i));
  t->nvalues = (uint8_t)n;
}

void art_end_task(struct art_lua_task *t, enum art_outcome outcome) {
  struct art_scope *s = t->scope;
  art_usage_end(t, s->owner);
  t->outcome = (uint8_t)outcome;
  if (t->contended != NULL) art_mutex_owner_ended(t);
  if (!art_waitlist_empty(&t->awaiters)) t->flags |= ART_OBSERVED;
  art_waitlist_wake_all(
      &t->awaiters); /* first: they get its own error, not the cancel that follows */
  art_scope_child_ended(s, t);
  t->scope = NULL;
}

/* A failed supervised task that nobody has observed keeps its slot: its finaliser comes back through it. */
void art_let_go(lua_State *L, struct art_lua_task *t, int anchors) {
  bool unobserved = t->outcome == ART_FAILED && (t->flags & ART_SUPERVISED) != 0 &&
                    (t->flags & ART_OBSERVED) == 0;
  if (!unobserved) {
    art_unanchor(L, t->rt, anchors, t->cancel.slot);
    t->rt = NULL;
    return;
  }
  lua_rawgeti(L, anchors, t->cancel.slot);
  lua_pushvalue(L, anchors);
  lua_setiuservalue(L, -2, ART_TASK_MORE);
  lua_pop(L, 1);
  lua_pushboolean(L, 0);
  lua_rawseti(L, anchors, t->cancel.slot);
}
