/* Ring: messages of one or more Lua values, first in, first out. Its places are uservalues of its owner, as many as it was
** made with, as long as each message is one value and there are no more of them than that; else those of a table in a
** uservalue. A message of one value takes one place and allocates nothing, and its first value is never nil. */
#ifndef ART_LUA_RING_H
#define ART_LUA_RING_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#define ART_RING_HOME 64 /* uservalues at most */

struct art_ring {
  uint64_t count;              /* messages */
  uint32_t size, first, taken; /* places; size is 0 or a power of two */
  uint16_t home;               /* places among the uservalues: 0 or a power of two, */
  uint16_t table;              /* which follow this one, where the table is */
  bool away;                   /* the places are the table's */
};

/* An empty ring whose owner has 'home' uservalues after that of the table. */
void art_ring_init(struct art_ring *r, int table, int home);

/* The 'home' for a ring that is to hold that many messages. */
int art_ring_home(uint64_t capacity);

/* Is there room for one more message of n values, once the first 'less' places are free? */
bool art_ring_fits(const struct art_ring *r, int n, uint32_t less);

/* [-0, +0, m] Makes room for it. Finalisers may run, so what the ring holds may have changed. */
void art_ring_grow(lua_State *L, int owner, struct art_ring *r, int n);

/* [-n, +0, -] The n values on top as the last message; it must fit. Needs 3 places of the stack. */
void art_ring_put(lua_State *L, int owner, struct art_ring *r, int n);

/* Values of the first message, and the places it takes. */
int art_ring_values(lua_State *L, int owner, const struct art_ring *r, uint32_t *places);

/* [-0, +n, -] The first message; there must be one, and room on the stack for n + 2. Returns n. */
int art_ring_take(lua_State *L, int owner, struct art_ring *r);

/* [-0, +1, -] The first message, if it is one value and leaves nothing to trim. Needs 3 places of the stack. */
bool art_ring_take_one(lua_State *L, int owner, struct art_ring *r);

/* [-0, +0, -] An empty ring lets go of the table of a burst. */
void art_ring_trim(lua_State *L, int owner, struct art_ring *r);

#endif
