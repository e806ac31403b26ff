/* Error codes of the world, as scripts see them: the errno's name. */
#ifndef ART_LUA_ERRNO_H
#define ART_LUA_ERRNO_H

#include <lua.h>

/* "ECONNREFUSED"; "EUNKNOWN" for numbers without a name here. Static. */
const char *art_errno_name(int err);

/* [-0, +3, m] nil, "what: Connection refused", "ECONNREFUSED". Returns 3. */
int art_push_failure(lua_State *L, int err, const char *what);

#endif
