/* Barrier. The last to come releases the others and tells each its number, in the order in which they came; then the next
** round begins. Who is cancelled before that has not come. */
#include "lua/barrier.h"

#include "lua/args.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/task.h"

enum { SELF = 1 };

struct barrier {
  struct art_handle handle;
  struct art_waitlist waiters;
  uint32_t n, waiting;
};

const struct art_kind art_barrier_kind = {
    .name = "asyncrt.barrier", .size = sizeof(struct barrier), .index = ART_BARRIER_KIND};

static struct barrier *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_barrier_kind);
}

/* While it waits, 'with' is the barrier; afterwards, its number. */
static void leave(struct art_lua_task *t) {
  if (!art_waiter_waiting(&t->parking.io.waiter)) return;
  struct barrier *b = t->parking.io.with;
  art_waiter_leave(&t->parking.io.waiter);
  b->waiting--;
}

static const struct art_wait barrier_wait = {.what = "barrier", .abort = leave, .handle = SELF};

static void open_barrier(struct barrier *b) {
  struct art_waiter *w;
  for (uintptr_t number = 1; (w = art_waitlist_wake_one(&b->waiters)) != NULL; number++)
    ART_CONTAINER(w, struct art_lua_task, parking.io.waiter)->parking.io.with = (void *)number;
  b->waiting = 0;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_waiter_waiting(&t->parking.io.waiter)) return art_park(L, t, &barrier_wait, wait_k, ctx);
  lua_pushinteger(L, (lua_Integer)(uintptr_t)t->parking.io.with);
  return 1;
}

static int arrive(lua_State *L, struct art_lua_task *t) {
  struct barrier *b = lua_touserdata(L, SELF);
  if (b->waiting + 1 == b->n) {
    open_barrier(b);
    lua_pushinteger(L, b->n);
    return art_return(L, t, 1);
  }
  t->parking.io.waiter = (struct art_waiter){.waker = &t->core.waker};
  t->parking.io.with = b;
  art_waitlist_add(&b->waiters, &t->parking.io.waiter);
  b->waiting++;
  return art_park(L, t, &barrier_wait, wait_k, (lua_KContext)t);
}

static int wait(lua_State *L) {
  check(L, "wait");
  struct art_lua_task *t = art_checkpoint(L, "wait");
  lua_settop(L, SELF);
  return arrive(L, t);
}

static int barrier(lua_State *L) {
  lua_Integer n = art_check_integer(L, 1, "barrier", 1, INT32_MAX);
  struct barrier *b = art_new_handle(L, &art_barrier_kind, 0);
  art_waitlist_init(&b->waiters);
  b->n = (uint32_t)n;
  b->waiting = 0;
  return 1;
}

static int barrier_tostring(lua_State *L) {
  const struct barrier *b = check(L, "tostring");
  lua_pushfstring(L, "barrier (%d of %d)", (int)b->waiting, (int)b->n);
  return 1;
}

const luaL_Reg art_barrier_functions[] = {{"barrier", barrier}, {NULL, NULL}};
const luaL_Reg art_barrier_methods[] = {{"wait", wait}, {NULL, NULL}};
const luaL_Reg art_barrier_metamethods[] = {{"__tostring", barrier_tostring}, {NULL, NULL}};
