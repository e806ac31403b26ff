/* Pre-emption: taking the turn from code that does not suspend. A ticker interrupts the thread; its handler sets a debug
** hook on the coroutine that runs, which at the next instruction does what the policy of the code says: yields, raises,
** reports. Without a policy there is no ticker, and nothing of this costs anything. */
#ifndef ART_LUA_PREEMPT_H
#define ART_LUA_PREEMPT_H

#include <lua.h>

#include "drivers/ticker.h"

struct art_lua_runtime;
struct art_lua_task;
struct art_policy;

/* Of a runtime. What is volatile is shared with the handler, on the same thread. */
struct art_preempt {
  struct art_ticker ticker;
  struct art_policy *policies; /* all there are; NULL: no code has one */
  volatile bool polling;       /* tasks are being polled: ticks count */
  volatile bool busy;          /* a hook is being set: the handler must not */
  volatile uint32_t poll;      /* that the ticks were counted in, by the executor's number */
  volatile uint32_t ticks;
  uint64_t closing_ns;    /* what runs for so long is stopped, whatever its policy; 0: nothing is */
  uint32_t seen;          /* the poll that the rest is of */
  uint64_t obstructed_ns; /* processor time when something was first in the way; 0: nothing was */
  bool cut;               /* a cancel was raised in it */
  bool told;              /* that it is slow */
  bool owes;              /* it could not give way when its slice was over: it still has to */
};

void art_preempt_init(struct art_preempt *p);
void art_preempt_destroy(struct art_preempt *p, bool ours);

/* Around polls, and around what runs handlers of tasks that are ended by force. */
void art_preempt_begin(struct art_lua_runtime *rt);
void art_preempt_end(struct art_lua_runtime *rt);

/* The task's code goes on in 'co'. If it is to be stopped or to give way at its next instruction, there too. */
void art_preempt_enter(lua_State *co, const struct art_lua_task *t);

/* Its coroutine will serve another task. */
void art_preempt_forget(lua_State *co);

#endif
