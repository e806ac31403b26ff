/* Options of sockets, from the table that scripts give. */
#ifndef ART_LUA_SOCKOPT_H
#define ART_LUA_SOCKOPT_H

#include <lua.h>
#include <stdbool.h>

struct art_address;

struct art_sockopt {
  bool nodelay;   /* default true */
  bool keepalive; /* false */
  bool reuseaddr; /* true; for listeners only, as what follows */
  bool reuseport; /* false */
  int backlog;    /* 1024 */
};

/* The table at 'arg', or none; raises on what it does not know. */
void art_check_sockopt(lua_State *L, int arg, const char *function, struct art_sockopt *o);

/* A non-blocking socket for that address, with those options. -errno. */
int art_open_socket(const struct art_address *a, const struct art_sockopt *o, bool listens);

#endif
