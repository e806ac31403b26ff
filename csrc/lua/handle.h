/* Handles: userdata of ours, known by their metatables. Comparing their addresses takes half of what luaL_testudata does.
** Nothing in the block itself would do: one that somebody else gets from malloc may still have in it what a handle has left
** there. */
#ifndef ART_LUA_HANDLE_H
#define ART_LUA_HANDLE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct art_lua;

enum art_kind_index {
  ART_TASK_KIND,
  ART_SUPERVISED_TASK_KIND,
  ART_CHANNEL_KIND,
  ART_SUBSCRIPTION_KIND,
  ART_SENDING_KIND,
  ART_FUTURE_KIND,
  ART_EVENT_KIND,
  ART_DEADLINE_KIND,
  ART_WAKER_KIND,
  ART_LISTENER_KIND,
  ART_READABLE_KIND,
  ART_STREAM_KIND,
  ART_LOOKUP_KIND,
  ART_MUTEX_KIND,
  ART_SEMAPHORE_KIND,
  ART_GUARD_KIND,
  ART_RWLOCK_KIND,
  ART_BARRIER_KIND,
  ART_CONDITION_KIND,
  ART_SCOPE_KIND,
  ART_HOLD_KIND,
  ART_RUNTIME_KIND,
  ART_KINDS
};

struct art_kind {
  const char *name; /* of its metatable in the registry */
  size_t size;
  enum art_kind_index index;
  int meta; /* enum art_lua_value: where the metatable is found faster; 0: nowhere */
};

/* The metatables; struct art_lua begins with it. */
struct art_kinds {
  const void *meta[ART_KINDS];
};

/* The first member of what is in a handle. */
struct art_handle {
  struct art_lua *state; /* the Lua state's */
};

/* [-0, +1, m] A new one; all that follows the first member is zero. */
void *art_new_handle(lua_State *L, const struct art_kind *kind, int uservalues);

/* What metatables are compared by; NULL: the value has none. Needs a place on the stack. */
static inline const void *art_meta_of(lua_State *L, int index) {
  if (!lua_getmetatable(L, index)) return NULL;
  const void *meta = lua_topointer(L, -1);
  lua_pop(L, 1);
  return meta;
}

/* The handle of that kind at 'index', NULL if that is something else. Needs a place on the stack. */
static inline void *art_to_handle(lua_State *L, int index, const struct art_kind *kind) {
  const struct art_kinds *kinds = lua_touserdata(L, lua_upvalueindex(1));
  if (art_meta_of(L, index) != kinds->meta[kind->index]) return NULL;
  return lua_touserdata(L, index); /* NULL: a script has lent its metatable to a table */
}

/* The same for an argument; raises for anything else. */
void *art_check_handle_fails(lua_State *L, int arg, const char *function,
                             const struct art_kind *kind);

static inline void *art_check_handle(lua_State *L, int arg, const char *function,
                                     const struct art_kind *kind) {
  void *h = art_to_handle(L, arg, kind);
  return h != NULL ? h : art_check_handle_fails(L, arg, function, kind);
}

/* As art_meta_of, of the first argument of a method that takes no others: they are dropped, in the same call. */
static inline const void *art_meta_alone(lua_State *L) {
  if (!lua_getmetatable(L, 1)) return NULL; /* there may be no argument at all */
  const void *meta = lua_topointer(L, -1);
  lua_settop(L, 1);
  return meta;
}

/* As art_check_handle, likewise. */
static inline void *art_check_alone(lua_State *L, const char *function,
                                    const struct art_kind *kind) {
  const struct art_kinds *kinds = lua_touserdata(L, lua_upvalueindex(1));
  void *h = art_meta_alone(L) == kinds->meta[kind->index] ? lua_touserdata(L, 1) : NULL;
  return h != NULL ? h : art_check_handle_fails(L, 1, function, kind);
}

#endif
