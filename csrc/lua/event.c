/* Event. Who was woken by a set is not in the list any more, and so is released even if the event is cleared before it
** runs. */
#include "lua/event.h"

#include "lua/args.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/task.h"

enum { SELF = 1 };

struct event {
  struct art_handle handle;
  struct art_waitlist waiters; /* empty while set */
  bool set;
};

const struct art_kind art_event_kind = {
    .name = "asyncrt.event", .size = sizeof(struct event), .index = ART_EVENT_KIND};

static struct event *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_event_kind);
}

bool art_event_is_set(const void *event) {
  return ((const struct event *)event)->set;
}

struct art_waitlist *art_event_waiters(void *event) {
  return &((struct event *)event)->waiters;
}

static int set(lua_State *L) {
  struct event *e = check(L, "set");
  e->set = true;
  art_waitlist_wake_all(&e->waiters);
  return 0;
}

static int clear(lua_State *L) {
  check(L, "clear")->set = false;
  return 0;
}

static int is_set(lua_State *L) {
  lua_pushboolean(L, check(L, "is_set")->set);
  return 1;
}

static void leave(struct art_lua_task *t) {
  art_waiter_leave(&t->parking.io.waiter);
}

static const struct art_wait event_wait = {.what = "event", .abort = leave, .handle = SELF};

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_waiter_waiting(&t->parking.io.waiter)) return art_park(L, t, &event_wait, wait_k, ctx);
  return 0;
}

static int wait(lua_State *L) {
  struct event *e = check(L, "wait");
  struct art_lua_task *t = art_checkpoint_in(L, e->handle.state, "wait");
  lua_settop(L, SELF);
  if (e->set) return art_return(L, t, 0);
  t->parking.io.waiter = (struct art_waiter){.waker = &t->core.waker};
  art_waitlist_add(&e->waiters, &t->parking.io.waiter);
  return art_park(L, t, &event_wait, wait_k, (lua_KContext)t);
}

static int event(lua_State *L) {
  struct event *e = art_new_handle(L, &art_event_kind, 0);
  art_waitlist_init(&e->waiters);
  e->set = false;
  return 1;
}

static int event_tostring(lua_State *L) {
  lua_pushstring(L, check(L, "tostring")->set ? "event (set)" : "event (not set)");
  return 1;
}

const luaL_Reg art_event_functions[] = {{"event", event}, {NULL, NULL}};
const luaL_Reg art_event_methods[] = {
    {"set", set}, {"clear", clear}, {"is_set", is_set}, {"wait", wait}, {NULL, NULL}};
const luaL_Reg art_event_metamethods[] = {{"__tostring", event_tostring}, {NULL, NULL}};
