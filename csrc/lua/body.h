/* A task's body: what its coroutine runs. */
#ifndef ART_LUA_BODY_H
#define ART_LUA_BODY_H

#include <lua.h>

/* Handler, handle, function, arguments in. Runs the function in a protected call, so that handlers of <close> may
** suspend on every way out, waits for the task's children, stores the outcome. */
int art_body(lua_State *L);

#endif
