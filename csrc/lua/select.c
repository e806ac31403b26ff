#include "lua/select.h"

#include <string.h>

#include "lua/args.h"
#include "lua/await.h"
#include "lua/channel.h"
#include "lua/deadline.h"
#include "lua/error.h"
#include "lua/event.h"
#include "lua/future.h"
#include "lua/park.h"
#include "lua/sending.h"
#include "lua/socket.h"
#include "lua/subscription.h"
#include "lua/task.h"
#include "lua/trace.h"
#include "lua/unobserved.h"
#include "lua/waker.h"

#define MOST_CASES 100000

enum kind { OFF, TASK, FUTURE, RECEIVE, SEND, EVENT, DEADLINE, WAKER };

/* One place to wait in. */
struct branch {
  struct art_party party; /* RECEIVE, SEND; its waiter also TASK, FUTURE, EVENT */
  struct art_timer timer; /* DEADLINE */
  struct art_waker waker;
  struct selection *of;
};

/* On the stack above the n cases; what is received comes on top of it. */
struct selection {
  struct art_lua_task *task;
  int n;
  int chosen; /* 0: it still waits */
  struct branch branch[];
};

/* --- cases -------------------------------------------------------------------------------------------------------- */

static const char kind_key; /* in the metatables of what can be waited for */

static void mark(lua_State *L, enum kind kind) {
  lua_pushinteger(L, kind);
  lua_rawsetp(L, -2, &kind_key);
  lua_pop(L, 1);
}

void art_select_open(lua_State *L, int state) {
  const struct {
    const char *name;
    enum kind kind;
  } types[] = {{ART_TASK_NAME, TASK},       {art_future_name, FUTURE},
               {ART_CHANNEL_NAME, RECEIVE}, {ART_SUBSCRIPTION_NAME, RECEIVE},
               {ART_SENDING_NAME, SEND},    {art_event_name, EVENT},
               {art_waker_name, WAKER},     {ART_DEADLINE_NAME, DEADLINE}};
  for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
    luaL_getmetatable(L, types[i].name);
    mark(L, types[i].kind);
  }
  lua_getiuservalue(L, state, ART_SUPERVISED_META);
  mark(L, TASK);
}

/* -1: it is nothing that can be waited for. */
static int kind_of(lua_State *L, int i) {
  if (lua_isboolean(L, i) && !lua_toboolean(L, i)) return OFF;
  if (lua_type(L, i) != LUA_TUSERDATA || !lua_getmetatable(L, i)) return -1;
  int kind = lua_rawgetp(L, -1, &kind_key) == LUA_TNUMBER ? (int)lua_tointeger(L, -1) : -1;
  lua_pop(L, 2);
  return kind;
}

static void bad_case(lua_State *L, int i, bool listed, const char *problem) {
  if (listed) problem = lua_pushfstring(L, "item %d: %s", i, problem);
  art_arg_error(L, listed ? 1 : i, "select", problem);
}

static void bad_type(lua_State *L, int i, bool listed) {
  if (!listed) art_type_error(L, i, "select", "awaitable or false");
  bad_case(L, i, true,
           lua_pushfstring(L, "awaitable or false expected, got %s", luaL_typename(L, i)));
}

/* A lone table that is no object. */
static bool is_list(lua_State *L) {
  if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TTABLE) return false;
  if (luaL_getmetafield(L, 1, "__name") == LUA_TNIL) return true;
  lua_pop(L, 1);
  return false;
}

/* The list's items instead of the list. */
static void unpack(lua_State *L) {
  lua_Unsigned n = lua_rawlen(L, 1);
  if (n > MOST_CASES) art_arg_error(L, 1, "select", "too many cases");
  art_check_stack(L, (int)n + LUA_MINSTACK, "too many cases");
  for (lua_Unsigned i = 1; i <= n; i++) lua_rawgeti(L, 1, (lua_Integer)i);
  lua_remove(L, 1);
}

/* Is it a list? The stack is the cases, all of a type that will do. */
static bool check_types(lua_State *L) {
  bool listed = is_list(L);
  if (lua_gettop(L) == 0) bad_type(L, 1, false);
  if (listed) unpack(L);
  int on = 0, n = lua_gettop(L);
  for (int i = 1; i <= n; i++) {
    int kind = kind_of(L, i);
    if (kind < 0) bad_type(L, i, listed);
    on += kind != OFF;
  }
  if (on == 0) luaL_error(L, "'select' has no case to wait for");
  return listed;
}

static void check_own(lua_State *L, struct art_lua_task *t, bool listed) {
  int n = lua_gettop(L);
  for (int i = 1; i <= n; i++) {
    int kind = kind_of(L, i);
    if (kind == TASK) art_check_not_above(L, t, lua_touserdata(L, i));
    if (kind == WAKER && art_waker_task(L, i) != t) bad_case(L, i, listed, "waker of another task");
  }
}

/* [-0, +1, -] The channel that the asyncrt.sending at 'i' is for. */
static struct art_channel *push_target(lua_State *L, int i) {
  lua_getiuservalue(L, i, ART_SENDING_CHANNEL);
  return lua_touserdata(L, -1);
}

/* --- at once ------------------------------------------------------------------------------------------------------ */

static bool can_send(lua_State *L, int i) {
  struct art_channel *ch = push_target(L, i);
  lua_pop(L, 1);
  return ch->closed || ch->ring.count < ch->capacity || !art_waitlist_empty(&ch->receivers);
}

static bool can_receive(const struct art_channel *ch) {
  return ch->closed || ch->ring.count > 0 || !art_waitlist_empty(&ch->senders);
}

static bool is_ready(lua_State *L, struct art_lua_task *t, int i) {
  void *what = lua_touserdata(L, i);
  uint64_t now_ns;
  switch ((enum kind)kind_of(L, i)) {
  case OFF: return false;
  case TASK: return ((struct art_lua_task *)what)->outcome != ART_OPEN;
  case FUTURE: return art_future_is_set(what);
  case RECEIVE: return can_receive(what);
  case SEND: return can_send(L, i);
  case EVENT: return art_event_is_set(what);
  case DEADLINE:
    now_ns = art_runtime_now_ns(t->rt->core);
    return art_deadline_ns(what, now_ns) <= now_ns;
  case WAKER: return (t->flags & ART_PERMIT) != 0;
  }
  return false;
}

/* The error on top is the i-th case's. */
static void name_case(lua_State *L, int i) {
  if (!art_is_error(L, -1)) return;
  lua_pushinteger(L, i);
  lua_setfield(L, -2, "case");
}

/* [-0, +n, m] The values of a task or future that has ended. */
static int give_outcome(lua_State *L, int i, struct art_lua_task *target) {
  if (target->outcome == ART_DONE) return art_push_values(L, target, i);
  if (target->outcome == ART_CANCELLED) {
    art_push_task_cancelled(L, target, i);
    name_case(L, i);
    return lua_error(L);
  }
  art_observe(L, target, i);
  lua_getiuservalue(L, i, ART_TASK_VALUE);
  name_case(L, i);
  return art_rethrow(L);
}

static int give_future(lua_State *L, int i) {
  int n = art_future_push(L, i);
  if (n >= 0) return n;
  name_case(L, i);
  return art_rethrow(L);
}

static int give_sent(lua_State *L, bool done) {
  if (!done) return art_push_closed(L);
  lua_pushboolean(L, 1);
  return 1;
}

/* -1: after all it must wait. */
static int send_now(lua_State *L, int i) {
  const struct art_sending *s = lua_touserdata(L, i);
  art_check_stack(L, s->n + 8, "too many values");
  struct art_channel *ch = push_target(L, i);
  int self = lua_gettop(L);
  for (int k = 0; k < s->n; k++) lua_getiuservalue(L, i, ART_SENDING_MESSAGE + k);
  enum art_exchange e = art_channel_offer(L, self, ch, s->n);
  lua_settop(L, self - 1);
  return e == ART_MUST_WAIT ? -1 : give_sent(L, e == ART_EXCHANGED);
}

static int receive_now(lua_State *L, int i) {
  int n = 0;
  enum art_exchange e = art_channel_take(L, i, lua_touserdata(L, i), &n);
  if (e == ART_IS_CLOSED) return art_push_closed(L);
  return e == ART_MUST_WAIT ? -1 : n;
}

/* [-0, +n, m] Takes the i-th case, which is ready. A finaliser may have been faster: -1. */
static int take(lua_State *L, struct art_lua_task *t, int i) {
  switch ((enum kind)kind_of(L, i)) {
  case TASK: return give_outcome(L, i, lua_touserdata(L, i));
  case FUTURE: return give_future(L, i);
  case RECEIVE: return receive_now(L, i);
  case SEND: return send_now(L, i);
  case WAKER: t->flags &= (uint16_t)~ART_PERMIT; return 0;
  case EVENT:
  case DEADLINE:
  case OFF: break;
  }
  return 0;
}

static int count_ready(lua_State *L, struct art_lua_task *t, int n) {
  int ready = 0;
  for (int i = 1; i <= n; i++) ready += is_ready(L, t, i);
  return ready;
}

static int find_ready(lua_State *L, struct art_lua_task *t, int n, int which) {
  for (int i = 1; i <= n; i++)
    if (is_ready(L, t, i) && which-- == 0) return i;
  return 0;
}

/* Takes one of those that are ready, each as likely as the others. The number of results; -1: none is ready. */
static int take_any(lua_State *L, struct art_lua_task *t) {
  int n = lua_gettop(L), ready;
  art_check_stack(L, 8, NULL);
  while ((ready = count_ready(L, t, n)) > 0) {
    uint64_t random = ready == 1 ? 0 : art_executor_random(t->core.executor);
    int i = find_ready(L, t, n, (int)((random >> 16) % (unsigned)ready));
    lua_pushinteger(L, i);
    int results = i == 0 ? -1 : take(L, t, i);
    if (results >= 0) return 1 + results;
    lua_settop(L, n);
  }
  return -1;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

static void leave_all(struct selection *s) {
  for (int i = 0; i < s->n; i++) {
    art_waiter_leave(&s->branch[i].party.waiter);
    art_wheel_disarm(&s->task->rt->core->wheel, &s->branch[i].timer);
  }
}

static void abort_select(struct art_lua_task *t) {
  leave_all(t->parking.io.with);
}

static const struct art_wait select_wait = {.what = "select", .abort = abort_select, .cases = true};

bool art_waits_in_select(const struct art_lua_task *t) {
  return t->wait == &select_wait;
}

/* Something has come, and took effect here. */
static void choose(struct art_waker *w) {
  struct branch *b = ART_CONTAINER(w, struct branch, waker);
  struct selection *s = b->of;
  s->chosen = (int)(b - s->branch) + 1;
  leave_all(s);
  art_task_wake(&s->task->core);
}

static void wait_until(struct selection *s, struct branch *b, uint64_t deadline_ns) {
  b->timer.waker = &b->waker;
  if (deadline_ns != ART_NEVER) art_wheel_arm(&s->task->rt->core->wheel, &b->timer, deadline_ns);
}

static void wait_in(lua_State *L, struct selection *s, int i) {
  struct branch *b = &s->branch[i - 1];
  void *what = lua_touserdata(L, i);
  b->of = s;
  b->waker.wake = choose;
  b->party.waiter.waker = &b->waker;
  b->party.co = L;
  switch ((enum kind)kind_of(L, i)) {
  case TASK: art_waitlist_add(&((struct art_lua_task *)what)->awaiters, &b->party.waiter); break;
  case FUTURE: art_waitlist_add(art_future_waiters(what), &b->party.waiter); break;
  case RECEIVE: art_waitlist_add(&((struct art_channel *)what)->receivers, &b->party.waiter); break;
  case SEND:
    b->party.sending = i;
    art_waitlist_add(&push_target(L, i)->senders, &b->party.waiter);
    lua_pop(L, 1);
    break;
  case EVENT: art_waitlist_add(art_event_waiters(what), &b->party.waiter); break;
  case DEADLINE: wait_until(s, b, art_deadline_ns(what, 0)); break;
  case WAKER: /* looked at after each wake */
  case OFF: break;
  }
}

/* [-0, +1, m] */
static struct selection *new_selection(lua_State *L, struct art_lua_task *t) {
  int n = lua_gettop(L);
  size_t size = sizeof(struct selection) + (size_t)n * sizeof(struct branch);
  struct selection *s = lua_newuserdatauv(L, size, 0);
  memset(s, 0, size);
  s->task = t;
  s->n = n;
  return s;
}

/* [-0, +n, m] What the chosen case gives; what it received is on top already. */
static int give_chosen(lua_State *L, struct selection *s) {
  int i = s->chosen, values = s->n + 2;
  const struct art_party *p = &s->branch[i - 1].party;
  lua_pushinteger(L, i);
  lua_insert(L, values);
  enum kind kind = (enum kind)kind_of(L, i);
  if (kind == SEND) return 1 + give_sent(L, p->exchanged);
  if (kind != RECEIVE) return 1 + take(L, s->task, i);
  return p->exchanged ? lua_gettop(L) - values + 1 : 1 + art_push_closed(L);
}

/* The permit of a waker counts when it is looked at. */
static void look_at_wakers(lua_State *L, struct selection *s) {
  for (int i = 1; i <= s->n && s->chosen == 0; i++)
    if (kind_of(L, i) == WAKER && is_ready(L, s->task, i)) s->chosen = i;
  if (s->chosen > 0) leave_all(s);
}

static int select_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct selection *s = t->parking.io.with;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (s->chosen == 0) look_at_wakers(L, s);
  if (s->chosen == 0) return art_park(L, t, &select_wait, select_k, ctx);
  art_check_stack(L, 8, NULL);
  return give_chosen(L, s);
}

/* In an order that differs from time to time: of equal deadlines the first to be armed comes first. */
static int select_or_wait(lua_State *L, struct art_lua_task *t) {
  int results = take_any(L, t);
  if (results >= 0) return art_return(L, t, results);
  struct selection *s = new_selection(L, t);
  if (count_ready(L, t, s->n) > 0) { /* a finaliser came while memory was found */
    lua_settop(L, s->n);
    return select_or_wait(L, t);
  }
  unsigned start = (unsigned)(art_executor_random(t->core.executor) >> 16) % (unsigned)s->n;
  for (int i = 0; i < s->n; i++) wait_in(L, s, (int)((start + (unsigned)i) % (unsigned)s->n) + 1);
  t->parking.io.with = s;
  return art_park(L, t, &select_wait, select_k, (lua_KContext)t);
}

/* async.select(a, b, ...) or select{a, b, ...} */
static int select_any(lua_State *L) {
  bool listed = check_types(L);
  struct art_lua_task *t = art_checkpoint(L, "select");
  check_own(L, t, listed);
  return select_or_wait(L, t);
}

const luaL_Reg art_select_functions[] = {{"select", select_any}, {NULL, NULL}};
