/* Blocks: memory of C behind a handle, for what the driver or another thread leads to. Lua frees a handle without having
** called its finaliser when there is no memory for the call; the block stays until the state is closed, so that nothing
** leads to freed memory. */
#ifndef ART_LUA_BLOCK_H
#define ART_LUA_BLOCK_H

#include <lua.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "base/list.h"
#include "lua/handle.h"

struct art_block {
  struct art_list node;                 /* in the state's blocks */
  void (*destroy)(struct art_block *b); /* frees it */
};

struct art_block_handle {
  struct art_handle handle;
  struct art_block *
      block; /* NULL: it is collected, and what calls is another finaliser; or it was never given one */
};

/* [-0, +1, m] A handle of that kind, which is that of a block, without one. */
void art_push_handle(lua_State *L, const struct art_kind *kind);

/* The handle on top has the block from here on. */
void art_give_block(lua_State *L, struct art_block *b);

/* What blocks are allocated with where no runtime is at hand. */
struct art_allocator art_state_allocator(lua_State *L);

/* The block of the handle at 'index', or NULL. */
static inline struct art_block *art_block_at(lua_State *L, int index) {
  return ((struct art_block_handle *)lua_touserdata(L, index))->block;
}

/* The same for an argument; raises for other types, and with 'open' for a collected handle. */
struct art_block *art_check_block(lua_State *L, int arg, const char *function,
                                  const struct art_kind *kind, bool open);

/* For finalisers of handles: destroys the block, if Lua calls. False: a script does. */
bool art_finalise_block(lua_State *L);

/* The state is closed: its finaliser, the last one of all. */
int art_destroy_blocks(lua_State *L);

#endif
