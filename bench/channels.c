/* The limits of what tasks do with one another: a run queue, channels of integers and coroutines in coroutines in C, for
** tasks in Lua, without checks, cancels or fairness. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

enum { QUEUE = 4096, WAITERS = 64, SLOTS = 64 };

static struct {
  lua_State *co[QUEUE];
  int nargs[QUEUE];
  unsigned first, last;
} ready;

static void wake(lua_State *co, int nargs) {
  ready.co[ready.last % QUEUE] = co;
  ready.nargs[ready.last++ % QUEUE] = nargs;
}

/* Tasks that wait, with what the senders among them want to send. */
struct waiters {
  lua_State *co[WAITERS];
  lua_Integer value[WAITERS];
  unsigned first, last;
};

static void wait_in(struct waiters *w, lua_State *co, lua_Integer value) {
  w->co[w->last % WAITERS] = co;
  w->value[w->last++ % WAITERS] = value;
}

struct channel {
  struct waiters senders, receivers;
  unsigned capacity, first, count;
  lua_Integer slot[SLOTS];
};

static void put(struct channel *c, lua_Integer value) {
  c->slot[(c->first + c->count++) % SLOTS] = value;
}

static int channel(lua_State *L) {
  unsigned capacity = (unsigned)luaL_checkinteger(L, 1);
  struct channel *c = lua_newuserdatauv(L, sizeof *c, 0);
  luaL_argcheck(L, capacity <= SLOTS, 1, "too large");
  memset(c, 0, sizeof *c);
  c->capacity = capacity;
  return 1;
}

static int send(lua_State *L) {
  struct channel *c = lua_touserdata(L, 1);
  lua_Integer value = lua_tointeger(L, 2);
  struct waiters *r = &c->receivers;
  if (r->first != r->last) {
    lua_State *co = r->co[r->first++ % WAITERS];
    lua_pushinteger(co, value);
    wake(co, 1);
    return 0;
  }
  if (c->count < c->capacity) {
    put(c, value);
    return 0;
  }
  wait_in(&c->senders, L, value);
  return lua_yield(L, 0);
}

static int receive(lua_State *L) {
  struct channel *c = lua_touserdata(L, 1);
  struct waiters *s = &c->senders;
  if (c->count == 0) {
    wait_in(&c->receivers, L, 0);
    return lua_yield(L, 0);
  }
  lua_pushinteger(L, c->slot[c->first++ % SLOTS]);
  c->count--;
  if (s->first != s->last) {
    put(c, s->value[s->first % WAITERS]);
    wake(s->co[s->first++ % WAITERS], 0);
  }
  return 1;
}

/* spawn(fn): anchored for good. */
static int spawn(lua_State *L) {
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  wake(co, 0);
  luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

/* Behind the others. */
static int yield(lua_State *L) {
  wake(L, 0);
  return lua_yield(L, 0);
}

/* Until nobody is ready. */
static int loop(lua_State *L) {
  while (ready.first != ready.last) {
    unsigned i = ready.first++ % QUEUE;
    int nresults, status = lua_resume(ready.co[i], L, ready.nargs[i], &nresults);
    if (status != LUA_YIELD && status != LUA_OK)
      return luaL_error(L, "task failed: %s", lua_tostring(ready.co[i], -1));
    if (nresults > 0) lua_pop(ready.co[i], nresults);
  }
  return 0;
}

/* relay(co) in a coroutine: resumes co until it has ended, and yields whenever that does. */
static int relay_again(lua_State *L, int status, lua_KContext context) {
  int nresults;
  (void)status;
  (void)context;
  if (lua_resume(lua_tothread(L, 1), L, 0, &nresults) != LUA_YIELD) return 0;
  return lua_yieldk(L, 0, 0, relay_again);
}

static int relay(lua_State *L) {
  return relay_again(L, LUA_OK, 0);
}

int luaopen_channels(lua_State *L);

int luaopen_channels(lua_State *L) {
  static const luaL_Reg functions[] = {{"channel", channel}, {"send", send},   {"recv", receive},
                                       {"spawn", spawn},     {"yield", yield}, {"loop", loop},
                                       {"relay", relay},     {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
