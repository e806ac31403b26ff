/* Semaphore. Permits are handed to those who wait by whoever releases them, in the order of asking: one who asks for many
** holds up those behind. The guard is made before anything is asked for, and permits are written down in it at once when
** they are taken, so that nothing can raise while they are nobody's. */
#include "lua/semaphore.h"

#include "lua/args.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/task.h"

#define SEMAPHORE_NAME "asyncrt.semaphore"
#define GUARD_NAME "asyncrt.guard"
#define MOST INT32_MAX

enum { SELF = 1, GUARD }; /* on the stack of an acquire */

struct semaphore {
  struct art_waitlist queue;
  uint64_t permits;
};

/* Uservalue 1 is the semaphore's handle. */
struct guard {
  struct semaphore *of;
  uint32_t n; /* permits asked for */
  bool held;
};

static struct semaphore *check(lua_State *L, const char *function) {
  return art_check_handle(L, SELF, function, SEMAPHORE_NAME);
}

static uint32_t check_count(lua_State *L, int arg, const char *function) {
  return lua_isnoneornil(L, arg) ? 1 : (uint32_t)art_check_integer(L, arg, function, 1, MOST);
}

/* --- permits ------------------------------------------------------------------------------------------------------ */

static bool take(struct semaphore *s, struct guard *g) {
  if (g->n > s->permits) return false;
  s->permits -= g->n;
  g->held = true;
  return true;
}

/* To those who wait, as far as they reach. */
static void hand_out(struct semaphore *s) {
  struct art_list *first;
  while ((first = art_list_first(&s->queue.waiters)) != NULL) {
    struct art_lua_task *t = ART_CONTAINER(first, struct art_lua_task, parking.io.waiter.node);
    if (!take(s, t->parking.io.with)) return;
    art_waitlist_wake_one(&s->queue);
  }
}

static void give_back(struct guard *g) {
  if (!g->held) return;
  g->held = false;
  g->of->permits += g->n;
  hand_out(g->of);
}

/* Also of a task that is killed after permits were handed to it. */
static void abort_acquire(struct art_lua_task *t) {
  struct guard *g = t->parking.io.with;
  if (art_waiter_waiting(&t->parking.io.waiter)) {
    art_waiter_leave(&t->parking.io.waiter);
    hand_out(g->of); /* those behind may ask for less */
  } else {
    give_back(g);
  }
}

static const struct art_wait acquire_wait = {.what = "semaphore", .abort = abort_acquire};

/* --- acquiring ---------------------------------------------------------------------------------------------------- */

/* [-0, +1, m] Leaves the semaphore at SELF and the guard at GUARD. */
static struct guard *new_guard(lua_State *L, struct semaphore *s, uint32_t n) {
  lua_settop(L, SELF);
  struct guard *g = lua_newuserdatauv(L, sizeof *g, 1);
  *g = (struct guard){.of = s, .n = n};
  luaL_setmetatable(L, GUARD_NAME);
  lua_pushvalue(L, SELF);
  lua_setiuservalue(L, GUARD, 1);
  return g;
}

static int acquire_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_waiter_waiting(&t->parking.io.waiter))
    return art_park(L, t, &acquire_wait, acquire_k, ctx);
  return 1;
}

/* The stack is as SELF and GUARD say. */
static int take_or_wait(lua_State *L, struct art_lua_task *t) {
  struct guard *g = lua_touserdata(L, GUARD);
  struct semaphore *s = g->of;
  if (art_waitlist_empty(&s->queue) && take(s, g)) return 1;
  t->parking.io.waiter = (struct art_waiter){.waker = &t->core.waker};
  t->parking.io.with = g;
  art_waitlist_add(&s->queue, &t->parking.io.waiter);
  return art_park(L, t, &acquire_wait, acquire_k, (lua_KContext)t);
}

/* After a yield. */
static int retry_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_cancelled_by(t) != NULL) return art_raise_cancelled(L, t);
  return take_or_wait(L, t);
}

static int acquire(lua_State *L) {
  struct semaphore *s = check(L, "acquire");
  uint32_t n = check_count(L, 2, "acquire");
  struct art_lua_task *t = art_checkpoint(L, "acquire");
  new_guard(L, s, n);
  if (!art_executor_spend(t->core.executor)) return art_yield(L, t, retry_k, (lua_KContext)t);
  return take_or_wait(L, t);
}

static int try_acquire(lua_State *L) {
  struct semaphore *s = check(L, "try_acquire");
  struct guard *g = new_guard(L, s, check_count(L, 2, "try_acquire"));
  if (art_waitlist_empty(&s->queue) && take(s, g)) return 1;
  lua_pushnil(L);
  lua_pushliteral(L, "not enough permits");
  lua_pushliteral(L, "empty");
  return 3;
}

static int release(lua_State *L) {
  struct semaphore *s = check(L, "release");
  uint32_t n = check_count(L, 2, "release");
  if (s->permits + n > MOST) return luaL_error(L, "'release' of more permits than there can be");
  s->permits += n;
  hand_out(s);
  return 0;
}

/* --- the handles -------------------------------------------------------------------------------------------------- */

static int semaphore(lua_State *L) {
  lua_Integer n = art_check_integer(L, 1, "semaphore", 0, MOST);
  struct semaphore *s = lua_newuserdatauv(L, sizeof *s, 0);
  s->permits = (uint32_t)n;
  art_waitlist_init(&s->queue);
  luaL_setmetatable(L, SEMAPHORE_NAME);
  return 1;
}

static int semaphore_tostring(lua_State *L) {
  lua_pushfstring(L, "semaphore (%d free)", (int)check(L, "tostring")->permits);
  return 1;
}

static int guard_release(lua_State *L) {
  give_back(art_check_handle(L, SELF, "release", GUARD_NAME));
  return 0;
}

static int guard_close(lua_State *L) {
  give_back(art_check_handle(L, SELF, "close", GUARD_NAME));
  return 0;
}

static int guard_tostring(lua_State *L) {
  const struct guard *g = art_check_handle(L, SELF, "tostring", GUARD_NAME);
  lua_pushstring(L, g->held ? "guard (held)" : "guard (released)");
  return 1;
}

const char *const art_semaphore_name = SEMAPHORE_NAME;
const char *const art_guard_name = GUARD_NAME;
const luaL_Reg art_semaphore_functions[] = {{"semaphore", semaphore}, {NULL, NULL}};
const luaL_Reg art_semaphore_methods[] = {
    {"acquire", acquire}, {"try_acquire", try_acquire}, {"release", release}, {NULL, NULL}};
const luaL_Reg art_semaphore_metamethods[] = {{"__tostring", semaphore_tostring}, {NULL, NULL}};
const luaL_Reg art_guard_methods[] = {
    {"release", guard_release}, {"close", guard_close}, {NULL, NULL}};
const luaL_Reg art_guard_metamethods[] = {
    {"__close", guard_close}, {"__tostring", guard_tostring}, {NULL, NULL}};
