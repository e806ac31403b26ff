#include "lua/args.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "asyncrt.h"

#define NEVER_NS 4611686018427387904.0 /* 2^62 */

int art_arg_error(lua_State *L, int arg, const char *function, const char *message) {
  lua_Debug ar;
  if (lua_getstack(L, 0, &ar) != 0) {
    lua_getinfo(L, "n", &ar);
    if (strcmp(ar.namewhat, "method") == 0 && --arg == 0) /* self is not counted */
      return luaL_error(L, "calling '%s' on bad self (%s)", function, message);
  }
  return luaL_error(L, "bad argument #%d to '%s' (%s)", arg, function, message);
}

const char *art_type_name(lua_State *L, int arg) {
  if (luaL_getmetafield(L, arg, "__name") == LUA_TSTRING) return lua_tostring(L, -1);
  if (lua_type(L, arg) == LUA_TLIGHTUSERDATA) return "light userdata";
  return lua_isnone(L, arg) ? "no value" : luaL_typename(L, arg);
}

int art_type_error(lua_State *L, int arg, const char *function, const char *expected) {
  const char *got = art_type_name(L, arg);
  return art_arg_error(L, arg, function, lua_pushfstring(L, "%s expected, got %s", expected, got));
}

void art_check_has_call(lua_State *L, int arg, const char *function) {
  if (luaL_getmetafield(L, arg, "__call") == LUA_TNIL) art_type_error(L, arg, function, "function");
  lua_pop(L, 1);
}

void art_check_table(lua_State *L, int arg, const char *function) {
  if (!lua_istable(L, arg)) art_type_error(L, arg, function, "table");
}

static bool is_one_of(const char *name, const char *const *names) {
  for (; *names != NULL; names++)
    if (strcmp(name, *names) == 0) return true;
  return false;
}

void art_check_option_names(lua_State *L, int arg, const char *function, const char *const *names) {
  art_check_table(L, arg, function);
  lua_pushnil(L);
  while (lua_next(L, arg) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING || !is_one_of(lua_tostring(L, -2), names))
      art_arg_error(L, arg, function,
                    lua_pushfstring(L, "unknown option '%s'", luaL_tolstring(L, -2, NULL)));
    lua_pop(L, 1);
  }
}

bool art_to_seconds(lua_State *L, int index, uint64_t *ns) {
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  double seconds = (double)lua_tonumber(L, index);
  if (isnan(seconds)) return false;
  double exact = seconds * 1e9;
  if (exact >= NEVER_NS)
    *ns = ART_NEVER;
  else
    *ns = exact <= 0 ? 0 : (uint64_t)(int64_t)(exact + 0.5); /* signed conversions are faster */
  return true;
}

uint64_t art_check_seconds(lua_State *L, int arg, const char *function) {
  uint64_t ns = 0;
  if (art_to_seconds(L, arg, &ns)) return ns;
  if (lua_type(L, arg) != LUA_TNUMBER) art_type_error(L, arg, function, "number");
  art_arg_error(L, arg, function, "number of seconds is NaN");
  return 0;
}

lua_Integer art_check_integer(lua_State *L, int arg, const char *function, lua_Integer low,
                              lua_Integer high) {
  int is_integer;
  lua_Integer n = lua_tointegerx(L, arg, &is_integer);
  if (lua_type(L, arg) != LUA_TNUMBER) art_type_error(L, arg, function, "number");
  if (!is_integer) art_arg_error(L, arg, function, "number has no integer representation");
  if (n < low || n > high)
    art_arg_error(L, arg, function,
                  lua_pushfstring(L, "%I is not in %I..%I", (LUAI_UACINT)n, (LUAI_UACINT)low,
                                  (LUAI_UACINT)high));
  return n;
}

const char *art_check_string(lua_State *L, int arg, const char *function, size_t *length) {
  if (lua_type(L, arg) != LUA_TSTRING) art_type_error(L, arg, function, "string");
  return lua_tolstring(L, arg, length);
}

uint64_t art_deadline(uint64_t now_ns, uint64_t delay_ns) {
  if (delay_ns == ART_NEVER || now_ns + delay_ns >= (uint64_t)NEVER_NS) return ART_NEVER;
  return now_ns + delay_ns;
}
