#include "lua/hog.h"

#include "lua/args.h"
#include "lua/ending.h"
#include "lua/error.h"
#include "lua/loop.h"
#include "lua/obstacle.h"
#include "lua/policy.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/trace.h"

/* A hook is no function: upvalues there are those of the one that runs. So it calls a closure of ours. */
void art_hog_act(lua_State *L, struct art_lua_task *t, enum art_act act) {
  art_push_value_from(L, ART_HOG);
  lua_pushlightuserdata(L, t);
  lua_pushinteger(L, act);
  lua_call(L, 2, 0);
}

bool art_is_asked_to_stop(const struct art_lua_task *t) {
  for (const struct art_scope *s = t->scope; s != NULL; s = s->parent) {
    if (s->cancel.cause != ART_NOT_CANCELLED) return true;
    if (s->owner != NULL && s->owner->cancel.cause != ART_NOT_CANCELLED) return true;
  }
  return t->cancel.cause != ART_NOT_CANCELLED;
}

static double seconds_in_poll(const struct art_lua_task *t) {
  const struct art_preempt *p = &t->rt->preempt;
  return (double)((p->ticks - 1) * p->ticker.period_ns) / 1e9;
}

/* [-0, +2, m] An error about the task, with the traceback taken here, and the task. */
static void push_report(lua_State *L, struct art_lua_task *t, const char *kind, const char *what) {
  art_push_task(L, t);
  int handle = lua_gettop(L);
  art_push_task_name(L, t, handle);
  art_push_error(L, kind, "%s %s", lua_tostring(L, -1), what);
  lua_replace(L, -2);
  art_trace_here(L);
  lua_insert(L, -2);
}

/* [-2, +0, -] On the runtime's thread, as outside of any task. */
static void call_on_slow(lua_State *L, struct art_lua_runtime *rt) {
  struct art_lua *state = rt->state;
  struct art_lua saved = *state;
  int error = lua_gettop(L) - 1;
  lua_getiuservalue(rt->host, rt->runtime, ART_RUNTIME_ON_SLOW);
  lua_xmove(rt->host, L, 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    art_push_hook(L, "slow");
  }
  lua_pushvalue(L, error);
  lua_pushvalue(L, error + 1);
  state->current = NULL;
  state->running = state->entered = NULL;
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) art_tell_of_handler(L, "on_slow", error);
  state->current = saved.current;
  state->running = saved.running;
  state->entered = saved.entered;
  lua_settop(L, error - 1);
}

static void tell(lua_State *L, struct art_lua_task *t) {
  lua_pushfstring(L, "has run for %f s without a suspension", (LUAI_UACNUMBER)seconds_in_poll(t));
  push_report(L, t, "slow", lua_tostring(L, -1));
  call_on_slow(L, t->rt);
}

static int cut(lua_State *L, struct art_lua_task *t) {
  return art_cancelled_by(t) == NULL ? 0 : art_raise_cancelled(L, t);
}

/* Nobody hears of a cancelled task, so this is reported. */
static int kill(lua_State *L, struct art_lua_task *t) {
  push_report(L, t, "hog", "did not suspend for a slice and was cancelled");
  art_report(L);
  art_cancel_task(t, ART_HOGGED);
  return cut(L, t);
}

/* The shields that its code has open, and those of what it spawned there. */
static void lift_shields(struct art_lua_task *t) {
  struct art_scope *s = t->scope;
  if (s->owner != t) return;
  while (s->parent != NULL && s->parent->owner == t) s = s->parent;
  art_scope_lift_shields(s);
}

static int refuse(lua_State *L, const struct art_lua_task *t) {
  luaL_where(L, 1);
  art_push_obstacle(L, t);
  art_push_error(L, "hog",
                 "%sdid not suspend for two slices and cannot be pre-empted: %s is in the way",
                 lua_tostring(L, -2), lua_tostring(L, -1));
  return lua_error(L);
}

int art_hog_closure(lua_State *L) {
  struct art_lua_task *t = lua_touserdata(L, 1);
  switch ((enum art_act)lua_tointeger(L, 2)) {
  case ART_ACT_TELL: tell(L, t); break;
  case ART_ACT_CUT: return cut(L, t);
  case ART_ACT_KILL: return kill(L, t);
  case ART_ACT_STOP: lift_shields(t); return cut(L, t);
  case ART_ACT_REFUSE: return refuse(L, t);
  case ART_ACT_NOTHING:
  case ART_ACT_RETRY:
  case ART_ACT_YIELD: break;
  }
  return 0;
}
