/* Permits: a number of them, those who wait for some in the order of asking, and guards that give them back. What
** semaphores and rwlocks are made of. */
#ifndef ART_LUA_PERMITS_H
#define ART_LUA_PERMITS_H

#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lua/handle.h"
#include "sync/waitlist.h"

struct art_lua_task;
struct art_wait;

#define ART_MOST_PERMITS INT32_MAX

struct art_permits {
  struct art_handle handle;
  struct art_waitlist queue;
  uint64_t free;
  const struct art_wait *wait; /* what those who wait do; its abort is art_permits_abort */
};

void art_permits_init(struct art_permits *p, uint32_t n, const struct art_wait *wait);

/* Returns a guard of n permits, at once or when it is the caller's turn. The handle is at 1; suspends as that function. */
int art_permits_acquire(lua_State *L, struct art_permits *p, uint32_t n, const char *function);

/* [-0, +1, m] The same without waiting: leaves a guard on top if it returns true. */
bool art_permits_try(lua_State *L, struct art_permits *p, uint32_t n);

void art_permits_release(struct art_permits *p, uint32_t n);

void art_permits_abort(struct art_lua_task *t);

extern const struct art_kind art_guard_kind;
extern const luaL_Reg art_guard_methods[];
extern const luaL_Reg art_guard_metamethods[];

#endif
