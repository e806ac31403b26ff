/* Argument checks. Messages are Lua's own, with the name under which the function is documented and the position of
** the caller. */
#ifndef ART_LUA_ARGS_H
#define ART_LUA_ARGS_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

/* bad argument #1 to 'sleep' (...) */
int art_arg_error(lua_State *L, int arg, const char *function, const char *message);

/* ... (number expected, got table) */
int art_type_error(lua_State *L, int arg, const char *function, const char *expected);

/* [-0, +1, m] "number", "no value", "asyncrt.task": what Lua's own messages call the type of a value. */
const char *art_type_name(lua_State *L, int arg);

void art_check_has_call(lua_State *L, int arg, const char *function);

/* A function, or anything that can be called like one. */
static inline void art_check_callable(lua_State *L, int arg, const char *function) {
  if (!lua_isfunction(L, arg)) art_check_has_call(L, arg, function);
}

void art_check_table(lua_State *L, int arg, const char *function);

/* A table with none but those keys; the list ends with NULL. */
void art_check_option_names(lua_State *L, int arg, const char *function, const char *const *names);

/* Seconds as nanoseconds: numbers only, NaN is an error, negative is 0, 2^62 ns and more is ART_NEVER. */
uint64_t art_check_seconds(lua_State *L, int arg, const char *function);

/* The same for a value that is not an argument: false if it is no such number. */
bool art_to_seconds(lua_State *L, int index, uint64_t *ns);

lua_Integer art_check_integer(lua_State *L, int arg, const char *function, lua_Integer low,
                              lua_Integer high);

/* Strings only: numbers are not converted. */
const char *art_check_string(lua_State *L, int arg, const char *function, size_t *length);

/* now_ns + delay_ns, ART_NEVER if that is beyond 2^62. */
uint64_t art_deadline(uint64_t now_ns, uint64_t delay_ns);

#endif
