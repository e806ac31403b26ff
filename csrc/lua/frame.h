/* Frames: tasks that go on with the next one. A host's tick is a frame, an advance of a manual clock, too; where no host
** drives they come at a rate of their own. */
#ifndef ART_LUA_FRAME_H
#define ART_LUA_FRAME_H

#include <lauxlib.h>

#include "base/waker.h"
#include "drivers/wheel.h"
#include "sync/waitlist.h"

struct art_lua_runtime;

struct art_frames {
  struct art_waitlist waiting;
  uint64_t last_ns;       /* when the last one was; ART_NEVER: there was none */
  uint64_t period_ns;     /* where no host drives */
  struct art_waker begin; /* woken when there is one */
  struct art_timer timer; /* the next one, where no host drives and somebody waits */
};

/* The core is there. */
void art_frames_init(struct art_lua_runtime *rt, uint64_t period_ns);

/* From here on nobody drives: those who wait are due in time. */
void art_frames_run(struct art_lua_runtime *rt);

/* A host does. */
void art_frames_tick(struct art_lua_runtime *rt);

extern const luaL_Reg art_frame_functions[]; /* next_frame */

#endif
