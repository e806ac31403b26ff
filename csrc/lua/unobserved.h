/* Failed supervised tasks that nobody has observed yet: on_error is told when the handle is collected or the scope ends.
** Their handles are not anchored, so nothing in C may point to them: Lua frees one without having run its finaliser if
** there was no memory to call that. A record in C stands for each; from there the handle is found through the weak table
** of the anchors, if it still is. */
#ifndef ART_LUA_UNOBSERVED_H
#define ART_LUA_UNOBSERVED_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct art_lua_runtime;
struct art_lua_task;
struct art_scope;

struct art_unobserved {
  struct art_list node;
  uint32_t slot; /* kept for the task */
};

/* The task has just failed, in 's'. False: no memory for it. */
bool art_unobserved_add(struct art_scope *s, struct art_lua_task *t);

/* [-0, +0, -] The failure of the ended task whose handle is at 'index' has reached somebody. */
void art_observe(lua_State *L, struct art_lua_task *t, int index);

/* The finaliser of supervised tasks. */
int art_unobserved_gc(lua_State *L);

/* [-0, +0, -] The scope of these ends: on_error gets those whose handle is there, the others are left to their
** finalisers. The anchor table is at 'anchors'; works without upvalue. */
void art_unobserved_tell(lua_State *L, struct art_lua_runtime *rt, struct art_list *records,
                         int anchors);

/* [-0, +0, -] The runtime is closed: finalisers and those who await leave it alone from here on. */
void art_unobserved_close(lua_State *L, struct art_lua_runtime *rt, int anchors);

/* Frees the records alone. */
void art_unobserved_free(struct art_lua_runtime *rt, struct art_list *records);

#endif
