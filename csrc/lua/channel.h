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

#define ART_CHANNEL_NAME "asyncrt.channel"

struct art_channel {
  struct art_waitlist receivers, senders; /* of parties */
  struct art_ring ring;
  uint64_t capacity; /* messages */
  bool closed;
};

enum art_exchange { ART_EXCHANGED, ART_MUST_WAIT, ART_IS_CLOSED };

/* [-0, +1, m] Without a metatable. */
void art_new_channel(lua_State *L, uint64_t capacity);

/* [-n, +0, m] Sends the n values on top; they are popped only if that was done. The channel is at 'self'. */
enum art_exchange art_channel_offer(lua_State *L, int self, struct art_channel *ch, int n);

/* [-0, +n, m] Receives a message. Whatever raises has taken nothing. */
enum art_exchange art_channel_take(lua_State *L, int self, struct art_channel *ch, int *n);

/* The values from 'arg' on are a message? Raises if not. */
void art_check_message(lua_State *L, int arg, const char *function);

extern const luaL_Reg art_channel_functions[];
extern const luaL_Reg art_channel_methods[];
extern const luaL_Reg art_receive_methods[]; /* of whatever can be received from */
extern const luaL_Reg art_receive_metamethods[];

#endif
