/* Permits are handed to those who wait by whoever releases them: one who asks for many holds up those behind. The guard is
** made before anything is asked for, and permits are written down in it at once when they are taken, so that nothing can
** raise while they are nobody's. */
#include "lua/permits.h"

#include "lua/args.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/task.h"

enum { SELF = 1, GUARD }; /* on the stack of an acquire */

/* Uservalue 1 is the handle of what the permits are of. */
struct guard {
  struct art_handle handle;
  struct art_permits *of;
  uint32_t n; /* permits asked for */
  bool held;
};

const struct art_kind art_guard_kind = {.name = "asyncrt.guard",
                                        .size = sizeof(struct guard),
                                        .index = ART_GUARD_KIND,
                                        .meta = ART_GUARD_META};

void art_permits_init(struct art_permits *p, uint32_t n, const struct art_wait *wait) {
  art_waitlist_init(&p->queue);
  p->free = n;
  p->wait = wait;
}

static bool take(struct art_permits *p, struct guard *g) {
  if (g->n > p->free) return false;
  p->free -= g->n;
  g->held = true;
  return true;
}

/* To those who wait, as far as they reach. */
static void hand_out(struct art_permits *p) {
  struct art_list *first;
  while ((first = art_list_first(&p->queue.waiters)) != NULL) {
    struct art_lua_task *t = ART_CONTAINER(first, struct art_lua_task, parking.io.waiter.node);
    if (!take(p, t->parking.io.with)) return;
    art_waitlist_wake_one(&p->queue);
  }
}

void art_permits_release(struct art_permits *p, uint32_t n) {
  p->free += n;
  hand_out(p);
}

static void give_back(struct guard *g) {
  if (!g->held) return;
  g->held = false;
  art_permits_release(g->of, g->n);
}

/* Also of a task that is killed after permits were handed to it. */
void art_permits_abort(struct art_lua_task *t) {
  struct guard *g = t->parking.io.with;
  if (art_waiter_waiting(&t->parking.io.waiter)) {
    art_waiter_leave(&t->parking.io.waiter);
    hand_out(g->of); /* those behind may ask for less */
  } else {
    give_back(g);
  }
}

/* --- acquiring ---------------------------------------------------------------------------------------------------- */

/* [-0, +1, m] Leaves the handle at SELF and the guard at GUARD. */
static struct guard *new_guard(lua_State *L, struct art_permits *p, uint32_t n) {
  lua_settop(L, SELF);
  struct guard *g = art_new_handle(L, &art_guard_kind, 1);
  g->of = p;
  g->n = n;
  lua_pushvalue(L, SELF);
  lua_setiuservalue(L, GUARD, 1);
  return g;
}

static int acquire_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct guard *g = lua_touserdata(L, GUARD);
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_waiter_waiting(&t->parking.io.waiter)) return art_park(L, t, g->of->wait, acquire_k, ctx);
  return 1;
}

/* The stack is as SELF and GUARD say. */
static int take_or_wait(lua_State *L, struct art_lua_task *t) {
  struct guard *g = lua_touserdata(L, GUARD);
  struct art_permits *p = g->of;
  bool taken = art_waitlist_empty(&p->queue) && take(p, g);
  if (taken && art_executor_spend(t->core.executor)) return 1;
  t->parking.io.waiter = (struct art_waiter){.waker = &t->core.waker};
  t->parking.io.with = g;
  if (taken) return art_give_way(L, t, p->wait, acquire_k, (lua_KContext)t);
  art_waitlist_add(&p->queue, &t->parking.io.waiter);
  return art_park(L, t, p->wait, acquire_k, (lua_KContext)t);
}

int art_permits_acquire(lua_State *L, struct art_permits *p, uint32_t n, const char *function) {
  struct art_lua_task *t = art_checkpoint_in(L, p->handle.state, function);
  new_guard(L, p, n);
  return take_or_wait(L, t);
}

bool art_permits_try(lua_State *L, struct art_permits *p, uint32_t n) {
  struct guard *g = new_guard(L, p, n);
  return art_waitlist_empty(&p->queue) && take(p, g);
}

/* --- guards ------------------------------------------------------------------------------------------------------- */

static int guard_release(lua_State *L) {
  give_back(art_check_handle(L, 1, "release", &art_guard_kind));
  return 0;
}

static int guard_close(lua_State *L) {
  give_back(art_check_handle(L, 1, "close", &art_guard_kind));
  return 0;
}

static int guard_tostring(lua_State *L) {
  const struct guard *g = art_check_handle(L, 1, "tostring", &art_guard_kind);
  lua_pushstring(L, g->held ? "guard (held)" : "guard (released)");
  return 1;
}

const luaL_Reg art_guard_methods[] = {
    {"release", guard_release}, {"close", guard_close}, {NULL, NULL}};
const luaL_Reg art_guard_metamethods[] = {
    {"__close", guard_close}, {"__tostring", guard_tostring}, {NULL, NULL}};
