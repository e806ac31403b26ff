/* Channel: messages from tasks to tasks. A message goes directly to the first receiver that waits, else into the ring,
** else its sender waits with it; so nobody receives while there is something in the ring, and the first to come are the
** first to be served on both sides.
**
** A message changes hands on the stacks of those who wait: a receiver finds it on its own when it goes on, a sender's is
** taken from where it lies. Once that has happened it took effect, whatever a cancel says afterwards. */
#ifndef ART_LUA_CHANNEL_H
#define ART_LUA_CHANNEL_H

#include "lua/party.h"
#include "lua/ring.h"
#include "lua/state.h"
#include "sync/waitlist.h"

extern const struct art_kind art_channel_kind;

struct art_channel {
  struct art_handle handle;
  struct art_waitlist receivers, senders; /* of parties */
  struct art_ring ring;
  uint64_t capacity; /* messages */
  uint64_t lost;     /* of a subscription: messages that gave way to later ones */
  bool closed;
};

enum art_exchange { ART_EXCHANGED, ART_MUST_WAIT, ART_IS_CLOSED };

/* [-0, +1, m] A handle of that kind, whose size is that of a channel. */
struct art_channel *art_new_channel(lua_State *L, const struct art_kind *kind, uint64_t capacity);

/* [-n, +0, m] Sends the n values on top; they are popped only if that was done. The channel is at 'self'. */
enum art_exchange art_channel_offer(lua_State *L, int self, struct art_channel *ch, int n);

/* [-0, +n, m] Receives a message. Whatever raises has taken nothing. */
enum art_exchange art_channel_take(lua_State *L, int self, struct art_channel *ch, int *n);

/* The values from 'arg' on are a message? Raises if not. */
void art_check_message(lua_State *L, int arg, const char *function);

/* What is in it is still delivered. */
void art_channel_close(struct art_channel *ch);

/* The calls of whoever receives from the channel at 1, above which there is nothing: recv, the same in a for loop,
** try_recv. */
int art_receive(lua_State *L, struct art_channel *ch);
int art_receive_next(lua_State *L, struct art_channel *ch);
int art_try_receive(lua_State *L, struct art_channel *ch);

extern const luaL_Reg art_channel_functions[]; /* channel */
extern const luaL_Reg art_channel_methods[];
extern const luaL_Reg art_channel_metamethods[];

#endif
