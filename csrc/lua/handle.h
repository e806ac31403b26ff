/* Handles: userdata of ours, all but tasks. Each begins with its own address and that of its kind. It is known by them in a
** third of the time that a look at its metatable takes: no other block of that size has both where they are. */
#ifndef ART_LUA_HANDLE_H
#define ART_LUA_HANDLE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct art_lua;

struct art_kind {
  const char *name; /* of its metatable in the registry */
  size_t size;
  int meta; /* enum art_lua_value: where it is found faster; 0: nowhere */
};

/* The first member of what is in a handle. */
struct art_handle {
  const struct art_handle *self;
  const struct art_kind *kind;
  struct art_lua *state; /* the Lua state's */
};

/* [-0, +1, m] A new one; all that follows the first member is zero. */
void *art_new_handle(lua_State *L, const struct art_kind *kind, int uservalues);

/* The handle of that kind at 'index', NULL if that is something else. */
static inline void *art_to_handle(lua_State *L, int index, const struct art_kind *kind) {
  struct art_handle *h = lua_touserdata(L, index);
  bool is_one = h != NULL && lua_rawlen(L, index) == kind->size && h->self == h && h->kind == kind;
  return is_one ? h : NULL;
}

/* The same for an argument; raises for anything else. */
void *art_check_handle_fails(lua_State *L, int arg, const char *function,
                             const struct art_kind *kind);

static inline void *art_check_handle(lua_State *L, int arg, const char *function,
                                     const struct art_kind *kind) {
  void *h = art_to_handle(L, arg, kind);
  return h != NULL ? h : art_check_handle_fails(L, arg, function, kind);
}

#endif
