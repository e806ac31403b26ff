#include "lua/body.h"

#include "lua/cycle.h"
#include "lua/ending.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/raised.h"
#include "lua/scope.h"

enum { HANDLER = 1, HANDLE, VALUES };

/* The scope of the task's own children, if it ever had some. */
static struct art_scope *own_scope(const struct art_lua_task *t) {
  struct art_scope *s = t->scope;
  while (s->owner == t && s->kind != ART_SCOPE_TASK) s = s->parent;
  return s->owner == t ? s : NULL;
}

static enum art_outcome verdict(lua_State *L, struct art_lua_task *t, struct art_scope *own) {
  bool raised = (t->flags & ART_BODY_RAISED) != 0;
  if (own != NULL && art_scope_failed(L, own, lua_gettop(L))) return ART_FAILED;
  if (!raised) return ART_DONE;
  uint64_t id = art_cancel_id(L, -1);
  return id != 0 && art_cancel_in_force(t, id) ? ART_CANCELLED : ART_FAILED;
}

static int body_end(lua_State *L, struct art_lua_task *t, struct art_scope *own) {
  enum art_outcome outcome = verdict(L, t, own);
  if (own != NULL) art_end_scope(L, own, 0); /* no handle */
  art_store_values(L, t, HANDLE, outcome == ART_DONE ? lua_gettop(L) - HANDLE : 1);
  art_end_task(t, outcome);
  return 0;
}

static int body_join(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (!art_close_leftovers(L, t, NULL, true)) return art_park_for_children(L, t, body_join, ctx);
  struct art_scope *own = own_scope(t);
  if (own != NULL && !art_scope_drained(own)) return art_park_for_children(L, t, body_join, ctx);
  return body_end(L, t, own);
}

static int body_done(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  bool ok = status == LUA_OK || status == LUA_YIELD;
  if (ok && t->scope->owner != t) { /* the usual case: no children, nothing to wait for */
    art_store_values(L, t, HANDLE, lua_gettop(L) - HANDLE);
    art_end_task(t, ART_DONE);
    return 0;
  }
  struct art_scope *own = own_scope(t);
  if (ok && own != NULL) ok = !art_ends_in_cycle(L, t, own);
  if (!ok) {
    art_raised_restore(L, t, t->cancel.id);
    t->flags |= ART_BODY_RAISED;
  }
  if (own != NULL) art_body_ended(L, own, ok);
  return body_join(L, status, ctx);
}

int art_body(lua_State *L) {
  lua_KContext ctx = (lua_KContext)lua_touserdata(L, HANDLE);
  int nargs = lua_gettop(L) - VALUES;
  return body_done(L, lua_pcallk(L, nargs, LUA_MULTRET, HANDLER, ctx, body_done), ctx);
}
