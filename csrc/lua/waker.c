/* Wakers, park and futures: how scripts build what a task can wait for. */
#include "lua/waker.h"

#include "lua/error.h"
#include "lua/args.h"
#include "lua/park.h"
#include "lua/select.h"
#include "lua/task.h"

/* Uservalue 1 is the task's handle. */
struct waker {
  struct art_handle handle;
  struct art_lua_task *task;
};

const struct art_kind art_waker_kind = {
    .name = "asyncrt.waker", .size = sizeof(struct waker), .index = ART_WAKER_KIND};

static void stay(struct art_lua_task *t) {
  (void)t; /* nobody has us in a list: who is not woken just is not */
}

static const struct art_wait park_wait = {.what = "waker", .abort = stay};

static int park_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  t->flags &= (uint16_t)~ART_PERMIT;
  return 0;
}

static int park(lua_State *L) {
  struct art_lua_task *t = art_checkpoint(L, "park");
  if ((t->flags & ART_PERMIT) == 0) return art_park(L, t, &park_wait, park_k, (lua_KContext)t);
  t->flags &= (uint16_t)~ART_PERMIT;
  return art_return(L, t, 0);
}

/* async.waker(): made once a task. */
static int waker(lua_State *L) {
  struct art_lua_task *t = art_current_for(L, "waker");
  lua_settop(L, 0);
  art_push_value(L, ART_WAKERS);
  art_push_task(L, t);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, 1) != LUA_TNIL) return 1;
  struct waker *w = art_new_handle(L, &art_waker_kind, 1);
  w->task = t;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -2);
  lua_rawset(L, 1);
  return 1;
}

static int waker_wake(lua_State *L) {
  struct waker *w = art_check_handle(L, 1, "wake", &art_waker_kind);
  struct art_lua_task *t = w->task;
  if (t->outcome != ART_OPEN) return 0;
  t->flags |= ART_PERMIT;
  if (t->wait == &park_wait || art_waits_in_select(t)) art_task_wake(&t->core);
  return 0;
}

struct art_lua_task *art_waker_task(lua_State *L, int index) {
  struct waker *w = lua_touserdata(L, index);
  return w->task;
}

static int waker_tostring(lua_State *L) {
  struct waker *w = art_check_handle(L, 1, "tostring", &art_waker_kind);
  lua_pushfstring(L, "waker of task %I", (LUAI_UACINT)w->task->cancel.id);
  return 1;
}

const luaL_Reg art_waker_functions[] = {{"waker", waker}, {"park", park}, {NULL, NULL}};
const luaL_Reg art_waker_methods[] = {{"wake", waker_wake}, {NULL, NULL}};
const luaL_Reg art_waker_metamethods[] = {{"__tostring", waker_tostring}, {NULL, NULL}};
