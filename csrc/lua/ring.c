#include "lua/ring.h"

#include <limits.h>

#include "lua/error.h"

#define LEAST 8u
#define KEPT 1024u /* a table of more places is let go when it is empty */

/* Its address, as a light userdata that no script can have, and the number of values precede a message of other than one
** value. */
static const char several;

enum { HEADER = 2 };

static uint32_t places_of(int n) {
  return n == 1 ? 1 : (uint32_t)n + HEADER;
}

bool art_ring_fits(const struct art_ring *r, int n, uint32_t less) {
  return (uint64_t)r->taken - less + places_of(n) <= r->size;
}

/* Where the i-th place is, in a table. */
static lua_Integer place(const struct art_ring *r, uint32_t i) {
  return (lua_Integer)((r->first + i) & (r->size - 1)) + 1;
}

void art_ring_grow(lua_State *L, int owner, struct art_ring *r, int n) {
  uint64_t size = r->size == 0 ? LEAST : r->size;
  while (size < (uint64_t)r->taken + places_of(n)) size *= 2;
  if (size > INT_MAX / 2) art_no_memory(L);
  art_check_stack(L, 4, NULL);
  lua_createtable(L, (int)size, 0);
  if (size <= r->size || size < r->taken) { /* a finaliser was here */
    lua_pop(L, 1);
    return;
  }
  lua_getiuservalue(L, owner, ART_RING_TABLE);
  for (uint32_t i = 0; i < r->taken; i++) {
    lua_rawgeti(L, -1, place(r, i));
    lua_rawseti(L, -3, (lua_Integer)i + 1);
  }
  lua_pop(L, 1);
  lua_setiuservalue(L, owner, ART_RING_TABLE);
  r->first = 0;
  r->size = (uint32_t)size;
}

void art_ring_put(lua_State *L, int owner, struct art_ring *r, int n) {
  lua_getiuservalue(L, owner, ART_RING_TABLE);
  lua_insert(L, -n - 1);
  uint32_t at = r->taken, places = places_of(n);
  if (n == 1) {
    lua_rawseti(L, -2, place(r, at));
    lua_pop(L, 1);
    r->taken++;
    r->count++;
    return;
  }
  if (n != 1) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)&several);
    lua_rawseti(L, -n - 2, place(r, at));
    lua_pushinteger(L, n);
    lua_rawseti(L, -n - 2, place(r, at + 1));
  }
  for (int i = n; i >= 1; i--)
    lua_rawseti(L, -i - 1, place(r, at + places - (uint32_t)(n - i) - 1));
  lua_pop(L, 1);
  r->taken += places;
  r->count++;
}

int art_ring_values(lua_State *L, int owner, const struct art_ring *r, uint32_t *places) {
  int n = 1;
  lua_getiuservalue(L, owner, ART_RING_TABLE);
  lua_rawgeti(L, -1, place(r, 0));
  if (lua_touserdata(L, -1) == &several) {
    lua_rawgeti(L, -2, place(r, 1));
    n = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  *places = places_of(n);
  return n;
}

int art_ring_take(lua_State *L, int owner, struct art_ring *r) {
  uint32_t places;
  int n = art_ring_values(L, owner, r, &places);
  lua_getiuservalue(L, owner, ART_RING_TABLE);
  int table = lua_gettop(L);
  for (uint32_t i = places - (uint32_t)n; i < places; i++) lua_rawgeti(L, table, place(r, i));
  for (uint32_t i = 0; i < places; i++) { /* what was taken is not kept alive */
    lua_pushnil(L);
    lua_rawseti(L, table, place(r, i));
  }
  lua_remove(L, table);
  r->first = (r->first + places) & (r->size - 1);
  r->taken -= places;
  r->count--;
  return n;
}

bool art_ring_take_one(lua_State *L, int owner, struct art_ring *r) {
  if (r->size > KEPT) return false;
  lua_Integer at = place(r, 0);
  lua_getiuservalue(L, owner, ART_RING_TABLE);
  if (lua_rawgeti(L, -1, at) == LUA_TLIGHTUSERDATA && lua_touserdata(L, -1) == &several) {
    lua_pop(L, 2);
    return false;
  }
  lua_pushnil(L);
  lua_rawseti(L, -3, at);
  lua_remove(L, -2);
  r->first = (r->first + 1) & (r->size - 1);
  r->taken--;
  r->count--;
  return true;
}

void art_ring_trim(lua_State *L, int owner, struct art_ring *r) {
  if (r->count > 0 || r->size <= KEPT) return;
  r->size = r->first = 0;
  lua_pushnil(L);
  lua_setiuservalue(L, owner, ART_RING_TABLE);
}
