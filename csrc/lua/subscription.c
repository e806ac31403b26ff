#include "lua/subscription.h"

#include "lua/args.h"
#include "lua/channel.h"

#define MOST_CAPACITY 2147483647

const struct art_kind art_subscription_kind = {.name = "asyncrt.subscription",
                                               .size = sizeof(struct art_channel),
                                               .index = ART_SUBSCRIPTION_KIND};

static struct art_channel *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_subscription_kind);
}

static struct art_channel *check_alone(lua_State *L, const char *function) {
  return art_check_alone(L, function, &art_subscription_kind);
}

/* subscription(capacity) */
static int subscription(lua_State *L) {
  lua_Integer capacity = art_check_integer(L, 1, "subscription", 1, MOST_CAPACITY);
  art_new_channel(L, &art_subscription_kind, (uint64_t)capacity);
  return 1;
}

/* publish(subscription, ...) -> is it still open? Never waits. */
static int publish(lua_State *L) {
  struct art_channel *ch = check(L, "publish");
  art_check_message(L, 2, "publish");
  enum art_exchange e;
  while ((e = art_channel_offer(L, 1, ch, lua_gettop(L) - 1)) == ART_MUST_WAIT) {
    int top = lua_gettop(L), n;
    if (art_channel_take(L, 1, ch, &n) == ART_EXCHANGED) ch->lost++;
    lua_settop(L, top);
  }
  lua_pushboolean(L, e == ART_EXCHANGED);
  return 1;
}

static int subscription_lost(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L, "lost")->lost);
  return 1;
}

static int subscription_recv(lua_State *L) {
  return art_receive(L, check_alone(L, "recv"));
}

/* for v in subscription do */
static int subscription_call(lua_State *L) {
  return art_receive_next(L, check_alone(L, "recv"));
}

static int subscription_try_recv(lua_State *L) {
  return art_try_receive(L, check(L, "try_recv"));
}

static int subscription_close(lua_State *L) {
  art_channel_close(check(L, "close"));
  return 0;
}

static int subscription_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L, "len")->ring.count);
  return 1;
}

static int subscription_tostring(lua_State *L) {
  struct art_channel *ch = check(L, "tostring");
  lua_pushfstring(L, "subscription (%I messages%s)", (LUAI_UACINT)ch->ring.count,
                  ch->closed ? ", closed" : "");
  return 1;
}

const luaL_Reg art_subscription_functions[] = {
    {"subscription", subscription}, {"publish", publish}, {NULL, NULL}};
const luaL_Reg art_subscription_methods[] = {{"recv", subscription_recv},
                                             {"try_recv", subscription_try_recv},
                                             {"lost", subscription_lost},
                                             {"close", subscription_close},
                                             {NULL, NULL}};
const luaL_Reg art_subscription_metamethods[] = {{"__call", subscription_call},
                                                 {"__len", subscription_len},
                                                 {"__close", subscription_close},
                                                 {"__tostring", subscription_tostring},
                                                 {NULL, NULL}};
