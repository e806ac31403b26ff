/* Socket addresses as scripts write them: "127.0.0.1", "::1" or "fe80::1%eth0" with a port; "*" for every interface;
** "unix:/path". */
#ifndef ART_LUA_ADDRESS_H
#define ART_LUA_ADDRESS_H

#include <lua.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct art_address {
  socklen_t size; /* 0: none */
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
  } to;
};

#define ART_ADDRESS_TEXT 128 /* room for the longest of them */

/* 0; -EINVAL: it is none of these, but perhaps a name; -ENAMETOOLONG. */
int art_address_parse(struct art_address *a, const char *host, size_t length, uint16_t port);

/* "127.0.0.1:80", "[::1]:80", "unix:/path" */
const char *art_address_text(const struct art_address *a, char text[ART_ADDRESS_TEXT]);

/* The literal host at 'arg' and the port after it, which a path has none of; raises for anything else. 0, or
** -ENAMETOOLONG for a path that no socket can have. */
int art_check_address(lua_State *L, int arg, const char *function, struct art_address *a);

/* [-0, +2, m] Host and port, nil for the port of a path. Returns 2. */
int art_push_address(lua_State *L, const struct art_address *a);

/* The address of that end of a socket. 0 or -errno. */
int art_address_of(struct art_address *a, int fd, bool peer);

#endif
