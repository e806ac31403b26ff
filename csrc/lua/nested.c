#include "lua/nested.h"

#include <lualib.h>

#include "lua/ending.h"
#include "lua/error.h"
#include "lua/hook.h"
#include "lua/park.h"
#include "lua/policy.h"
#include "lua/task.h"
#include "lua/trace.h"

enum { CO = 1 };        /* where the coroutine is on the stack of those who resume it */
enum { FAILED = -1 };   /* instead of a number of values: an error is on top */
#define MAX_CLOSING 160 /* coroutines that close one another: Lua before 5.4.5 does not count */

static int resume(lua_State *L);
static int call_wrapped(lua_State *L);

/* --- what waits ------------------------------------------------------------------------------------------------------ */

/* [-0, +(0|1), -] The function that 'co' has stopped in, on its stack; false: none, or no room. */
static bool push_top_function(lua_State *co) {
  lua_Debug ar;
  if (!lua_getstack(co, 0, &ar) || !lua_checkstack(co, 2)) return false;
  lua_getinfo(co, "f", &ar);
  return true;
}

lua_State *art_nested_in(lua_State *co) {
  if (!push_top_function(co)) return NULL;
  lua_CFunction f = lua_tocfunction(co, -1);
  lua_pop(co, 1);
  return f == resume || f == call_wrapped ? lua_tothread(co, CO) : NULL;
}

/* Has it stopped for the run loop's sake? Those who park are functions of ours; where a coroutine has stopped in a Lua
** function, it was pre-empted. Everything else has yielded to whoever resumed it. */
static bool is_awaiting(lua_State *co, const struct art_lua *state) {
  if (!state->awaits_inside || lua_status(co) != LUA_YIELD || !push_top_function(co)) return false;
  bool awaiting = !lua_iscfunction(co, -1);
  if (!awaiting && lua_getupvalue(co, -1, 1) != NULL) {
    awaiting = lua_touserdata(co, -1) == state;
    lua_pop(co, 1);
  }
  lua_pop(co, 1);
  return awaiting;
}

/* --- resume ---------------------------------------------------------------------------------------------------------- */

/* [-0, +n, m] What the coroutine gave, moved to L: the number of values, or FAILED. */
static int take_values(lua_State *L, lua_State *co, int status, int nresults) {
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return FAILED;
  }
  if (!lua_checkstack(L, nresults + 1)) {
    lua_pop(co, nresults);
    lua_pushliteral(L, "too many results to resume");
    return FAILED;
  }
  lua_xmove(co, L, nresults);
  return nresults;
}

/* Pops what it yielded. It holds a scope that its resumer would leave behind: it gets an error at its next instruction. */
static int refuse_yield(lua_State *L, lua_State *co, const struct art_scope *base, int *nresults) {
  const struct art_lua_task *t = art_lua_of(L)->current;
  lua_pop(co, *nresults);
  art_preempt_forget(co);
  if (art_raise_next(co, ART_YIELD_IN_SCOPE)) {
    int status = lua_resume(co, L, 0, nresults);
    art_raise_never(co);
    if (status != LUA_YIELD || t->wait != NULL || !art_has_leftovers(t, base)) return status;
  }
  (void)art_reset_thread(
      L, co); /* it came to no instruction, swallowed the error, or a debugger has the hook */
  lua_settop(co, 0);
  lua_pushliteral(co, "yield inside a scope");
  return LUA_ERRRUN;
}

/* The two ways to resume. */
struct way {
  int (*answer)(lua_State *L,
                int n); /* the coroutine has come back with the n values on top of L, or FAILED */
  lua_KFunction await;  /* goes on when the task is polled again */
  lua_KFunction settle; /* the same, see there */
};

#define HAS_FAILED 1 /* in a context, beside the address of a scope */

/* The coroutine has ended with scopes open: with blocks that an error left, for Lua closes their variables only when the
** dead coroutine is closed, or that have no <close>. */
static int settle(lua_State *L, const struct way *way, lua_KContext ctx) {
  bool failed = (ctx & HAS_FAILED) != 0;
  struct art_lua_task *t = art_lua_of(L)->current;
  if (!art_close_leftovers(L, t, (struct art_scope *)(ctx & ~(lua_KContext)HAS_FAILED), !failed))
    return art_park_for_children(L, t, way->settle, ctx);
  return way->answer(L, failed ? FAILED : lua_gettop(L) - CO);
}

/* Runs the coroutine, with the nargs values that are on its stack already. */
static int resume_in(lua_State *L, lua_State *co, int nargs, int *nresults) {
  struct art_lua *state = art_lua_of(L);
  const struct art_lua_task *t = state->current;
  lua_State *running = state->running, *entered = state->entered;
  state->running = running == L && lua_isyieldable(L) ? co : NULL;
  state->entered = co;
  if (t != NULL) art_preempt_enter(co, t);
  int status = lua_resume(co, L, nargs, nresults);
  state->running = running;
  state->entered = entered;
  if (t != NULL) art_preempt_enter(L, t);
  return status;
}

/* [-0, +results, m] As resume_in; 'base' is the scope in which it was resumed. */
static int go(lua_State *L, const struct way *way, int nargs, struct art_scope *base) {
  struct art_lua_task *t = art_lua_of(L)->current;
  lua_State *co = lua_tothread(L, CO);
  uint16_t critical = t == NULL ? 0 : t->flags & ART_CRITICAL;
  int nresults, status = resume_in(L, co, nargs, &nresults);
  if (t == NULL) return way->answer(L, take_values(L, co, status, nresults));
  /* A critical function that the coroutine has left by a yield holds no longer. */
  if (t->wait == NULL) t->flags = (uint16_t)((t->flags & ~ART_CRITICAL) | critical);
  if (status == LUA_YIELD && t->wait == NULL && art_has_leftovers(t, base))
    status = refuse_yield(L, co, base, &nresults);
  if (status == LUA_YIELD && t->wait != NULL) {
    art_lua_of(L)->awaits_inside = true;
    return lua_yieldk(L, 0, (lua_KContext)base, way->await);
  }
  int n = take_values(L, co, status, nresults);
  if (status != LUA_YIELD && art_has_leftovers(t, base))
    return settle(L, way, (lua_KContext)base | (n == FAILED ? HAS_FAILED : 0));
  return way->answer(L, n);
}

/* Resumes the coroutine at CO with the values above it. */
static int enter(lua_State *L, const struct way *way) {
  const struct art_lua *state = art_lua_of(L);
  lua_State *co = lua_tothread(L, CO);
  int nargs = lua_gettop(L) - CO;
  const char *refused = NULL;
  if (is_awaiting(co, state))
    refused = "cannot resume non-suspended coroutine";
  else if (!lua_checkstack(co, nargs))
    refused = "too many arguments to resume";
  if (refused != NULL) {
    lua_pushstring(L, refused);
    return way->answer(L, FAILED);
  }
  lua_xmove(L, co, nargs);
  return go(L, way, nargs, state->current == NULL ? NULL : state->current->scope);
}

/* The task is polled again. Whoever closed the coroutine meanwhile had Lua's own function for that. */
static int wake(lua_State *L, const struct way *way, lua_KContext ctx) {
  if (lua_status(lua_tothread(L, CO)) != LUA_YIELD) (void)art_take_abort(art_lua_of(L)->current);
  return go(L, way, 0, (struct art_scope *)ctx);
}

static int answer_resume(lua_State *L, int n) {
  lua_pushboolean(L, n != FAILED);
  if (n == FAILED) n = 1;
  lua_insert(L, -n - 1);
  return n + 1;
}

static int resume_await(lua_State *L, int status, lua_KContext ctx);
static int resume_settle(lua_State *L, int status, lua_KContext ctx);

static const struct way by_resume = {answer_resume, resume_await, resume_settle};

static int resume_await(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return wake(L, &by_resume, ctx);
}

static int resume_settle(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return settle(L, &by_resume, ctx);
}

static lua_State *check_coroutine(lua_State *L) {
  lua_State *co = lua_tothread(L, CO);
  luaL_argexpected(L, co != NULL, CO, "thread");
  return co;
}

static int resume(lua_State *L) {
  check_coroutine(L);
  return enter(L, &by_resume);
}

/* --- wrap ------------------------------------------------------------------------------------------------------------ */

/* [-1, +1, m] As Lua does: a message gets the position of the caller. */
static void add_position(lua_State *L) {
  if (lua_type(L, -1) != LUA_TSTRING) return;
  luaL_where(L, 1);
  lua_insert(L, -2);
  lua_concat(L, 2);
}

/* The error on top has ended the coroutine. Its story in a task begins with what that was doing. */
static int raise_for(lua_State *L, lua_State *co) {
  bool told = art_lua_of(L)->current != NULL && lua_status(co) != LUA_ERRMEM;
  if (told)
    art_trace_coroutine(L, co);
  else
    lua_pushnil(L);
  int status = art_reset_thread(L, co); /* its handlers of <close> may raise another one */
  lua_xmove(co, L, 1);
  if (status != LUA_ERRMEM) add_position(L);
  if (!told || status == LUA_ERRMEM) return lua_error(L);
  lua_insert(L, -2);
  art_trace_keep(L);
  return art_rethrow(L);
}

static int answer_wrapped(lua_State *L, int n) {
  if (n != FAILED) return n;
  lua_State *co = lua_tothread(L, CO);
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) return raise_for(L, co);
  add_position(L); /* it was not resumed, or gave too much */
  return lua_error(L);
}

static int wrapped_await(lua_State *L, int status, lua_KContext ctx);
static int wrapped_settle(lua_State *L, int status, lua_KContext ctx);

static const struct way by_wrap = {answer_wrapped, wrapped_await, wrapped_settle};

static int wrapped_await(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return wake(L, &by_wrap, ctx);
}

static int wrapped_settle(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return settle(L, &by_wrap, ctx);
}

/* --- bodies ---------------------------------------------------------------------------------------------------------- */

#define FUNCTION 2 /* upvalue */

static int body_done(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  if (status != LUA_OK && status != LUA_YIELD) return art_rethrow(L);
  return lua_gettop(L) - 1;
}

static int protected_body(lua_State *L) {
  int nargs = lua_gettop(L);
  art_check_stack(L, 2, "too many arguments");
  art_push_value(L, ART_TRACER);
  lua_insert(L, 1);
  lua_pushvalue(L, lua_upvalueindex(FUNCTION));
  lua_insert(L, 2);
  return body_done(L, lua_pcallk(L, nargs, LUA_MULTRET, 1, 0, body_done), 0);
}

/* [-0, +1, m] A coroutine of the function at 1. After an error from a hook only a protected call gives Lua its hooks back: where
** code is pre-empted its body is one, or nothing could stop the handlers of <close> that run then. */
static lua_State *push_coroutine(lua_State *L) {
  const struct art_lua_task *t = art_lua_of(L)->current;
  lua_State *co = lua_newthread(L);
  if (t != NULL && art_policy_of(t) != NULL) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, protected_body, FUNCTION);
  } else {
    lua_pushvalue(L, 1);
  }
  lua_xmove(L, co, 1);
  return co;
}

static int create(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  push_coroutine(L);
  return 1;
}

#define WRAPPED 2 /* upvalue */

static int call_wrapped(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(WRAPPED));
  lua_insert(L, CO);
  return enter(L, &by_wrap);
}

static int wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_pushvalue(L, lua_upvalueindex(1));
  push_coroutine(L);
  lua_pushcclosure(L, call_wrapped, WRAPPED);
  return 1;
}

/* --- the others ------------------------------------------------------------------------------------------------------ */

static const char *status_of(lua_State *L, lua_State *co) {
  lua_Debug ar;
  if (L == co) return "running";
  switch (lua_status(co)) {
  case LUA_YIELD: return is_awaiting(co, art_lua_of(L)) ? "normal" : "suspended";
  case LUA_OK:
    if (lua_getstack(co, 0, &ar)) return "normal"; /* it has resumed another one */
    return lua_gettop(co) == 0 ? "dead" : "suspended";
  default: return "dead";
  }
}

static int status(lua_State *L) {
  lua_pushstring(L, status_of(L, check_coroutine(L)));
  return 1;
}

int art_reset_thread(lua_State *L, lua_State *co) {
  struct art_lua *state = art_lua_of(L);
  lua_State *running = state->running, *entered = state->entered;
  if (state->closing == MAX_CLOSING) luaL_error(L, "C stack overflow");
  state->closing++;
  state->running = NULL; /* Lua cannot suspend there */
  if (entered != NULL) state->entered = co;
  int result = ART_RESET_THREAD(co, L);
  state->running = running;
  state->entered = entered;
  state->closing--;
  if (state->current != NULL && state->current->rt != NULL) art_preempt_enter(L, state->current);
  return result;
}

static int close(lua_State *L) {
  lua_State *co = check_coroutine(L);
  const char *now = status_of(L, co);
  if (*now != 'd' && *now != 's') return luaL_error(L, "cannot close a %s coroutine", now);
  if (art_reset_thread(L, co) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  return 2;
}

/* A task's own coroutine that scripts get hold of is not used for another task: they may keep it as a key. */
static int running(lua_State *L) {
  struct art_lua *state = art_lua_of(L);
  bool is_main = lua_pushthread(L);
  if (state->current != NULL && state->current->co == L) {
    state->current->flags |= ART_EXPOSED;
    state->awaits_inside = true;
  }
  lua_pushboolean(L, is_main);
  return 2;
}

void art_nested_install(lua_State *L, int state) {
  static const luaL_Reg functions[] = {{"create", create}, {"resume", resume}, {"wrap", wrap},
                                       {"status", status}, {"close", close},   {"running", running},
                                       {NULL, NULL}};
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_newtable(L);
  if (lua_getfield(L, -2, LUA_COLIBNAME) == LUA_TTABLE) {
    for (const luaL_Reg *f = functions; f->name != NULL; f++) {
      lua_getfield(L, -1, f->name);
      lua_setfield(L, -3, f->name);
    }
    lua_pushvalue(L, state);
    luaL_setfuncs(L, functions, 1);
  }
  lua_pop(L, 1);
  lua_remove(L, -2);
}
