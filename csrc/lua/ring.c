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

/* --- places ------------------------------------------------------------------------------------------------------- */

static void go_home(struct art_ring *r) {
  r->away = false;
  r->size = r->home;
  r->first = 0;
}

void art_ring_init(struct art_ring *r, int table, int home) {
  *r = (struct art_ring){.table = (uint16_t)table, .home = (uint16_t)home};
  go_home(r);
}

int art_ring_home(uint64_t capacity) {
  uint64_t home = 1;
  if (capacity == 0) return 0;
  if (capacity > ART_RING_HOME) return LEAST; /* it seldom holds that many */
  while (home < capacity) home *= 2;
  return (int)home;
}

bool art_ring_fits(const struct art_ring *r, int n, uint32_t less) {
  if (n != 1 && !r->away) return false;
  return (uint64_t)r->taken - less + places_of(n) <= r->size;
}

static uint32_t place(const struct art_ring *r, uint32_t i) {
  return (r->first + i) & (r->size - 1);
}

/* [-0, +1, -] What is in the i-th place; the table, if the ring is away, is at 'table'. */
static void push_place(lua_State *L, int owner, const struct art_ring *r, int table, uint32_t i) {
  if (r->away)
    lua_rawgeti(L, table, (lua_Integer)place(r, i) + 1);
  else
    lua_getiuservalue(L, owner, r->table + 1 + (int)place(r, i));
}

/* [-0, +0, -] What was taken is not kept alive. */
static void clear_place(lua_State *L, int owner, const struct art_ring *r, int table, uint32_t i) {
  lua_pushnil(L);
  if (r->away)
    lua_rawseti(L, table, (lua_Integer)place(r, i) + 1);
  else
    lua_setiuservalue(L, owner, r->table + 1 + (int)place(r, i));
}

static void drop_first(struct art_ring *r, uint32_t places) {
  r->first = (r->first + places) & (r->size - 1);
  r->taken -= places;
  r->count--;
}

/* [-0, +0, -] All that is in the ring, to the new table on top. */
static void move_to_table(lua_State *L, int owner, struct art_ring *r) {
  int new = lua_gettop(L), old = new + 1;
  lua_getiuservalue(L, owner, r->table);
  for (uint32_t i = 0; i < r->taken; i++) {
    push_place(L, owner, r, old, i);
    lua_rawseti(L, new, (lua_Integer)i + 1);
    if (!r->away) clear_place(L, owner, r, old, i);
  }
  lua_pop(L, 1);
}

void art_ring_grow(lua_State *L, int owner, struct art_ring *r, int n) {
  uint64_t size = r->size < LEAST ? LEAST : r->size;
  while (size < (uint64_t)r->taken + places_of(n)) size *= 2;
  if (size > INT_MAX / 2) art_no_memory(L);
  art_check_stack(L, 5, NULL);
  lua_createtable(L, (int)size, 0);
  if (size < r->taken || art_ring_fits(r, n, 0)) { /* a finaliser was here */
    lua_pop(L, 1);
    return;
  }
  move_to_table(L, owner, r);
  lua_setiuservalue(L, owner, r->table);
  r->away = true;
  r->first = 0;
  r->size = (uint32_t)size;
}

void art_ring_trim(lua_State *L, int owner, struct art_ring *r) {
  if (r->count > 0 || r->size <= KEPT) return;
  go_home(r);
  lua_pushnil(L);
  lua_setiuservalue(L, owner, r->table);
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

/* [-n, +0, -] A message in the table. */
static void put_away(lua_State *L, int owner, struct art_ring *r, int n) {
  uint32_t at = r->taken, places = places_of(n);
  lua_getiuservalue(L, owner, r->table);
  lua_insert(L, -n - 1);
  if (n != 1) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)&several);
    lua_rawseti(L, -n - 2, (lua_Integer)place(r, at) + 1);
    lua_pushinteger(L, n);
    lua_rawseti(L, -n - 2, (lua_Integer)place(r, at + 1) + 1);
  }
  for (int i = n; i >= 1; i--)
    lua_rawseti(L, -i - 1, (lua_Integer)place(r, at + places - (uint32_t)(n - i) - 1) + 1);
  lua_pop(L, 1);
  r->taken += places;
}

void art_ring_put(lua_State *L, int owner, struct art_ring *r, int n) {
  if (r->away)
    put_away(L, owner, r, n);
  else
    lua_setiuservalue(L, owner, r->table + 1 + (int)place(r, r->taken++));
  r->count++;
}

int art_ring_values(lua_State *L, int owner, const struct art_ring *r, uint32_t *places) {
  int n = 1;
  *places = 1;
  if (!r->away) return 1;
  lua_getiuservalue(L, owner, r->table);
  lua_rawgeti(L, -1, (lua_Integer)place(r, 0) + 1);
  if (lua_touserdata(L, -1) == &several) {
    lua_rawgeti(L, -2, (lua_Integer)place(r, 1) + 1);
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
  lua_getiuservalue(L, owner, r->table);
  int table = lua_gettop(L);
  for (uint32_t i = places - (uint32_t)n; i < places; i++) push_place(L, owner, r, table, i);
  for (uint32_t i = 0; i < places; i++) clear_place(L, owner, r, table, i);
  lua_remove(L, table);
  drop_first(r, places);
  return n;
}

static bool take_one_away(lua_State *L, int owner, struct art_ring *r) {
  if (r->size > KEPT) return false;
  lua_getiuservalue(L, owner, r->table);
  int table = lua_gettop(L);
  push_place(L, owner, r, table, 0);
  if (lua_touserdata(L, -1) == &several) {
    lua_pop(L, 2);
    return false;
  }
  clear_place(L, owner, r, table, 0);
  lua_remove(L, table);
  drop_first(r, 1);
  return true;
}

bool art_ring_take_one(lua_State *L, int owner, struct art_ring *r) {
  if (r->away) return take_one_away(L, owner, r);
  push_place(L, owner, r, 0, 0);
  clear_place(L, owner, r, 0, 0);
  drop_first(r, 1);
  return true;
}
