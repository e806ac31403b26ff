/* Coroutines for tasks: idle ones are kept, for a new one costs ten times a reused one. One that ended normally needs no
** reset; one that did not is not used again. */
#ifndef ART_LUA_COROUTINES_H
#define ART_LUA_COROUTINES_H

#include <lua.h>
#include <stdbool.h>

struct art_lua_runtime;

/* The bottom of every coroutine's stack, for life: message handler and task body. */
enum { ART_CO_HANDLER = 1, ART_CO_BODY };

/* What art_loop_enter lays on the host's stack, from rt->anchors on. */
enum { ART_HOST_HANDLER = 1, ART_HOST_BODY, ART_HOST_IDLE };

/* [-0, +(0|1), -] The idle coroutine that art_take_coroutine will take, made if there is none. NULL: no memory, and the
** error is on top of the host's stack. */
lua_State *art_idle_coroutine(struct art_lua_runtime *rt);

/* [-0, +1, -] Takes it; pushes it on the host's stack, for the taker to anchor. */
void art_take_coroutine(struct art_lua_runtime *rt);

/* [-0, +0, -] Its body has returned: it is idle again, or dropped if there are many. Until now the taker anchored it. */
void art_give_coroutine(struct art_lua_runtime *rt, lua_State *co);

#endif
