#include "lua/semaphore.h"

#include "lua/args.h"
#include "lua/park.h"
#include "lua/permits.h"

enum { SELF = 1 };

static const struct art_wait semaphore_wait = {
    .what = "semaphore", .abort = art_permits_abort, .handle = SELF};

static struct art_permits *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_semaphore_kind);
}

static uint32_t check_count(lua_State *L, const char *function) {
  if (lua_isnoneornil(L, 2)) return 1;
  return (uint32_t)art_check_integer(L, 2, function, 1, ART_MOST_PERMITS);
}

static int acquire(lua_State *L) {
  struct art_permits *p = check(L, "acquire");
  return art_permits_acquire(L, p, check_count(L, "acquire"), "acquire");
}

static int try_acquire(lua_State *L) {
  struct art_permits *p = check(L, "try_acquire");
  if (art_permits_try(L, p, check_count(L, "try_acquire"))) return 1;
  lua_pushnil(L);
  lua_pushliteral(L, "not enough permits");
  lua_pushliteral(L, "empty");
  return 3;
}

static int release(lua_State *L) {
  struct art_permits *p = check(L, "release");
  uint32_t n = check_count(L, "release");
  if (p->free + n > ART_MOST_PERMITS)
    return luaL_error(L, "'release' of more permits than there can be");
  art_permits_release(p, n);
  return 0;
}

static int semaphore(lua_State *L) {
  lua_Integer n = art_check_integer(L, 1, "semaphore", 0, ART_MOST_PERMITS);
  struct art_permits *p = art_new_handle(L, &art_semaphore_kind, 0);
  art_permits_init(p, (uint32_t)n, &semaphore_wait);
  return 1;
}

static int semaphore_tostring(lua_State *L) {
  lua_pushfstring(L, "semaphore (%I free)", (LUAI_UACINT)check(L, "tostring")->free);
  return 1;
}

const struct art_kind art_semaphore_kind = {
    .name = "asyncrt.semaphore", .size = sizeof(struct art_permits), .index = ART_SEMAPHORE_KIND};
const luaL_Reg art_semaphore_functions[] = {{"semaphore", semaphore}, {NULL, NULL}};
const luaL_Reg art_semaphore_methods[] = {
    {"acquire", acquire}, {"try_acquire", try_acquire}, {"release", release}, {NULL, NULL}};
const luaL_Reg art_semaphore_metamethods[] = {{"__tostring", semaphore_tostring}, {NULL, NULL}};
