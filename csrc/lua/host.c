#include "lua/host.h"

#include "lua/args.h"
#include "lua/errno.h"
#include "lua/loop.h"
#include "lua/state.h"

#define MOST_PACE 1e6 /* of a clock */

static struct art_lua_runtime *open_runtime(lua_State *L, const char *function) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, function);
  if (rt->core == NULL) luaL_error(L, "'%s' on a closed runtime", function);
  return rt;
}

static uint64_t budget(lua_State *L, int arg, const char *function) {
  return lua_isnoneornil(L, arg) ? ART_NEVER : art_check_seconds(L, arg, function);
}

/* Seconds until the next timer, nil if there is none; how many tasks are ready. */
static int push_due(lua_State *L, struct art_lua_runtime *rt) {
  uint64_t next_ns = art_runtime_next_ns(rt->core);
  if (next_ns == ART_NEVER)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)next_ns / 1e9);
  lua_pushinteger(L, art_runtime_ready(rt->core));
  return 2;
}

static int tick(lua_State *L) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, "tick");
  uint64_t budget_ns = budget(L, 2, "tick");
  art_loop_enter(L, rt, 1, "tick");
  art_frames_tick(rt);
  art_runtime_tick_inside(rt->core, budget_ns);
  art_loop_report(rt);
  art_loop_leave(L, rt);
  return push_due(L, rt);
}

static int advance(lua_State *L) {
  struct art_lua_runtime *rt = open_runtime(L, "advance");
  uint64_t dt_ns = art_check_seconds(L, 2, "advance");
  uint64_t budget_ns = budget(L, 3, "advance");
  if (rt->core->clock.kind != ART_CLOCK_MANUAL)
    return luaL_error(L, "'advance' on a runtime whose clock is not manual");
  if (art_deadline(art_runtime_now_ns(rt->core), dt_ns) == ART_NEVER)
    return art_arg_error(L, 2, "advance", "the clock cannot go beyond 2^62 nanoseconds");
  art_loop_enter(L, rt, 1, "advance");
  art_frames_tick(rt);
  art_runtime_advance_inside(rt->core, dt_ns, budget_ns);
  art_loop_report(rt);
  art_loop_leave(L, rt);
  return push_due(L, rt);
}

static struct art_lua_runtime *with_real_clock(lua_State *L, const char *function) {
  struct art_lua_runtime *rt = open_runtime(L, function);
  if (rt->core->clock.kind != ART_CLOCK_REAL)
    luaL_error(L, "'%s' on a runtime whose clock is not real", function);
  return rt;
}

static void set_pace(struct art_lua_runtime *rt) {
  (void)art_runtime_set_pace(rt->core, rt->paused ? 0 : rt->pace);
}

static int runtime_pause(lua_State *L) {
  struct art_lua_runtime *rt = with_real_clock(L, "pause");
  rt->paused = true;
  set_pace(rt);
  return 0;
}

static int runtime_resume(lua_State *L) {
  struct art_lua_runtime *rt = with_real_clock(L, "resume");
  rt->paused = false;
  set_pace(rt);
  return 0;
}

/* rt:scale(factor) -> what it was; a paused clock goes on with it */
static int runtime_scale(lua_State *L) {
  struct art_lua_runtime *rt = art_to_runtime(L, 1, "scale");
  if (lua_type(L, 2) != LUA_TNUMBER) return art_type_error(L, 2, "scale", "number");
  lua_Number factor = lua_tonumber(L, 2), before;
  if (!(factor >= 0 && factor <= MOST_PACE))
    return art_arg_error(L, 2, "scale", "the factor must be a number from 0 to 1e6");
  rt = with_real_clock(L, "scale");
  before = rt->pace;
  rt->pace = factor;
  set_pace(rt);
  lua_pushnumber(L, before);
  return 1;
}

static int runtime_fileno(lua_State *L) {
  struct art_lua_runtime *rt = open_runtime(L, "fileno");
  if (!art_runtime_is_ours(rt->core)) return luaL_error(L, "'fileno' on a forked runtime");
  int fd = art_runtime_fd(rt->core);
  if (fd >= 0) {
    lua_pushinteger(L, fd);
    return 1;
  }
  return art_push_failure(L, -fd, "fileno");
}

static int now(lua_State *L) {
  struct art_lua_runtime *rt = open_runtime(L, "now");
  lua_pushnumber(L, (lua_Number)art_runtime_now_ns(rt->core) / 1e9);
  return 1;
}

const luaL_Reg art_host_methods[] = {{"tick", tick},
                                     {"advance", advance},
                                     {"pause", runtime_pause},
                                     {"resume", runtime_resume},
                                     {"scale", runtime_scale},
                                     {"fileno", runtime_fileno},
                                     {"now", now},
                                     {NULL, NULL}};
