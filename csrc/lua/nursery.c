#include "lua/nursery.h"

#include "lua/anchors.h"
#include "lua/args.h"
#include "lua/boundary.h"
#include "lua/cycle.h"
#include "lua/ending.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/trace.h"

const struct art_kind art_scope_kind = {.name = "asyncrt.scope",
                                        .size = sizeof(struct art_scope_handle),
                                        .index = ART_SCOPE_KIND,
                                        .meta = ART_SCOPE_META};

/* [-0, +1, m] A handle without a scope; its slot is taken. */
static uint32_t new_handle(lua_State *L, struct art_lua_runtime *rt,
                           struct art_scope_handle **handle) {
  *handle = art_new_handle(L, &art_scope_kind, 0);
  art_push_value(L, ART_ANCHORS);
  lua_pushvalue(L, -2);
  uint32_t slot = art_anchor(L, rt, lua_absindex(L, -2));
  lua_pop(L, 1);
  return slot;
}

static void give_handle(struct art_scope *s, struct art_scope_handle *handle, uint32_t slot) {
  handle->scope = s;
  s->handle = handle;
  s->cancel.slot = slot;
}

static int no_memory_for_scope(lua_State *L, struct art_lua_runtime *rt, uint32_t slot) {
  art_push_value(L, ART_ANCHORS);
  art_unanchor(L, rt, lua_gettop(L), slot);
  return art_no_memory(L);
}

static bool check_options(lua_State *L, int arg) {
  static const char *const names[] = {"supervise", NULL};
  if (lua_isnoneornil(L, arg)) return false;
  art_check_option_names(L, arg, "scope", names);
  int type = lua_getfield(L, arg, "supervise");
  if (type != LUA_TNIL && type != LUA_TBOOLEAN)
    art_arg_error(L, arg, "scope", "field 'supervise' must be a boolean");
  bool supervise = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return supervise;
}

/* async.scope(fn, opts) */
static int scope_function(lua_State *L) {
  art_check_callable(L, 1, "scope");
  bool supervise = check_options(L, 2);
  struct art_lua_task *t = art_checkpoint(L, "scope");
  struct art_scope_handle *handle;
  lua_settop(L, 1);
  uint32_t slot = new_handle(L, t->rt, &handle);
  struct art_scope *s = art_scope_open(t->rt, t->scope, t, ART_SCOPE_BODY);
  if (s == NULL) return no_memory_for_scope(L, t->rt, slot);
  give_handle(s, handle, slot);
  s->supervise = supervise;
  return art_run_in(L, s);
}

/* local s <close> = async.scope(opts): the code of the block in one scope, and the nursery inside it in another, so
** that s:cancel reaches the children only and a child's failure reaches both. */
static int scope_block(lua_State *L) {
  bool supervise = check_options(L, 1);
  struct art_lua_task *t = art_checkpoint(L, "scope");
  struct art_scope_handle *handle;
  uint32_t slot = new_handle(L, t->rt, &handle);
  struct art_scope *block = art_scope_open(t->rt, t->scope, t, ART_SCOPE_BLOCK);
  if (block == NULL) return no_memory_for_scope(L, t->rt, slot);
  struct art_scope *nursery = art_scope_open(t->rt, block, t, ART_SCOPE_NURSERY);
  if (nursery == NULL) {
    art_scope_end(block);
    return no_memory_for_scope(L, t->rt, slot);
  }
  block->nursery = nursery;
  give_handle(nursery, handle, slot);
  nursery->supervise = supervise;
  return 1;
}

static int scope(lua_State *L) {
  bool block = lua_isnone(L, 2) && (lua_isnoneornil(L, 1) || lua_istable(L, 1));
  if (block && luaL_getmetafield(L, 1, "__call") != LUA_TNIL) {
    lua_pop(L, 1);
    block = false;
  }
  return block ? scope_block(L) : scope_function(L);
}

/* --- the end of a block ----------------------------------------------------------------------------------- */

enum { CLOSED = 1, ERROR, RAISES }; /* the last: is the error not one that goes on by itself? */

static int block_end(lua_State *L, struct art_scope *block) {
  bool raised = block->ending != ART_RETURNED;
  bool goes_on = block->body_failed && !lua_toboolean(L, RAISES);
  bool failed = art_scope_failed(L, block, raised ? ERROR : 0);
  art_push_value(L, ART_ANCHORS);
  art_end_scope(L, block->nursery, lua_gettop(L));
  art_end_scope(L, block, lua_gettop(L));
  lua_pop(L, 1);
  return failed && !goes_on ? art_rethrow(L) : 0;
}

static int block_join(lua_State *L, int status, lua_KContext ctx) {
  struct art_scope *block = (struct art_scope *)ctx;
  (void)status;
  if (!art_close_leftovers(L, block->owner, block, true) || !art_scope_drained(block->nursery))
    return art_park_for_children(L, block->owner, block_join, ctx);
  return block_end(L, block);
}

/* With an error or nil as the second argument. */
static int close_block(lua_State *L, const struct art_scope_handle *handle, const char *name) {
  struct art_scope *nursery = handle->scope;
  if (nursery == NULL) return 0; /* closing twice is fine */
  struct art_lua_task *t = art_current_in_lua(L, name);
  if (nursery->kind != ART_SCOPE_NURSERY || nursery->owner != t)
    return luaL_error(L, "'%s' on a scope that is not this task's block", name);
  if (art_scope_encloses_running(nursery->parent, t))
    return luaL_error(L, "'%s' on a block's scope from inside another scope's function", name);
  art_check_stack(L, 4, NULL);
  bool in_cycle = lua_isnil(L, ERROR) && art_ends_in_cycle(L, t, nursery);
  if (in_cycle) lua_replace(L, ERROR);
  lua_pushboolean(L, in_cycle);
  lua_pushvalue(L, ERROR);
  art_body_ended(L, nursery->parent, lua_isnil(L, ERROR));
  lua_pop(L, 1);
  return block_join(L, LUA_OK, (lua_KContext)nursery->parent);
}

static int scope_close_variable(lua_State *L) {
  const struct art_scope_handle *handle = art_check_handle(L, 1, "close", &art_scope_kind);
  lua_settop(L, ERROR);
  return close_block(L, handle, "close");
}

static int scope_close(lua_State *L) {
  const struct art_scope_handle *handle = art_check_handle(L, 1, "close", &art_scope_kind);
  lua_settop(L, CLOSED);
  lua_pushnil(L);
  return close_block(L, handle, "close");
}

/* --- the handle -------------------------------------------------------------------------------------------- */

static int scope_cancel(lua_State *L) {
  struct art_scope_handle *handle = art_check_handle(L, 1, "cancel", &art_scope_kind);
  struct art_scope *s = handle->scope;
  if (s == NULL || s->cancel.cause != ART_NOT_CANCELLED) return 0;
  lua_settop(L, 2);
  art_keep_reason(L);
  art_scope_cancel(s, ART_EXPLICIT);
  return 0;
}

static int scope_tostring(lua_State *L) {
  struct art_scope_handle *handle = art_check_handle(L, 1, "tostring", &art_scope_kind);
  struct art_scope *s = handle->scope;
  if (s == NULL)
    lua_pushliteral(L, "scope (ended)");
  else
    lua_pushfstring(L, "scope %I (%s)", (LUAI_UACINT)s->cancel.id,
                    s->cancel.cause == ART_NOT_CANCELLED ? "open" : "cancelled");
  return 1;
}

/* mark_race(scope): it is over when one of its tasks has ended */
static int mark_race(lua_State *L) {
  struct art_scope_handle *handle = art_check_handle(L, 1, "mark_race", &art_scope_kind);
  if (handle->scope != NULL) handle->scope->race = true;
  return 0;
}

const luaL_Reg art_scope_functions[] = {{"scope", scope}, {"mark_race", mark_race}, {NULL, NULL}};
const luaL_Reg art_scope_methods[] = {
    {"cancel", scope_cancel}, {"close", scope_close}, {NULL, NULL}};
const luaL_Reg art_scope_metamethods[] = {
    {"__close", scope_close_variable}, {"__tostring", scope_tostring}, {NULL, NULL}};
