#include "lua/sockopt.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "lua/address.h"
#include "lua/args.h"

static const struct {
  const char *name;
  size_t offset;
} flags[] = {{"nodelay", offsetof(struct art_sockopt, nodelay)},
             {"keepalive", offsetof(struct art_sockopt, keepalive)},
             {"reuseaddr", offsetof(struct art_sockopt, reuseaddr)},
             {"reuseport", offsetof(struct art_sockopt, reuseport)}};

static int bad(lua_State *L, int arg, const char *function, const char *name, const char *what) {
  return art_arg_error(L, arg, function, lua_pushfstring(L, "field '%s' must be %s", name, what));
}

/* Name and value are on top. */
static void check_option(lua_State *L, int arg, const char *function, struct art_sockopt *o) {
  const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
  for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
    if (strcmp(name, flags[i].name) != 0) continue;
    if (!lua_isboolean(L, -1)) bad(L, arg, function, name, "a boolean");
    *(bool *)((char *)o + flags[i].offset) = lua_toboolean(L, -1);
    return;
  }
  if (strcmp(name, "backlog") != 0)
    art_arg_error(L, arg, function,
                  lua_pushfstring(L, "unknown option '%s'", luaL_tolstring(L, -2, NULL)));
  int is_integer;
  lua_Integer n = lua_tointegerx(L, -1, &is_integer);
  if (lua_type(L, -1) != LUA_TNUMBER || !is_integer || n < 1 || n > INT_MAX)
    bad(L, arg, function, name, "a positive integer");
  o->backlog = (int)n;
}

void art_check_sockopt(lua_State *L, int arg, const char *function, struct art_sockopt *o) {
  *o = (struct art_sockopt){.nodelay = true, .reuseaddr = true, .backlog = 1024};
  if (lua_isnoneornil(L, arg)) return;
  art_check_table(L, arg, function);
  lua_pushnil(L);
  while (lua_next(L, arg) != 0) {
    check_option(L, arg, function, o);
    lua_pop(L, 1);
  }
}

/* What does not apply to a kind of socket is left out: a path knows no delay. */
static int set(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* Accepted sockets inherit these from their listener: that saves the calls for each. */
static int set_both(int fd, const struct art_sockopt *o) {
  int err = 0;
  if (o->nodelay) err = set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (err == 0 && o->keepalive) err = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  return err;
}

static int set_listening(int fd, const struct art_address *a, const struct art_sockopt *o) {
  int err = 0;
  if (o->reuseaddr) err = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (err == 0 && o->reuseport) err = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (err == 0 && a->to.any.sa_family == AF_INET6) { /* every interface is every family */
    bool both = IN6_IS_ADDR_UNSPECIFIED(&a->to.in6.sin6_addr);
    err = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both);
  }
  return err;
}

int art_open_socket(const struct art_address *a, const struct art_sockopt *o, bool listens) {
  int family = a->to.any.sa_family, err = 0;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (family != AF_UNIX) err = set_both(fd, o);
  if (err == 0 && listens && family != AF_UNIX) err = set_listening(fd, a, o);
  if (err == 0) return fd;
  close(fd);
  return err;
}
