#include "lua/loop.h"

#include <errno.h>

#include "lua/anchors.h"
#include "lua/ending.h"
#include "lua/error.h"
#include "lua/nested.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/usage.h"

void art_loop_enter(lua_State *L, struct art_lua_runtime *rt, int index, const char *function) {
  art_check_stack(L, 32, NULL);
  if (rt->core == NULL) luaL_error(L, "'%s' on a closed runtime", function);
  if (rt->state->active != NULL)
    luaL_error(L, "'%s' called from inside a task or callback of a running runtime", function);
  int err = art_runtime_enter(rt->core);
  if (err == -ECHILD) luaL_error(L, "'%s' on a forked runtime", function);
  if (err < 0) luaL_error(L, "'%s' on a runtime that runs already", function);
  lua_getiuservalue(L, index, ART_RUNTIME_ANCHORS);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, lua_upvalueindex(1), ART_ANCHORS);
  rt->anchors = lua_gettop(L);
  art_push_value(L, ART_HANDLER);
  art_push_value(L, ART_BODY);
  lua_getiuservalue(L, index, ART_RUNTIME_IDLE);
  rt->host = L;
  rt->runtime = index;
  rt->state->active = rt;
  art_usage_turn(rt);
  art_executor_undefer(&rt->core->executor);
}

void art_loop_leave(lua_State *L, struct art_lua_runtime *rt) {
  art_runtime_leave(rt->core);
  rt->state->active = NULL;
  rt->host = NULL;
  lua_pushnil(L);
  lua_setiuservalue(L, lua_upvalueindex(1), ART_ANCHORS);
  lua_settop(L, rt->anchors - 1);
}

const char *const art_hook_names[] = {"report", "handler_failed", "failed",  "deadlock", "cycle",
                                      "slow",   "on_error",       "on_slow", NULL};

void art_push_hook(lua_State *L, const char *name) {
  art_push_value(L, ART_HOOKS);
  lua_pushstring(L, name);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

/* Without memory: only strings are shown. */
static const char *text_of(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : luaL_typename(L, index);
}

void art_tell_of_handler(lua_State *L, const char *handler, int original) {
  art_push_hook(L, "handler_failed");
  lua_insert(L, -2);
  lua_pushvalue(L, original);
  lua_pushstring(L, handler); /* alive already: see art_hook_names */
  if (lua_pcall(L, 3, 0, 0) == LUA_OK) return;
  lua_writestringerror("asyncrt: error in a handler, and in telling of it: %s\n", text_of(L, -1));
  lua_writestringerror("asyncrt: while it was told of: %s\n", text_of(L, original));
  lua_pop(L, 1);
}

/* [-2, +0, -] Error and task on top. */
static void call_on_error(struct art_lua_runtime *rt) {
  lua_State *L = rt->host;
  int error = lua_gettop(L) - 1;
  if (lua_getiuservalue(L, rt->runtime, ART_RUNTIME_ON_ERROR) == LUA_TNIL) {
    lua_pop(L, 1);
    art_push_hook(L, "report");
  }
  lua_pushvalue(L, error);
  lua_pushvalue(L, error + 1);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) art_tell_of_handler(L, "on_error", error);
  lua_settop(L, error - 1);
}

/* The Lua layer may have to do what the task, on top, had no memory to do. */
static void call_failed(lua_State *L) {
  int task = lua_gettop(L);
  art_push_hook(L, "failed");
  if (lua_toboolean(L, -1)) {
    lua_pushvalue(L, task);
    (void)lua_pcall(L, 1, 0, 0); /* its error says no more than the task's */
  }
  lua_settop(L, task);
}

static void report_tasks(struct art_lua_runtime *rt) {
  lua_State *L = rt->host;
  struct art_list *n;
  while ((n = art_list_pop(&rt->reports)) != NULL) {
    struct art_lua_task *t = ART_CONTAINER(n, struct art_lua_task, sibling);
    lua_rawgeti(L, rt->anchors, t->cancel.slot);
    lua_getiuservalue(L, -1, ART_TASK_VALUE);
    lua_insert(L, -2);
    t->flags = (uint16_t)((t->flags & ~ART_HELD) | ART_OBSERVED);
    art_let_go(L, t, rt->anchors);
    call_failed(L);
    call_on_error(rt);
  }
}

static void report_values(struct art_lua_runtime *rt) {
  lua_State *L = rt->host;
  art_push_value(L, ART_REPORTS);
  int list = lua_gettop(L);
  for (lua_Integer i = 1; i <= rt->state->reported; i++) { /* finalisers may add to them */
    lua_rawgeti(L, list, i);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    lua_pushnil(L);
    lua_rawseti(L, list, i);
    call_on_error(rt);
    lua_pop(L, 1);
  }
  rt->state->reported = 0;
  lua_settop(L, list - 1);
}

static void report_loss(struct art_lua_runtime *rt) {
  rt->state->report_lost = false;
  lua_pushliteral(rt->host, "not enough memory");
  lua_pushnil(rt->host);
  call_on_error(rt);
}

void art_loop_report(struct art_lua_runtime *rt) {
  if (!art_list_empty(&rt->reports)) report_tasks(rt);
  if (rt->state->reported > 0) report_values(rt);
  if (rt->state->report_lost) report_loss(rt);
}

int art_loop_turn(struct art_lua_runtime *rt) {
  int turn = art_runtime_turn(rt->core);
  art_loop_report(rt);
  return turn;
}

static int collect(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

void art_loop_collect(struct art_lua_runtime *rt) {
  lua_State *L = rt->host;
  lua_pushcfunction(L, collect);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/* --- by force ----------------------------------------------------------------------------------------------- */

/* Protected: the error that on_error gets for the task whose handle is at 1. */
int art_note_killed(lua_State *L) {
  struct art_lua_task *t = lua_touserdata(L, 1);
  art_push_error(L, "cancelled", "a task that did not end was killed");
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "task");
  lua_setiuservalue(L, 1, ART_TASK_VALUE);
  t->nvalues = 1;
  return 0;
}

/* [-1, +0, -] Then the error on top is what on_error gets. */
static void no_memory_for_note(struct art_lua_runtime *rt, struct art_lua_task *t) {
  lua_State *L = rt->host;
  lua_rawgeti(L, rt->anchors, t->cancel.slot);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, ART_TASK_VALUE);
  lua_pop(L, 1);
  t->nvalues = 1;
}

void art_loop_name_killed(struct art_lua_runtime *rt, struct art_lua_task *t) {
  lua_State *L = rt->host;
  art_push_value(L, ART_NOTE_KILLED);
  lua_rawgeti(L, rt->anchors, t->cancel.slot);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) no_memory_for_note(rt, t);
  t->flags |= ART_HELD;
  art_list_push(&rt->reports, &t->sibling);
}

/* Runs the handlers of <close> of a parked task: those of the coroutines that it has resumed before its own. */
static void reset_inside_out(lua_State *L, struct art_lua *state, lua_State *co) {
  for (;;) {
    lua_State *outer = NULL, *inner = co, *next;
    while ((next = art_nested_in(inner)) != NULL) {
      outer = inner;
      inner = next;
    }
    state->entered = inner;
    ART_RESET_THREAD(inner, L);
    state->entered = NULL;
    if (outer == NULL) return;
    lua_settop(outer, 0); /* it does not lead there any more */
  }
}

static void kill_task(struct art_lua_runtime *rt, struct art_lua_task *t) {
  lua_State *L = rt->host;
  bool aborted = (t->flags & ART_ABORTED) != 0; /* cancelled, and queued to raise */
  if (t->wait != NULL && t->wait->abort != NULL && !aborted) t->wait->abort(t);
  if (t->co != NULL) {
    rt->core->executor.polls++; /* its time is its own */
    rt->state->killed = t;
    reset_inside_out(L, rt->state, t->co);
    rt->state->killed = NULL;
    rt->coroutines--;
    t->co = NULL;
  }
  art_abandon_scopes(L, t, rt->anchors);
  art_end_task(t, ART_CANCELLED);
  art_task_end(&t->core);
  art_loop_name_killed(rt, t);
}

void art_loop_kill(struct art_lua_runtime *rt, struct art_scope *top) {
  art_preempt_begin(rt);
  for (struct art_scope *s = art_scope_innermost(top);;) {
    struct art_list *n;
    while ((n = art_list_first(&s->children)) != NULL)
      kill_task(rt, ART_CONTAINER(n, struct art_lua_task, sibling));
    if (s == top) break;
    struct art_scope *parent = s->parent;
    art_abandon_scope(rt->host, s, rt->anchors);
    s = art_scope_innermost(parent);
  }
  art_preempt_end(rt);
  art_executor_purge(&rt->core->executor);
}
