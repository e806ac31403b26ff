#include "lua/anchors.h"

#include "lua/error.h"
#include "lua/usage.h"

/* Room in the free list for every slot there will be, so that freeing one cannot fail. */
static void grow(lua_State *L, struct art_lua_runtime *rt) {
  uint32_t room = rt->slots_room == 0 ? 64 : rt->slots_room * 2;
  const struct art_allocator *a = &rt->core->allocator;
  if (!art_usage_reserve(rt, room + 1)) art_no_memory(L);
  uint32_t *slots =
      art_resize(a, rt->free_slots, rt->slots_room * sizeof *slots, room * sizeof *slots);
  if (slots == NULL) art_no_memory(L);
  rt->free_slots = slots;
  rt->slots_room = room;
}

uint32_t art_next_slot(const struct art_lua_runtime *rt) {
  return rt->free_count > 0 ? rt->free_slots[rt->free_count - 1] : rt->slots + 1;
}

uint32_t art_anchor(lua_State *L, struct art_lua_runtime *rt, int anchors) {
  if (rt->free_count > 0) {
    uint32_t slot = rt->free_slots[--rt->free_count];
    lua_rawseti(L, anchors, slot);
    return slot;
  }
  if (rt->slots == rt->slots_room) grow(L, rt);
  lua_rawseti(L, anchors, rt->slots + 1); /* may raise: counted after it */
  return ++rt->slots;
}

void art_unanchor(lua_State *L, struct art_lua_runtime *rt, int anchors, uint32_t slot) {
  lua_pushboolean(L, 0);
  lua_rawseti(L, anchors, slot);
  rt->free_slots[rt->free_count++] = slot;
}
