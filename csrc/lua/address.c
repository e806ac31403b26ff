#include "lua/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/args.h"

#define PREFIX "unix:"
#define PREFIX_LENGTH (sizeof PREFIX - 1)
#define HOST_TEXT (INET6_ADDRSTRLEN + 1 + IF_NAMESIZE) /* with a zone */

static int parse_path(struct art_address *a, const char *path, size_t length) {
  if (length == 0 || memchr(path, '\0', length) != NULL) return -EINVAL;
  if (length >= sizeof a->to.un.sun_path) return -ENAMETOOLONG;
  a->to.un.sun_family = AF_UNIX;
  memcpy(a->to.un.sun_path, path, length + 1);
  a->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
  return 0;
}

/* "fe80::1%eth0" */
static int parse_zone(struct art_address *a, const char *host, const char *percent) {
  char address[INET6_ADDRSTRLEN] = "";
  size_t length = (size_t)(percent - host);
  if (length >= sizeof address) return -EINVAL;
  memcpy(address, host, length);
  if (inet_pton(AF_INET6, address, &a->to.in6.sin6_addr) != 1) return -EINVAL;
  char *end;
  unsigned long zone = if_nametoindex(percent + 1);
  if (zone == 0) {
    zone = strtoul(percent + 1, &end, 10);
    if (percent[1] == '\0' || *end != '\0' || zone > UINT32_MAX) return -EINVAL;
  }
  a->to.in6.sin6_scope_id = (uint32_t)zone;
  return 0;
}

static int parse_inet6(struct art_address *a, const char *host, uint16_t port) {
  const char *percent = strchr(host, '%');
  int err = 0;
  if (percent != NULL)
    err = parse_zone(a, host, percent);
  else if (strcmp(host, "*") != 0 && inet_pton(AF_INET6, host, &a->to.in6.sin6_addr) != 1)
    err = -EINVAL;
  if (err < 0) return err;
  a->to.in6.sin6_family = AF_INET6;
  a->to.in6.sin6_port = htons(port);
  a->size = sizeof a->to.in6;
  return 0;
}

int art_address_parse(struct art_address *a, const char *host, size_t length, uint16_t port) {
  memset(a, 0, sizeof *a);
  if (strncmp(host, PREFIX, PREFIX_LENGTH) == 0)
    return parse_path(a, host + PREFIX_LENGTH, length - PREFIX_LENGTH);
  if (strlen(host) != length) return -EINVAL;
  if (inet_pton(AF_INET, host, &a->to.in.sin_addr) != 1) return parse_inet6(a, host, port);
  a->to.in.sin_family = AF_INET;
  a->to.in.sin_port = htons(port);
  a->size = sizeof a->to.in;
  return 0;
}

int art_check_address(lua_State *L, int arg, const char *function, struct art_address *a) {
  size_t length;
  const char *host = art_check_string(L, arg, function, &length);
  bool path = strncmp(host, PREFIX, PREFIX_LENGTH) == 0;
  uint16_t port = path ? 0 : (uint16_t)art_check_integer(L, arg + 1, function, 0, UINT16_MAX);
  int err = art_address_parse(a, host, length, port);
  if (err == -EINVAL) art_arg_error(L, arg, function, "invalid address");
  return err;
}

/* An IPv4 peer of a socket that takes both. */
static bool is_mapped(const struct art_address *a) {
  return a->to.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->to.in6.sin6_addr);
}

static const char *host_text(const struct art_address *a, char text[HOST_TEXT]) {
  if (is_mapped(a)) return inet_ntop(AF_INET, &a->to.in6.sin6_addr.s6_addr[12], text, HOST_TEXT);
  int err = getnameinfo(&a->to.any, a->size, text, HOST_TEXT, NULL, 0, NI_NUMERICHOST);
  return err == 0 ? text : "?";
}

static unsigned port_of(const struct art_address *a) {
  return ntohs(a->to.any.sa_family == AF_INET ? a->to.in.sin_port : a->to.in6.sin6_port);
}

static bool is_path(const struct art_address *a) {
  return a->size == 0 || a->to.any.sa_family == AF_UNIX;
}

/* The kernel's lengths count the end of the string or not. */
static void path_text(const struct art_address *a, char text[ART_ADDRESS_TEXT]) {
  size_t before = offsetof(struct sockaddr_un, sun_path);
  size_t length = a->size > before ? strnlen(a->to.un.sun_path, a->size - before) : 0;
  snprintf(text, ART_ADDRESS_TEXT, PREFIX "%.*s", (int)length, a->to.un.sun_path);
}

const char *art_address_text(const struct art_address *a, char text[ART_ADDRESS_TEXT]) {
  char host[HOST_TEXT];
  if (is_path(a))
    path_text(a, text);
  else
    snprintf(text, ART_ADDRESS_TEXT, strchr(host_text(a, host), ':') != NULL ? "[%s]:%u" : "%s:%u",
             host, port_of(a));
  return text;
}

int art_push_address(lua_State *L, const struct art_address *a) {
  char text[ART_ADDRESS_TEXT], host[HOST_TEXT];
  if (is_path(a)) {
    path_text(a, text);
    lua_pushstring(L, text);
    lua_pushnil(L);
  } else {
    lua_pushstring(L, host_text(a, host));
    lua_pushinteger(L, port_of(a));
  }
  return 2;
}

int art_address_of(struct art_address *a, int fd, bool peer) {
  int (*const ask)(int, struct sockaddr *, socklen_t *) = peer ? getpeername : getsockname;
  memset(a, 0, sizeof *a);
  a->size = sizeof a->to;
  if (ask(fd, &a->to.any, &a->size) == 0) return 0;
  a->size = 0;
  return -errno;
}
