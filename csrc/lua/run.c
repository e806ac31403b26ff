/* run: a main function, until it and all it started have ended. */
#include "lua/run.h"

#include <errno.h>

#include "lua/args.h"
#include "lua/error.h"
#include "lua/loop.h"
#include "lua/runtime.h"
#include "lua/scope.h"
#include "lua/spawn.h"
#include "lua/task.h"
#include "lua/trace.h"

/* What is on the host's stack while run is under way. */
struct run {
  struct art_lua_runtime *rt;
  struct art_lua_task *main;
  int error;      /* index of what ended it from outside, nil if nothing did */
  lua_Hook hook;  /* the host's, as it was before */
  bool forked;    /* we are a child process now */
  int insistence; /* how often nothing could go on any more */
};

/* Runtime, anchors, scope, main, arguments -> handle. */
int art_spawn_main(lua_State *L) {
  struct art_spawn how = {
      .rt = lua_touserdata(L, 1), .scope = lua_touserdata(L, 3), .flags = ART_OBSERVED};
  art_spawn_task(L, &how, 4, lua_gettop(L) - 4, 2);
  return 1;
}

/* [-0, +1, -] The task of main, or an error; main and its arguments are at 'main' and above. */
static bool spawn_main(lua_State *L, struct art_lua_runtime *rt, int main, int nargs) {
  if (!lua_checkstack(L, nargs + 8)) {
    lua_pushliteral(L, "not enough memory");
    return false;
  }
  art_push_value(L, ART_SPAWN_MAIN);
  lua_pushlightuserdata(L, rt);
  lua_pushvalue(L, rt->anchors);
  lua_pushlightuserdata(L, rt->run);
  for (int i = 0; i <= nargs; i++) lua_pushvalue(L, main + i);
  if (lua_pcall(L, nargs + 4, 1, 0) != LUA_OK) return false;
  art_note_spawner(L, lua_touserdata(L, -1));
  return true;
}

/* Ends the run from outside, with the error on top. */
static void stop(struct run *r, enum art_cause cause) {
  lua_State *L = r->rt->host;
  if (lua_isnil(L, r->error)) lua_copy(L, -1, r->error);
  lua_pop(L, 1);
  art_scope_cancel(r->rt->run, cause);
}

static int nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* A signal handler of the host's, such as lua's own for SIGINT, raises through a hook. Here it is let. */
static void let_host_interrupt(struct run *r) {
  lua_State *L = r->rt->host;
  if (r->rt->interrupted) { /* it came in a call of ours: see coroutines.c */
    r->rt->interrupted = false;
    art_scope_cancel(r->rt->run, ART_INTERRUPTED);
  }
  if (lua_gethook(L) == r->hook) return;
  lua_pushcfunction(L, nothing);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) stop(r, ART_INTERRUPTED);
}

/* Finalisers are Lua: they may still wake somebody. */
static bool finalisers_help(struct run *r) {
  art_loop_collect(r->rt);
  return art_executor_ready(&r->rt->core->executor);
}

/* [-0, +1, -] The report of the Lua layer, made before anything is cancelled. */
static void push_deadlock_report(struct run *r) {
  lua_State *L = r->rt->host;
  art_push_hook(L, "deadlock");
  lua_pushvalue(L, r->rt->runtime);
  (void)lua_pcall(L, 1, 1, 0); /* an error in it is as good an answer */
}

/* Nothing is ready and nothing can make it so: report and cancel; then lift shields; then end by force. */
static void unstick(struct run *r) {
  struct art_lua_runtime *rt = r->rt;
  if (finalisers_help(r)) return;
  if (!rt->deadlock) {
    art_reactor_wait(&rt->core->reactor, ART_NEVER);
    return;
  }
  switch (r->insistence++) {
  case 0:
    push_deadlock_report(r);
    stop(r, ART_DEADLOCKED);
    break;
  case 1: art_scope_lift_shields(rt->run); break;
  default: art_loop_kill(rt, rt->run); break;
  }
}

static void turn_until_done(struct run *r) {
  struct art_scope *s = r->rt->run;
  for (;;) {
    if (r->main->outcome != ART_OPEN) {
      if (art_list_empty(&s->children)) break;
      art_scope_cancel(s, ART_FINISHED); /* what is detached ends with main */
    }
    int turn = art_loop_turn(r->rt);
    if (turn == -ECHILD) { /* a task forked, and we are the child: the tasks go on in the parent */
      r->forked = true;
      return;
    }
    if (turn == ART_TURN_STUCK) unstick(r);
    let_host_interrupt(r);
  }
  art_loop_report(r->rt);
  art_scope_end(s);
}

/* Runs the function at 'main', with what is above it as arguments, as a task of the runtime at 'index'. Pushes
** what outcome needs. */
static struct run drive(lua_State *L, struct art_lua_runtime *rt, int index, int main) {
  struct run r = {.rt = rt, .error = lua_gettop(L) + 1};
  int nargs = lua_gettop(L) - main;
  lua_pushnil(L); /* r.error */
  lua_pushnil(L); /* the handle */
  art_loop_enter(L, rt, index, "run");
  art_frames_run(rt);
  r.hook = lua_gethook(L);
  rt->interrupt_at = r.error;
  rt->run = art_scope_open(rt, rt->root, NULL, ART_SCOPE_RUN);
  bool ok = rt->run != NULL;
  if (ok) {
    rt->run->supervise = true;
    ok = spawn_main(L, rt, main, nargs);
  } else {
    lua_pushliteral(L, "not enough memory");
  }
  lua_replace(L, ok ? r.error + 1 : r.error);
  if (ok) {
    r.main = lua_touserdata(L, r.error + 1);
    turn_until_done(&r);
  }
  if (!ok && rt->run != NULL) art_scope_end(rt->run);
  rt->run = NULL;
  rt->interrupt_at = 0;
  rt->interrupted = false;
  art_loop_leave(L, rt);
  return r;
}

/* What run returns or raises. Its error and the handle of main are on top. */
static int outcome(lua_State *L, const struct run *r) {
  struct art_lua_task *t = r->main;
  int handle = r->error + 1;
  if (r->forked) return luaL_error(L, "'run' on a forked runtime");
  if (!lua_isnil(L, r->error)) {
    lua_pushvalue(L, r->error);
    return lua_error(L);
  }
  if (t->outcome == ART_DONE) return art_push_values(L, t, handle);
  if (t->outcome == ART_FAILED)
    lua_getiuservalue(L, handle, ART_TASK_VALUE);
  else
    art_push_task_cancelled(L, t, handle);
  return lua_error(L);
}

static int runtime_run(lua_State *L) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, "run");
  art_check_callable(L, 2, "run");
  art_check_task_args(L, 2, "run");
  struct run r = drive(L, rt, 1, 2);
  return outcome(L, &r);
}

/* async.run: a runtime for this call. */
static int run(lua_State *L) {
  art_check_callable(L, 1, "run");
  art_check_task_args(L, 1, "run");
  struct art_lua *state = art_lua_of(L);
  if (state->active != NULL)
    return luaL_error(L, "'run' called from inside a task or callback of a running runtime");
  struct art_lua_runtime *rt = art_new_runtime(L, 0, "run");
  lua_insert(L, 1);
  struct run r = drive(L, rt, 1, 2);
  art_close_runtime(L, rt, 1, ART_CLOSE_GRACE_NS); /* before anything may raise */
  return outcome(L, &r);
}

const luaL_Reg art_run_functions[] = {{"run", run}, {NULL, NULL}};
const luaL_Reg art_run_methods[] = {{"run", runtime_run}, {NULL, NULL}};
