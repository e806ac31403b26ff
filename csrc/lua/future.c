#include "lua/future.h"

#include "lua/args.h"
#include "lua/ending.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/task.h"
#include "lua/trace.h"

enum { VALUES = 1, ON_CANCEL }; /* uservalues: {values} or the error; a function */
enum { SELF = 1 };

struct future {
  struct art_handle handle;
  struct art_waitlist waiters;
  enum { OPEN, RESOLVED, REJECTED } state;
  int n;         /* values */
  bool observed; /* somebody got the error */
};

const struct art_kind art_future_kind = {
    .name = "asyncrt.future", .size = sizeof(struct future), .index = ART_FUTURE_KIND};

static struct future *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_future_kind);
}

static int future(lua_State *L) {
  bool on_cancel = !lua_isnoneornil(L, 1);
  if (on_cancel) art_check_callable(L, 1, "future");
  lua_settop(L, 1);
  struct future *f = art_new_handle(L, &art_future_kind, 2);
  f->state = OPEN;
  f->n = 0;
  f->observed = false;
  art_waitlist_init(&f->waiters);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, ON_CANCEL);
  return 1;
}

static int resolve(lua_State *L) {
  struct future *f = check(L, "resolve");
  int n = lua_gettop(L) - 1;
  lua_createtable(L, n, 0);
  if (f->state != OPEN) { /* asked after the last moment at which a finaliser may set it */
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_insert(L, 2);
  for (int i = n; i >= 1; i--) lua_rawseti(L, 2, i);
  lua_setiuservalue(L, SELF, VALUES);
  f->n = n;
  f->state = RESOLVED;
  art_waitlist_wake_all(&f->waiters);
  lua_pushboolean(L, 1);
  return 1;
}

static int reject(lua_State *L) {
  struct future *f = check(L, "reject");
  lua_settop(L, 2);
  bool first = f->state == OPEN;
  if (first) {
    lua_setiuservalue(L, SELF, VALUES);
    f->state = REJECTED;
    f->observed = !art_waitlist_empty(&f->waiters);
    if (!f->observed) art_lua_of(L)->rejected++;
    art_waitlist_wake_all(&f->waiters);
  }
  lua_pushboolean(L, first);
  return 1;
}

static int done(lua_State *L) {
  lua_pushboolean(L, check(L, "done")->state != OPEN);
  return 1;
}

bool art_future_is_set(const void *future) {
  return ((const struct future *)future)->state != OPEN;
}

struct art_waitlist *art_future_waiters(void *future) {
  return &((struct future *)future)->waiters;
}

static void observe(lua_State *L, struct future *f) {
  if (f->observed) return;
  f->observed = true;
  art_lua_of(L)->rejected--;
}

int art_future_push(lua_State *L, int index) {
  struct future *f = lua_touserdata(L, index);
  lua_getiuservalue(L, index, VALUES);
  if (f->state == REJECTED) {
    observe(L, f);
    return -1;
  }
  int values = lua_gettop(L);
  art_check_stack(L, f->n + 1, "too many results");
  for (int i = 1; i <= f->n; i++) lua_rawgeti(L, values, i);
  lua_remove(L, values);
  return f->n;
}

static int answer(lua_State *L) {
  int n = art_future_push(L, SELF);
  return n < 0 ? art_rethrow(L) : n;
}

static void leave(struct art_lua_task *t) {
  art_waiter_leave(&t->parking.in.waiter);
}

static const struct art_wait future_wait = {.what = "future", .abort = leave, .handle = SELF};

/* The last one who waited is cancelled: whoever was to set the future may stop working for it. */
static void tell_cancel(lua_State *L, struct future *f) {
  if (f->state != OPEN || !art_waitlist_empty(&f->waiters)) return;
  if (lua_getiuservalue(L, SELF, ON_CANCEL) == LUA_TNIL) return;
  lua_pushnil(L);
  lua_setiuservalue(L, SELF, ON_CANCEL);
  lua_pushvalue(L, SELF);
  lua_call(L, 1, 0);
}

static int await_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct future *f = lua_touserdata(L, SELF);
  (void)status;
  if (art_take_abort(t)) {
    tell_cancel(L, f);
    return art_raise_cancelled(L, t);
  }
  if (f->state == OPEN) return art_park(L, t, &future_wait, await_k, ctx);
  return answer(L);
}

static int await(lua_State *L) {
  struct future *f = check(L, "await");
  struct art_lua_task *t = art_checkpoint_in(L, f->handle.state, "await");
  lua_settop(L, SELF);
  if (f->state != OPEN) return art_return(L, t, answer(L));
  t->parking.in.task = NULL;
  t->parking.in.waiter = (struct art_waiter){.waker = &t->core.waker};
  art_waitlist_add(&f->waiters, &t->parking.in.waiter);
  return art_park(L, t, &future_wait, await_k, (lua_KContext)t);
}

/* A rejection that nobody awaited does not vanish with the future. */
static int future_gc(lua_State *L) {
  struct future *f = check(L, "__gc");
  if (f->state != REJECTED || f->observed) return 0;
  observe(L, f);
  lua_getiuservalue(L, SELF, VALUES);
  lua_pushnil(L);
  art_report(L);
  return 0;
}

static int future_tostring(lua_State *L) {
  static const char *const states[] = {
      [OPEN] = "open", [RESOLVED] = "resolved", [REJECTED] = "rejected"};
  lua_pushfstring(L, "future (%s)", states[check(L, "tostring")->state]);
  return 1;
}

const luaL_Reg art_future_functions[] = {{"future", future}, {NULL, NULL}};
const luaL_Reg art_future_methods[] = {
    {"await", await}, {"resolve", resolve}, {"reject", reject}, {"done", done}, {NULL, NULL}};
const luaL_Reg art_future_metamethods[] = {
    {"__gc", future_gc}, {"__tostring", future_tostring}, {NULL, NULL}};
