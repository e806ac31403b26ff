/* Boundaries: functions that run a function in a scope of its own. */
#include "lua/boundary.h"

#include "lua/args.h"
#include "lua/cycle.h"
#include "lua/ending.h"
#include "lua/error.h"
#include "lua/hog.h"
#include "lua/park.h"
#include "lua/policy.h"
#include "lua/raised.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/trace.h"

enum { HANDLER = 1, VALUES };

/* The scope was cancelled and its body unwound for that. */
static int answer_cancel(lua_State *L, struct art_lua_task *t, enum art_scope_kind kind) {
  if (art_cancelled_by(t) != NULL) return art_raise_cancelled(L, t); /* the outermost answers */
  if (kind == ART_SCOPE_BODY) {
    lua_pushnil(L);
    lua_pushliteral(L, "cancelled");
    lua_getfield(L, -3, "reason");
    return 3;
  }
  if (kind == ART_SCOPE_TRY_TIMEOUT) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (kind == ART_SCOPE_JOIN) {
    lua_pushnil(L);
    lua_pushliteral(L, "timeout");
    lua_pushliteral(L, "timeout");
    return 3;
  }
  art_push_error(L, "timeout", "timeout");
  return lua_error(L);
}

/* Nothing went wrong in it, nothing is left of it, and no handle leads to it: nearly always. */
static bool is_plain(const struct art_scope *s) {
  return s->first == NULL && s->handle == NULL && art_list_empty(&s->children) &&
         s->owner->scope == s && art_list_empty(&s->failures) && art_list_empty(&s->unobserved);
}

static int give_results(lua_State *L, enum art_scope_kind kind) {
  int top = lua_gettop(L);
  if (kind != ART_SCOPE_TRY_TIMEOUT) return top - HANDLER;
  art_check_stack(L, 1, "too many results"); /* they may fill it */
  lua_pushboolean(L, 1);
  lua_replace(L, HANDLER);
  return top;
}

static int boundary_end(lua_State *L, struct art_scope *s) {
  struct art_lua_task *t = s->owner;
  enum art_ending ending = s->ending;
  enum art_scope_kind kind = s->kind;
  bool failed = art_scope_failed(L, s, lua_gettop(L));
  art_push_value(L, ART_ANCHORS);
  art_end_scope(L, s, lua_gettop(L));
  lua_pop(L, 1);
  if (failed || ending == ART_OUTER_CANCEL) return art_rethrow(L);
  if (ending == ART_OWN_CANCEL) return answer_cancel(L, t, kind);
  return give_results(L, kind);
}

static int boundary_join(lua_State *L, int status, lua_KContext ctx) {
  struct art_scope *s = (struct art_scope *)ctx;
  (void)status;
  if (!art_close_leftovers(L, s->owner, s, true) || !art_scope_drained(s))
    return art_park_for_children(L, s->owner, boundary_join, ctx);
  return boundary_end(L, s);
}

static int boundary_done(lua_State *L, int status, lua_KContext ctx) {
  struct art_scope *s = (struct art_scope *)ctx;
  bool ok = status == LUA_OK || status == LUA_YIELD;
  s->running = false;
  if (ok && (s->owner->flags & ART_RAISING) != 0) art_raised_forget(L, s->owner, s->cancel.id);
  if (ok && is_plain(s)) {
    enum art_scope_kind kind = s->kind;
    art_scope_end(s);
    return give_results(L, kind);
  }
  if (ok) ok = !art_ends_in_cycle(L, s->owner, s);
  if (!ok) art_raised_restore(L, s->owner, s->cancel.id);
  art_body_ended(L, s, ok);
  return boundary_join(L, status, ctx);
}

/* The handler is in its place. */
static int run_in(lua_State *L, struct art_scope *s) {
  lua_KContext ctx = (lua_KContext)s;
  int nargs = lua_gettop(L) - VALUES;
  s->running = true;
  return boundary_done(L, lua_pcallk(L, nargs, LUA_MULTRET, HANDLER, ctx, boundary_done), ctx);
}

int art_run_in(lua_State *L, struct art_scope *s) {
  art_push_value(L, ART_HANDLER);
  lua_insert(L, HANDLER);
  return run_in(L, s);
}

static struct art_scope *open_scope(lua_State *L, struct art_lua_task *t, enum art_scope_kind k) {
  struct art_scope *s = art_scope_open(t->rt, t->scope, t, k);
  if (s == NULL) art_no_memory(L);
  return s;
}

/* A shield of code that is not trusted. */
static void end_after_slice(struct art_runtime *core, struct art_scope *s) {
  uint64_t end_ns = art_deadline(art_runtime_outer_now_ns(core), s->policy->slice_ns);
  if (end_ns != ART_NEVER) art_wheel_arm(art_runtime_outer_wheel(core), &s->deadline, end_ns);
}

static int shield(lua_State *L) {
  struct art_lua_task *t = art_current_in_lua(L, "shield");
  art_check_callable(L, 1, "shield");
  struct art_scope *s = open_scope(L, t, ART_SCOPE_SHIELD);
  if ((t->flags & ART_DOOMED) != 0 && art_is_asked_to_stop(t)) art_scope_lift_shields(s);
  if (s->policy != NULL && s->policy->untrusted) end_after_slice(t->rt->core, s);
  return art_run_in(L, s);
}

int art_run_within(lua_State *L, enum art_scope_kind kind, uint64_t delay_ns, const char *name) {
  struct art_lua_task *t = art_checkpoint(L, name);
  struct art_scope *s = open_scope(L, t, kind);
  struct art_runtime *core = t->rt->core;
  if (delay_ns == 0) {
    art_scope_cancel(s, ART_EXPIRED);
  } else {
    uint64_t deadline_ns = art_deadline(art_runtime_now_ns(core), delay_ns);
    if (deadline_ns != ART_NEVER) art_wheel_arm(&core->wheel, &s->deadline, deadline_ns);
  }
  art_push_value(L, ART_HANDLER);
  lua_replace(L, HANDLER);
  return run_in(L, s);
}

static int timeout_in(lua_State *L, enum art_scope_kind kind, const char *name) {
  uint64_t delay_ns = art_check_seconds(L, 1, name);
  art_check_callable(L, 2, name);
  return art_run_within(L, kind, delay_ns, name);
}

static int timeout(lua_State *L) {
  return timeout_in(L, ART_SCOPE_TIMEOUT, "timeout");
}

static int try_timeout(lua_State *L) {
  return timeout_in(L, ART_SCOPE_TRY_TIMEOUT, "try_timeout");
}

const luaL_Reg art_boundary_functions[] = {
    {"shield", shield}, {"timeout", timeout}, {"try_timeout", try_timeout}, {NULL, NULL}};
