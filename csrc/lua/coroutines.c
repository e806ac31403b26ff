#include "lua/coroutines.h"

#include "lua/error.h"
#include "lua/state.h"

#define MAX_IDLE 4096 /* kept after a burst: about 4 MB */
#define MAX_BATCH 16  /* made at once */

/* The idle list is twice there: in C, and as a Lua table that anchors. An entry stays in both when its coroutine is
** taken, so that giving the last one back, the usual case, writes nothing to the table. */

/* Protected: runtime, idle table, handler, body in. Room for every coroutine there will be: giving one back must not
** fail. */
static void grow(lua_State *L, struct art_lua_runtime *rt) {
  uint32_t room = rt->idle_room == 0 ? 16 : rt->idle_room * 2;
  for (uint32_t i = rt->idle_room + 1; i <= room; i++) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, 2, i);
  }
  lua_State **idle =
      art_resize(&rt->core->allocator, rt->idle, rt->idle_room * sizeof *idle, room * sizeof *idle);
  if (idle == NULL) art_no_memory(L);
  for (uint32_t i = rt->idle_room; i < room; i++) idle[i] = NULL;
  rt->idle = idle;
  rt->idle_room = room;
}

/* Several at once, as many more as there are already: the protected call costs as much as half a coroutine. */
static int new_coroutines(lua_State *L) {
  struct art_lua_runtime *rt = lua_touserdata(L, 1);
  uint32_t n = rt->coroutines / 4 + 1;
  if (n > MAX_BATCH) n = MAX_BATCH;
  if (rt->coroutines + n > rt->idle_room && rt->idle_room < MAX_IDLE) grow(L, rt);
  while (rt->idle_count < n) {
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 3);
    lua_pushvalue(L, 4);
    lua_xmove(L, co, ART_CO_BODY);
    lua_rawseti(L, 2, rt->idle_count + 1);
    rt->idle[rt->idle_count++] = co;
    rt->coroutines++;
  }
  return 0;
}

static int call_new_coroutines(struct art_lua_runtime *rt) {
  lua_State *L = rt->host;
  lua_pushcfunction(L, new_coroutines);
  lua_pushlightuserdata(L, rt);
  lua_pushvalue(L, rt->anchors + ART_HOST_IDLE);
  lua_pushvalue(L, rt->anchors + ART_HOST_HANDLER);
  lua_pushvalue(L, rt->anchors + ART_HOST_BODY);
  return lua_pcall(L, 4, 0, 0);
}

/* [-1, +0, -] Is the error on top none of ours? Then a signal handler of the host's has raised it through a hook, as lua's own
** does, and the run that is under way ends with it. Else it stays. */
static bool take_interrupt(struct art_lua_runtime *rt) {
  lua_State *L = rt->host;
  if (art_says_no_memory(L) || rt->interrupt_at == 0) return false;
  if (lua_isnil(L, rt->interrupt_at)) lua_copy(L, -1, rt->interrupt_at);
  lua_pop(L, 1);
  rt->interrupted = true;
  return true;
}

lua_State *art_idle_coroutine(struct art_lua_runtime *rt) {
  bool done = rt->idle_count > 0 || call_new_coroutines(rt) == LUA_OK ||
              (take_interrupt(rt) && call_new_coroutines(rt) == LUA_OK);
  if (!done) {
    if (rt->idle_count == 0) return NULL;
    lua_pop(rt->host, 1); /* there is one at least */
  }
  return rt->idle[rt->idle_count - 1];
}

void art_take_coroutine(struct art_lua_runtime *rt) {
  lua_rawgeti(rt->host, rt->anchors + ART_HOST_IDLE, rt->idle_count--);
}

void art_give_coroutine(struct art_lua_runtime *rt, lua_State *co) {
  if (rt->idle_count >= MAX_IDLE) {
    rt->coroutines--;
    return;
  }
  lua_settop(co, ART_CO_BODY);
  uint32_t i = rt->idle_count++;
  if (rt->idle[i] == co) return;
  rt->idle[i] = co;
  lua_pushthread(co);
  lua_xmove(co, rt->host, 1);
  lua_rawseti(rt->host, rt->anchors + ART_HOST_IDLE, i + 1);
}
