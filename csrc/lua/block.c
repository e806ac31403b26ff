#include "lua/block.h"

#include "lua/args.h"
#include "lua/ending.h"
#include "lua/finaliser.h"
#include "lua/state.h"

void art_push_handle(lua_State *L, const struct art_kind *kind) {
  art_new_handle(L, kind, 0);
}

void art_give_block(lua_State *L, struct art_block *b) {
  ((struct art_block_handle *)lua_touserdata(L, -1))->block = b;
  art_list_push(&art_lua_of(L)->blocks, &b->node);
}

struct art_allocator art_state_allocator(lua_State *L) {
  struct art_allocator a;
  art_allocator_init(&a, &art_lua_of(L)->defaults.allocator);
  return a;
}

struct art_block *art_check_block(lua_State *L, int arg, const char *function,
                                  const struct art_kind *kind, bool open) {
  struct art_block *b =
      ((struct art_block_handle *)art_check_handle(L, arg, function, kind))->block;
  if (b == NULL && open) luaL_error(L, "'%s' on a collected handle", function);
  return b;
}

bool art_finalise_block(lua_State *L) {
  struct art_block_handle *handle = lua_touserdata(L, 1);
  struct art_block *b = handle->block;
  if (!art_is_finaliser(L)) return false;
  handle->block = NULL;
  if (b != NULL) {
    art_list_remove(&b->node);
    b->destroy(b);
  }
  return true;
}

int art_destroy_blocks(lua_State *L) {
  struct art_lua *state = lua_touserdata(L, 1);
  struct art_list *n;
  if (!art_is_finaliser(L)) return 0;
  art_tell_at_close(L, 1);
  while ((n = art_list_pop(&state->blocks)) != NULL) {
    struct art_block *b = ART_CONTAINER(n, struct art_block, node);
    b->destroy(b);
  }
  return 0;
}
