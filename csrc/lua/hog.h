/* What is done about code that does not suspend, once its slice is over. */
#ifndef ART_LUA_HOG_H
#define ART_LUA_HOG_H

#include <lua.h>
#include <stdbool.h>

struct art_lua_task;

enum art_act {
  ART_ACT_NOTHING,
  ART_ACT_RETRY,  /* it cannot be pre-empted right here: a little later */
  ART_ACT_YIELD,  /* it goes behind the others */
  ART_ACT_TELL,   /* it is slow: on_slow is called */
  ART_ACT_CUT,    /* the cancel that it has not noticed is raised in it */
  ART_ACT_STOP,   /* from here on at every instruction, shields notwithstanding */
  ART_ACT_KILL,   /* the task is cancelled for being a hog, and that raised */
  ART_ACT_REFUSE, /* an error: Lua cannot yield there */
};

/* From a debug hook of the task's code; does what is not done by yielding. Raises what it says. */
void art_hog_act(lua_State *L, struct art_lua_task *t, enum art_act act);

/* The function behind it, with our upvalue: task, act. */
int art_hog_closure(lua_State *L);

/* Is there a cancel on its way to the task's code, even if shields hold it off? */
bool art_is_asked_to_stop(const struct art_lua_task *t);

#endif
