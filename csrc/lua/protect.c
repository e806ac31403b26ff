#include "lua/protect.h"

#include <string.h>

#include <lualib.h>

#include "lua/args.h"
#include "lua/policy.h"
#include "lua/task.h"
#include "lua/trace.h"

/* --- critical -------------------------------------------------------------------------------------------------------- */

#define FUNCTION 2 /* upvalue */

/* The context is the id of the task that the call has made critical, 0: none. By now another one may run the coroutine. */
static int critical_done(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = art_lua_of(L)->current;
  if (t != NULL && ctx != 0 && ctx == (lua_KContext)t->cancel.id) {
    t->flags &= (uint16_t)~ART_CRITICAL;
    art_preempt_enter(L, t);
  }
  if (status != LUA_OK && status != LUA_YIELD) return art_rethrow(L);
  return lua_gettop(L) - 1;
}

static int call_critical(lua_State *L) {
  struct art_lua_task *t = art_lua_of(L)->current;
  int nargs = lua_gettop(L);
  if (t != NULL && (t->flags & ART_CRITICAL) != 0) t = NULL; /* the outermost call ends it */
  if (t != NULL) t->flags |= ART_CRITICAL;
  art_push_value(L, ART_TRACER); /* a pcall around this may catch what is passed on */
  lua_insert(L, 1);
  lua_pushvalue(L, lua_upvalueindex(FUNCTION));
  lua_insert(L, 2);
  lua_KContext ctx = t == NULL ? 0 : (lua_KContext)t->cancel.id;
  return critical_done(L, lua_pcallk(L, nargs, LUA_MULTRET, 1, ctx, critical_done), ctx);
}

/* async.critical(fn) */
static int critical(lua_State *L) {
  const struct art_lua_task *t = art_acting(L);
  art_check_callable(L, 1, "critical");
  if (t != NULL) art_check_trusted(L, t, "critical");
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_pushcclosure(L, call_critical, FUNCTION);
  return 1;
}

/* --- xpcall ---------------------------------------------------------------------------------------------------------- */

enum { MESSAGE_HANDLER = 1, HANDLER, VALUES };

/* What a handler has said is on top, or its error. */
static int failed(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

static int called(lua_State *L, int status, lua_KContext handle_late) {
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - HANDLER;
  if (!handle_late) return failed(L, status, 0);
  lua_pushvalue(L, MESSAGE_HANDLER);
  lua_insert(L, -2);
  return failed(L, lua_pcallk(L, 1, 1, 0, 0, failed), 0);
}

static bool is_traceback(lua_State *L, int index) {
  lua_CFunction f = lua_tocfunction(L, index);
  if (f == NULL) return false;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  bool same = false;
  if (lua_getfield(L, -1, LUA_DBLIBNAME) == LUA_TTABLE) {
    lua_getfield(L, -1, "traceback");
    same = lua_tocfunction(L, -1) == f;
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  return same;
}

/* A message handler runs where Lua cannot yield, and with hooks off if a hook has raised: nothing could stop one that does
** not end. Where code is pre-empted it is called after the unwinding; the traceback is taken before. */
static bool must_handle_late(lua_State *L) {
  const struct art_lua_task *t = art_lua_of(L)->current;
  return t != NULL && art_policy_of(t) != NULL && !is_traceback(L, 2);
}

/* xpcall(f, msgh, ...) */
static int protected_call(lua_State *L) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  bool late = must_handle_late(L);
  int nargs = lua_gettop(L) - 2;
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, VALUES, 2); /* true and f go below the arguments */
  lua_copy(L, 2, MESSAGE_HANDLER);
  if (late) {
    art_push_value(L, ART_TRACER);
    lua_replace(L, HANDLER);
  }
  return called(L, lua_pcallk(L, nargs, LUA_MULTRET, HANDLER, late, called), late);
}

void art_protect_install(lua_State *L, int state) {
  lua_pushglobaltable(L);
  if (lua_getfield(L, -1, "load") == LUA_TFUNCTION)
    ((struct art_lua *)lua_touserdata(L, state))->load = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  if (lua_getfield(L, -1, "xpcall") == LUA_TFUNCTION) {
    lua_setfield(L, -3, "xpcall");
    lua_pushvalue(L, state);
    lua_pushcclosure(L, protected_call, 1);
    lua_setfield(L, -2, "xpcall");
  } else {
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* layer(): the caller lies where the whole Lua layer does. */
static int layer(lua_State *L) {
  lua_Debug ar;
  if (!lua_getstack(L, 1, &ar)) return 0;
  lua_getinfo(L, "S", &ar);
  const char *end = strrchr(ar.source, '/');
  if (*ar.source != '@' || end == NULL) return 0;
  lua_pushlstring(L, ar.source, (size_t)(end + 1 - ar.source));
  art_lua_of(L)->layer = lua_tostring(L, -1);
  lua_setiuservalue(L, lua_upvalueindex(1), ART_LAYER);
  return 0;
}

const luaL_Reg art_protect_functions[] = {{"critical", critical}, {"layer", layer}, {NULL, NULL}};
