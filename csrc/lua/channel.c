#include "lua/channel.h"

#include <math.h>

#include "lua/args.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/sending.h"
#include "lua/socket.h"
#include "lua/task.h"

#define MOST_CAPACITY 2147483648 /* that can be said in a number */

enum { NAME = 1, RING }; /* uservalues: from RING on those of the ring */
enum { SELF = 1 };

#define ROOM 8             /* on the stack, for what is in between */
#define MOST_VALUES 250000 /* two messages and what is below them fit on a stack */

/* --- exchange ----------------------------------------------------------------------------------------------------- */

static void conclude(struct art_party *p) {
  art_waiter_leave(&p->waiter);
  p->exchanged = true;
  art_wake(p->waiter.waker);
}

#define FEW 8 /* values for which a C function's stack always has room, beside what we put there */

/* [-n, +0, m] To a receiver that waits. */
static void hand_over(lua_State *L, struct art_party *receiver, int n) {
  if (n > FEW && !lua_checkstack(receiver->co, n + FEW))
    art_no_memory(L); /* a select's adds to them */
  lua_xmove(L, receiver->co, n);
  receiver->received = n;
  conclude(receiver);
}

static int values_of(const struct art_party *sender) {
  if (sender->sending == 0) return lua_gettop(sender->co) - SELF;
  const struct art_sending *s = lua_touserdata(sender->co, sender->sending);
  return s->n;
}

/* [-0, +n, -] From a sender that waits; there must be room on the stack. */
static void pull(lua_State *L, struct art_party *sender, int n) {
  if (sender->sending == 0) {
    lua_xmove(sender->co, L, n);
  } else {
    for (int i = 0; i < n; i++) {
      lua_getiuservalue(sender->co, sender->sending, ART_SENDING_MESSAGE + i);
      lua_xmove(sender->co, L, 1);
    }
  }
  conclude(sender);
}

enum art_exchange art_channel_offer(lua_State *L, int self, struct art_channel *ch, int n) {
  if (n > MOST_VALUES) luaL_error(L, "too many values in a message");
  for (;;) { /* making room may run finalisers */
    if (ch->closed) return ART_IS_CLOSED;
    struct art_party *receiver = art_first_party(&ch->receivers);
    if (receiver != NULL) {
      hand_over(L, receiver, n);
      return ART_EXCHANGED;
    }
    if (ch->ring.count >= ch->capacity) return ART_MUST_WAIT;
    if (art_ring_fits(&ch->ring, n, 0)) break;
    art_ring_grow(L, self, &ch->ring, n);
  }
  art_ring_put(L, self, &ch->ring, n);
  return ART_EXCHANGED;
}

/* [-0, +n, m] There is something in the ring. 0: what there was has changed. The first sender that waits takes the place
** that becomes free. */
static int take_buffered(lua_State *L, int self, struct art_channel *ch) {
  uint32_t places;
  struct art_party *sender = art_first_party(&ch->senders);
  int next = sender == NULL ? 0 : values_of(sender);
  if (next <= 1 && art_ring_take_one(L, self, &ch->ring)) {
    if (sender == NULL) return 1;
    pull(L, sender, 1);
    art_ring_put(L, self, &ch->ring, 1);
    return 1;
  }
  art_check_stack(L, ROOM, NULL);
  int n = art_ring_values(L, self, &ch->ring, &places);
  art_check_stack(L, n + next + ROOM, "too many values");
  if (sender != NULL && !art_ring_fits(&ch->ring, next, places)) {
    art_ring_grow(L, self, &ch->ring, next);
    return 0;
  }
  art_ring_take(L, self, &ch->ring);
  if (sender == NULL) {
    art_ring_trim(L, self, &ch->ring);
  } else {
    pull(L, sender, next);
    art_ring_put(L, self, &ch->ring, next);
  }
  return n;
}

enum art_exchange art_channel_take(lua_State *L, int self, struct art_channel *ch, int *n) {
  while (ch->ring.count > 0)
    if ((*n = take_buffered(L, self, ch)) > 0) return ART_EXCHANGED;
  struct art_party *sender = art_first_party(&ch->senders);
  if (sender == NULL) return ch->closed ? ART_IS_CLOSED : ART_MUST_WAIT;
  *n = values_of(sender);
  art_check_stack(L, *n + ROOM, "too many values");
  pull(L, sender, *n);
  return ART_EXCHANGED;
}

/* --- handles ------------------------------------------------------------------------------------------------------ */

const struct art_kind art_channel_kind = {.name = "asyncrt.channel",
                                          .size = sizeof(struct art_channel),
                                          .index = ART_CHANNEL_KIND,
                                          .meta = ART_CHANNEL_META};

static struct art_channel *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_channel_kind);
}

static struct art_channel *check_alone(lua_State *L, const char *function) {
  return art_check_alone(L, function, &art_channel_kind);
}

void art_check_message(lua_State *L, int arg, const char *function) {
  if (lua_isnoneornil(L, arg)) art_type_error(L, arg, function, "value");
}

static uint64_t check_capacity(lua_State *L) {
  if (lua_isnoneornil(L, 1)) return 0;
  if (lua_type(L, 1) == LUA_TNUMBER && lua_tonumber(L, 1) == HUGE_VAL) return UINT64_MAX;
  return (uint64_t)art_check_integer(L, 1, "channel", 0, MOST_CAPACITY);
}

struct art_channel *art_new_channel(lua_State *L, const struct art_kind *kind, uint64_t capacity) {
  int home = art_ring_home(capacity);
  struct art_channel *ch = art_new_handle(L, kind, RING + home);
  art_ring_init(&ch->ring, RING, home);
  ch->capacity = capacity;
  art_waitlist_init(&ch->receivers);
  art_waitlist_init(&ch->senders);
  return ch;
}

/* async.channel([capacity]) */
static int channel(lua_State *L) {
  art_new_channel(L, &art_channel_kind, check_capacity(L));
  return 1;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

static void leave(struct art_lua_task *t) {
  art_waiter_leave(&t->parking.party.waiter);
}

static const struct art_wait send_wait = {.what = "channel send", .abort = leave, .handle = SELF};
static const struct art_wait receive_wait = {
    .what = "channel receive", .abort = leave, .handle = SELF};

static int wait_among(lua_State *L, struct art_lua_task *t, struct art_waitlist *wl,
                      const struct art_wait *wait, lua_KFunction k) {
  t->parking.party = (struct art_party){.waiter = {.waker = &t->core.waker}, .co = L};
  art_waitlist_add(wl, &t->parking.party.waiter);
  return art_park(L, t, wait, k, (lua_KContext)t);
}

/* --- send --------------------------------------------------------------------------------------------------------- */

static int answer_send(lua_State *L, bool done) {
  if (!done) return art_push_closed(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int send_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_waiter_waiting(&t->parking.party.waiter)) return art_park(L, t, &send_wait, send_k, ctx);
  return answer_send(L, t->parking.party.exchanged);
}

static int channel_send(lua_State *L) {
  struct art_channel *ch = check(L, "send");
  art_check_message(L, 2, "send");
  struct art_lua_task *t = art_checkpoint_in(L, ch->handle.state, "send");
  enum art_exchange e = art_channel_offer(L, SELF, ch, lua_gettop(L) - SELF);
  if (e != ART_MUST_WAIT) return art_return(L, t, answer_send(L, e == ART_EXCHANGED));
  return wait_among(L, t, &ch->senders, &send_wait, send_k);
}

static int try_send(lua_State *L) {
  struct art_channel *ch = check(L, "try_send");
  art_check_message(L, 2, "try_send");
  enum art_exchange e = art_channel_offer(L, SELF, ch, lua_gettop(L) - SELF);
  if (e != ART_MUST_WAIT) return answer_send(L, e == ART_EXCHANGED);
  lua_pushnil(L);
  lua_pushliteral(L, "full");
  lua_pushliteral(L, "full");
  return 3;
}

/* --- receive ------------------------------------------------------------------------------------------------------ */

/* for v in ch do just ends when the channel is closed. */
static int give_closed(lua_State *L, bool iterates) {
  return iterates ? 0 : art_push_closed(L);
}

static int resumed(lua_State *L, lua_KContext ctx, lua_KFunction k, bool iterates) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_waiter_waiting(&t->parking.party.waiter)) return art_park(L, t, &receive_wait, k, ctx);
  const struct art_party *p = &t->parking.party;
  return p->exchanged ? p->received : give_closed(L, iterates);
}

static int receive_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return resumed(L, ctx, receive_k, false);
}

static int iterate_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return resumed(L, ctx, iterate_k, true);
}

static int receive_or_wait(lua_State *L, struct art_channel *ch, bool iterates) {
  struct art_lua_task *t = art_checkpoint_in(L, ch->handle.state, "recv");
  int n = 0;
  enum art_exchange e = art_channel_take(L, SELF, ch, &n);
  if (e == ART_EXCHANGED) return art_return(L, t, n);
  if (e == ART_IS_CLOSED) return art_return(L, t, give_closed(L, iterates));
  return wait_among(L, t, &ch->receivers, &receive_wait, iterates ? iterate_k : receive_k);
}

int art_receive(lua_State *L, struct art_channel *ch) {
  return receive_or_wait(L, ch, false);
}

int art_receive_next(lua_State *L, struct art_channel *ch) {
  return receive_or_wait(L, ch, true);
}

int art_try_receive(lua_State *L, struct art_channel *ch) {
  int n = 0;
  enum art_exchange e = art_channel_take(L, SELF, ch, &n);
  if (e == ART_EXCHANGED) return n;
  if (e == ART_IS_CLOSED) return art_push_closed(L);
  lua_pushnil(L);
  lua_pushliteral(L, "empty");
  lua_pushliteral(L, "empty");
  return 3;
}

static int channel_recv(lua_State *L) {
  return art_receive(L, check_alone(L, "recv"));
}

/* for v in channel do */
static int channel_call(lua_State *L) {
  return art_receive_next(L, check_alone(L, "recv"));
}

static int try_recv(lua_State *L) {
  return art_try_receive(L, check(L, "try_recv"));
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

void art_channel_close(struct art_channel *ch) {
  ch->closed = true;
  art_waitlist_wake_all(&ch->receivers);
  art_waitlist_wake_all(&ch->senders);
}

static int channel_close(lua_State *L) {
  art_channel_close(check(L, "close"));
  return 0;
}

static int channel_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L, "len")->ring.count);
  return 1;
}

static int channel_name(lua_State *L) {
  check(L, "name");
  if (!lua_isnoneornil(L, 2)) {
    art_check_string(L, 2, "name", NULL);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, SELF, NAME);
    return 1;
  }
  lua_getiuservalue(L, SELF, NAME);
  return 1;
}

/* channel 'jobs' (3 messages, closed) */
static int channel_tostring(lua_State *L) {
  struct art_channel *ch = check(L, "tostring");
  lua_pushliteral(L, "channel");
  if (lua_getiuservalue(L, SELF, NAME) == LUA_TSTRING)
    lua_pushfstring(L, "%s '%s'", lua_tostring(L, -2), lua_tostring(L, -1));
  else
    lua_pop(L, 1);
  lua_pushfstring(L, "%s (%I messages%s)", lua_tostring(L, -1), (LUAI_UACINT)ch->ring.count,
                  ch->closed ? ", closed" : "");
  return 1;
}

const luaL_Reg art_channel_functions[] = {{"channel", channel}, {NULL, NULL}};
const luaL_Reg art_channel_methods[] = {{"send", channel_send},           {"try_send", try_send},
                                        {"sending", art_channel_sending}, {"recv", channel_recv},
                                        {"try_recv", try_recv},           {"close", channel_close},
                                        {"name", channel_name},           {NULL, NULL}};
const luaL_Reg art_channel_metamethods[] = {{"__call", channel_call},
                                            {"__len", channel_len},
                                            {"__close", channel_close},
                                            {"__tostring", channel_tostring},
                                            {NULL, NULL}};
