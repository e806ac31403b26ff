/* Condition. One with a mutex unlocks it for the time of the wait; however the wait ends, the task has it again before the
** call comes back, so a cancel shows only then. A notification that came before a cancel has taken effect and is returned.
** The values wait for the task in a table, which is filled before anybody is woken: what may raise comes first. */
#include "lua/condition.h"

#include "lua/args.h"
#include "lua/error.h"
#include "lua/mutex.h"
#include "lua/park.h"
#include "lua/task.h"

enum { MUTEX = 1, INBOX }; /* uservalues: the mutex's handle; {[task] = {values, n =}} */

/* On the stack of a wait: the last is how it ended: true: by a cancel, a table of values, or nil. */
enum { SELF = 1, ITS_MUTEX, RESULT };

struct condition {
  struct art_handle handle;
  struct art_waitlist waiters;
};

const struct art_kind art_condition_kind = {
    .name = "asyncrt.condition", .size = sizeof(struct condition), .index = ART_CONDITION_KIND};

static struct condition *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_condition_kind);
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

static void leave(struct art_lua_task *t) {
  art_waiter_leave(&t->parking.io.waiter);
}

static const struct art_wait condition_wait = {.what = "condition", .abort = leave, .handle = SELF};
static const struct art_wait mutex_wait = {.what = "mutex",
                                           .abort = art_mutex_abort,
                                           .forced = true,
                                           .handle = ITS_MUTEX,
                                           .for_whom = art_mutex_waited_owner};

static int finish(lua_State *L, struct art_lua_task *t) {
  if (lua_isboolean(L, RESULT)) return art_raise_cancelled(L, t);
  if (lua_isnil(L, RESULT)) return 0;
  lua_getfield(L, RESULT, "n");
  int n = (int)lua_tointeger(L, -1);
  art_check_stack(L, n, "too many results");
  for (int i = 1; i <= n; i++) lua_rawgeti(L, RESULT, i);
  return n;
}

static int relock_k(lua_State *L, int status, lua_KContext ctx);

static int answer_relock(lua_State *L, struct art_lua_task *t, enum art_mutex_answer answer) {
  if (answer == ART_MUTEX_WAITS) return art_park(L, t, &mutex_wait, relock_k, (lua_KContext)t);
  if (answer == ART_MUTEX_BROKEN && !lua_isboolean(L, RESULT)) return art_mutex_raise_broken(L);
  return finish(L, t);
}

static int relock_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  return answer_relock(L, t, art_mutex_look(L, t, ITS_MUTEX));
}

/* [-0, +1, -] What the notification left for the task. */
static void take_values(lua_State *L, struct art_lua_task *t) {
  if (t->parking.io.with == NULL) {
    lua_pushnil(L);
    return;
  }
  lua_getiuservalue(L, SELF, INBOX);
  lua_rawgetp(L, -1, t);
  lua_pushnil(L);
  lua_rawsetp(L, -3, t);
  lua_replace(L, -2);
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  lua_settop(L, ITS_MUTEX);
  if (art_take_abort(t))
    lua_pushboolean(L, 1);
  else if (art_waiter_waiting(&t->parking.io.waiter))
    return art_park(L, t, &condition_wait, wait_k, ctx);
  else
    take_values(L, t);
  if (lua_isnil(L, ITS_MUTEX)) return finish(L, t);
  return answer_relock(L, t, art_mutex_ask(L, t, ITS_MUTEX, true));
}

static int wait(lua_State *L) {
  struct condition *c = check(L, "wait");
  struct art_lua_task *t = art_checkpoint(L, "wait");
  lua_settop(L, SELF);
  bool has_mutex = lua_getiuservalue(L, SELF, MUTEX) != LUA_TNIL;
  if (has_mutex && !art_mutex_is_callers(L, ITS_MUTEX))
    return luaL_error(L, "'wait' on a condition whose mutex the task has not locked");
  t->parking.io.waiter = (struct art_waiter){.waker = &t->core.waker};
  t->parking.io.with = NULL;
  art_waitlist_add(&c->waiters, &t->parking.io.waiter);
  if (has_mutex) art_mutex_release(L, ITS_MUTEX);
  return art_park(L, t, &condition_wait, wait_k, (lua_KContext)t);
}

/* --- notifying ---------------------------------------------------------------------------------------------------- */

/* [-0, +1, m] */
static void push_inbox(lua_State *L) {
  if (lua_getiuservalue(L, SELF, INBOX) != LUA_TNIL) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, SELF, INBOX);
}

/* [-nvalues, +0, m] The values on top, for the first n who wait. */
static void leave_values(lua_State *L, struct condition *c, lua_Integer n, int nvalues) {
  lua_createtable(L, nvalues, 1);
  lua_insert(L, -nvalues - 1);
  for (int i = nvalues; i >= 1; i--) lua_rawseti(L, -i - 1, i);
  lua_pushinteger(L, nvalues);
  lua_setfield(L, -2, "n");
  push_inbox(L);
  struct art_list *head = &c->waiters.waiters;
  for (struct art_list *at = head->next; at != head && n > 0; at = at->next, n--) {
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, ART_CONTAINER(at, struct art_lua_task, parking.io.waiter.node));
  }
  lua_pop(L, 2);
}

/* The values are those above 'last'. */
static int notify_first(lua_State *L, struct condition *c, lua_Integer n, int last) {
  int nvalues = lua_gettop(L) - last;
  lua_Integer notified = 0;
  if (art_waitlist_empty(&c->waiters)) n = 0;
  art_check_stack(L, 8, NULL);
  if (nvalues > 0 && n > 0) leave_values(L, c, n, nvalues);
  for (struct art_waiter *w; notified < n; notified++) {
    if ((w = art_waitlist_wake_one(&c->waiters)) == NULL) break;
    struct art_lua_task *t = ART_CONTAINER(w, struct art_lua_task, parking.io.waiter);
    t->parking.io.with = nvalues > 0 ? c : NULL;
  }
  lua_pushinteger(L, notified);
  return 1;
}

/* notify([n], ...) -> how many were */
static int notify(lua_State *L) {
  struct condition *c = check(L, "notify");
  lua_Integer n = lua_isnoneornil(L, 2) ? 1 : art_check_integer(L, 2, "notify", 0, INT32_MAX);
  if (lua_isnone(L, 2)) lua_settop(L, 2);
  return notify_first(L, c, n, 2);
}

static int notify_all(lua_State *L) {
  return notify_first(L, check(L, "notify_all"), LUA_MAXINTEGER, SELF);
}

/* --- the handle --------------------------------------------------------------------------------------------------- */

static int condition(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) art_check_handle(L, 1, "condition", &art_mutex_kind);
  lua_settop(L, 1);
  struct condition *c = art_new_handle(L, &art_condition_kind, 2);
  art_waitlist_init(&c->waiters);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, MUTEX);
  return 1;
}

static int condition_tostring(lua_State *L) {
  const struct condition *c = check(L, "tostring");
  bool waited_for = !art_waitlist_empty(&c->waiters);
  lua_pushstring(L, waited_for ? "condition (waited for)" : "condition (nobody waits)");
  return 1;
}

const luaL_Reg art_condition_functions[] = {{"condition", condition}, {NULL, NULL}};
const luaL_Reg art_condition_methods[] = {
    {"wait", wait}, {"notify", notify}, {"notify_all", notify_all}, {NULL, NULL}};
const luaL_Reg art_condition_metamethods[] = {{"__tostring", condition_tostring}, {NULL, NULL}};
