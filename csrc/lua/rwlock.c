/* As many permits as there can be: a reader takes one, a writer all. So a writer waits for the readers before it, and
** readers that come after it wait behind it. */
#include "lua/rwlock.h"

#include "lua/args.h"
#include "lua/park.h"
#include "lua/permits.h"

#define READER 1
#define WRITER ART_MOST_PERMITS

enum { SELF = 1 };

static const struct art_wait rwlock_wait = {
    .what = "rwlock", .abort = art_permits_abort, .handle = SELF};

static struct art_permits *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_rwlock_kind);
}

static int read(lua_State *L) {
  return art_permits_acquire(L, check(L, "read"), READER, "read");
}

static int write(lua_State *L) {
  return art_permits_acquire(L, check(L, "write"), WRITER, "write");
}

static int try_lock(lua_State *L, uint32_t n, const char *function) {
  if (art_permits_try(L, check(L, function), n)) return 1;
  lua_pushnil(L);
  lua_pushliteral(L, "the rwlock is locked");
  lua_pushliteral(L, "locked");
  return 3;
}

static int try_read(lua_State *L) {
  return try_lock(L, READER, "try_read");
}

static int try_write(lua_State *L) {
  return try_lock(L, WRITER, "try_write");
}

static int rwlock(lua_State *L) {
  struct art_permits *p = art_new_handle(L, &art_rwlock_kind, 0);
  art_permits_init(p, ART_MOST_PERMITS, &rwlock_wait);
  return 1;
}

static int rwlock_tostring(lua_State *L) {
  uint64_t taken = ART_MOST_PERMITS - check(L, "tostring")->free;
  if (taken == 0)
    lua_pushliteral(L, "rwlock (free)");
  else if (taken == WRITER)
    lua_pushliteral(L, "rwlock (written)");
  else
    lua_pushfstring(L, "rwlock (read by %I)", (LUAI_UACINT)taken);
  return 1;
}

const struct art_kind art_rwlock_kind = {
    .name = "asyncrt.rwlock", .size = sizeof(struct art_permits), .index = ART_RWLOCK_KIND};
const luaL_Reg art_rwlock_functions[] = {{"rwlock", rwlock}, {NULL, NULL}};
const luaL_Reg art_rwlock_methods[] = {{"read", read},
                                       {"write", write},
                                       {"try_read", try_read},
                                       {"try_write", try_write},
                                       {NULL, NULL}};
const luaL_Reg art_rwlock_metamethods[] = {{"__tostring", rwlock_tostring}, {NULL, NULL}};
