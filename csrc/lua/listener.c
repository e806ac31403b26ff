/* Listeners: made and closed, and the calls that accept. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lua/acceptor.h"
#include "lua/args.h"
#include "lua/errno.h"
#include "lua/error.h"
#include "lua/listener.h"
#include "lua/park.h"
#include "lua/sockopt.h"
#include "lua/stream.h"

const struct art_kind art_listener_kind = {.name = "asyncrt.listener",
                                           .size = sizeof(struct art_block_handle),
                                           .index = ART_LISTENER_KIND};

enum {
  SELF = 1,
  ACCEPTOR,
  ITERATES
}; /* on the stack of an accept; of an iterator's also the last */

/* --- made and closed ---------------------------------------------------------------------------------------------- */

/* The path of a listener goes with it, unless it is somebody else's by now. */
static void remove_path(const struct art_listener *l) {
  struct art_address a;
  struct stat now;
  if (l->inode == 0 || l->pid != getpid()) return;
  if (art_address_of(&a, l->socket.source.fd, false) < 0 || stat(a.to.un.sun_path, &now) < 0)
    return;
  if (now.st_dev == l->device && now.st_ino == l->inode) unlink(a.to.un.sun_path);
}

static void release(struct art_socket *s) {
  struct art_listener *l = ART_CONTAINER(s, struct art_listener, socket);
  remove_path(l);
  art_listener_send_away(l);
}

static struct art_listener *new_listener(lua_State *L) {
  struct art_listener *l = art_new_socket(L, &art_listener_kind, sizeof *l, release);
  art_waitlist_init(&l->acceptors);
  return l;
}

static int bind_and_listen(struct art_listener *l, const struct art_address *a,
                           const struct art_sockopt *o) {
  struct stat made;
  int fd = art_open_socket(a, o, true);
  if (fd < 0) return fd;
  art_socket_open(&l->socket, fd);
  if (bind(fd, &a->to.any, a->size) < 0) return -errno;
  l->pid = getpid();
  if (a->to.any.sa_family == AF_UNIX && stat(a->to.un.sun_path, &made) == 0) {
    l->device = made.st_dev;
    l->inode = made.st_ino;
  }
  return listen(fd, o->backlog) < 0 ? -errno : 0;
}

/* Without IPv6, every interface is every one of IPv4. */
static int listen_anywhere(struct art_listener *l, const struct art_address *a,
                           const struct art_sockopt *o) {
  struct art_address every = {.size = sizeof every.to.in};
  int err = bind_and_listen(l, a, o);
  if (err != -EAFNOSUPPORT && err != -EADDRNOTAVAIL) return err;
  art_socket_close(&l->socket);
  every.to.in.sin_family = AF_INET;
  every.to.in.sin_port = a->to.in6.sin6_port;
  return bind_and_listen(l, &every, o);
}

static int fail_to_listen(lua_State *L, const char *where, int err) {
  return art_push_failure(L, -err, lua_pushfstring(L, "listen %s", where));
}

/* listen(host, port, options): a literal address */
static int net_listen(lua_State *L) {
  struct art_address a;
  struct art_sockopt o;
  char text[ART_ADDRESS_TEXT];
  int err = art_check_address(L, 1, "listen", &a);
  art_check_sockopt(L, 3, "listen", &o);
  if (err < 0) return fail_to_listen(L, lua_tostring(L, 1), err);
  bool anywhere = strcmp(lua_tostring(L, 1), "*") == 0;
  struct art_lua_task *t = art_lua_of(L)->current;
  struct art_listener *l = new_listener(L);
  err = (anywhere ? listen_anywhere : bind_and_listen)(l, &a, &o);
  if (err < 0) {
    art_socket_close(&l->socket);
    return fail_to_listen(L, anywhere ? "*" : art_address_text(&a, text), err);
  }
  if (t != NULL) art_socket_join(L, &l->socket, t, "listen");
  return 1;
}

/* --- accept ------------------------------------------------------------------------------------------------------- */

static struct art_listener *check(lua_State *L, const char *function) {
  return art_check_socket(L, function, &art_listener_kind);
}

static void abort_accept(struct art_lua_task *t) {
  art_acceptor_leave(t->parking.io.with);
}

static const struct art_wait waits[] = {
    [ART_ACCEPT_QUEUED] = {.what = "its turn to accept", .abort = abort_accept, .handle = SELF},
    [ART_ACCEPT_ASKED] = {.what = "accept", .abort = abort_accept, .handle = SELF},
    [ART_ACCEPT_SHORT] = {.what = "free descriptors to accept with",
                          .abort = abort_accept,
                          .handle = SELF},
};

/* [-n, +(0|1), m] The n results on top, as an iterator gives them. */
static int iterate(lua_State *L, int n) {
  if (n == 1) return 1;
  return strcmp(lua_tostring(L, -1), "closed") == 0 ? 0 : art_raise_io(L);
}

static int answer(lua_State *L, struct art_lua_task *t) {
  bool iterates = lua_gettop(L) >= ITERATES;
  int n = art_acceptor_answer(L, t, SELF, ACCEPTOR);
  return iterates ? iterate(L, n) : n;
}

static int accept_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct art_acceptor *a = t->parking.io.with;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_acceptor_look(a, t)) return answer(L, t);
  return art_park(L, t, &waits[a->state], accept_k, ctx);
}

/* The listener is at 1, alone. */
static int begin(lua_State *L, struct art_listener *l, const char *name, bool iterates) {
  struct art_lua_task *t = art_checkpoint(L, name);
  art_socket_join(L, &l->socket, t, name);
  struct art_acceptor *a = art_new_acceptor(L);
  if (iterates) lua_pushnil(L);
  t->parking.io.with = a;
  art_acceptor_begin(a, l, &t->core.waker);
  if (art_acceptor_look(a, t)) return art_return(L, t, answer(L, t));
  return art_park(L, t, &waits[a->state], accept_k, (lua_KContext)t);
}

/* listener:accept() */
static int listener_accept(lua_State *L) {
  struct art_listener *l = check(L, "accept");
  lua_settop(L, SELF);
  return begin(L, l, "accept", false);
}

/* Upvalues: state, listener. */
static int next_stream(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(2));
  return begin(L, art_socket_at(L, SELF), "accepts", true);
}

/* for stream in listener:accepts() */
static int listener_accepts(lua_State *L) {
  check(L, "accepts");
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, SELF);
  lua_pushcclosure(L, next_stream, 2);
  return 1;
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static int listener_address(lua_State *L) {
  struct art_listener *l = check(L, "address");
  struct art_address own;
  if (art_socket_closed(&l->socket)) return art_push_closed(L);
  art_address_of(&own, l->socket.source.fd, false);
  return art_push_address(L, &own);
}

static int listener_close(lua_State *L) {
  return art_close_handle(L, &art_listener_kind);
}

static int listener_gc(lua_State *L) {
  return art_finalise_socket(L, &art_listener_kind);
}

static int listener_tostring(lua_State *L) {
  struct art_listener *l = check(L, "tostring");
  struct art_address own;
  char text[ART_ADDRESS_TEXT];
  if (art_socket_closed(&l->socket)) {
    lua_pushliteral(L, "listener (closed)");
    return 1;
  }
  art_address_of(&own, l->socket.source.fd, false);
  lua_pushfstring(L, "listener %s", art_address_text(&own, text));
  return 1;
}

const luaL_Reg art_listener_functions[] = {{"listen", net_listen}, {NULL, NULL}};
const luaL_Reg art_listener_methods[] = {{"accept", listener_accept},
                                         {"accepts", listener_accepts},
                                         {"address", listener_address},
                                         {"close", listener_close},
                                         {NULL, NULL}};
const luaL_Reg art_listener_metamethods[] = {{"__gc", listener_gc},
                                             {"__close", listener_close},
                                             {"__tostring", listener_tostring},
                                             {NULL, NULL}};
