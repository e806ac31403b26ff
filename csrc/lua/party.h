/* Party: one side of an exchange of values, waiting for the other: a task in its send or recv, or one case of a select. */
#ifndef ART_LUA_PARTY_H
#define ART_LUA_PARTY_H

#include <lua.h>
#include <stdbool.h>

#include "sync/waitlist.h"

struct art_party {
  struct art_waiter waiter;
  lua_State *co; /* waits in a C function, which finds what it received on top of its stack */
  union {
    int sending; /* where on its stack the asyncrt.sending is that has the values; 0: they are above the channel at 1 */
    int received; /* how many values the other side has put there */
  };
  bool exchanged; /* set by the other side before the wake */
};

static inline struct art_party *art_party_of(struct art_list *node) {
  struct art_waiter *w = ART_CONTAINER(node, struct art_waiter, node);
  return ART_CONTAINER(w, struct art_party, waiter);
}

/* The first of those who wait; NULL: nobody does. */
static inline struct art_party *art_first_party(const struct art_waitlist *wl) {
  struct art_list *node = art_list_first(&wl->waiters);
  return node == NULL ? NULL : art_party_of(node);
}

#endif
