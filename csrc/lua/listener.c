/* Listeners. Who accepts makes the stream first and then waits with it, so that nothing can fail between the kernel's
** descriptor and its owner. When the system has no descriptors or no memory to give, the connection stays in the
** kernel's queue: we wait a little and ask again. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lua/args.h"
#include "lua/errno.h"
#include "lua/error.h"
#include "lua/listener.h"
#include "lua/park.h"
#include "lua/sockopt.h"
#include "lua/stream.h"

#define PAUSE_NS 50000000ull

enum { SELF = 1, STREAM, ITERATES }; /* on the stack of an accept; of an iterator's also the last */

struct listener {
  struct art_socket socket;
  struct art_half half;
  struct art_timer pause; /* armed while nothing can be accepted */
  struct art_turnstile turn;
  bool asked;   /* what came of the operation was not taken yet */
  dev_t device; /* of a path: what we made there, */
  ino_t inode;  /* 0 otherwise; */
  pid_t pid;    /* and who made it */
};

/* --- made and closed ---------------------------------------------------------------------------------------------- */

/* The path of a listener goes with it, unless it is somebody else's by now. */
static void remove_path(const struct listener *l) {
  struct art_address a;
  struct stat now;
  if (l->inode == 0 || l->pid != getpid()) return;
  if (art_address_of(&a, l->socket.source.fd, false) < 0 || stat(a.to.un.sun_path, &now) < 0)
    return;
  if (now.st_dev == l->device && now.st_ino == l->inode) unlink(a.to.un.sun_path);
}

static void end_pause(struct listener *l) {
  if (art_timer_armed(&l->pause))
    art_wheel_disarm(art_runtime_outer_wheel(l->socket.rt->core), &l->pause);
}

static void release(struct art_socket *s) {
  struct listener *l = ART_CONTAINER(s, struct listener, socket);
  remove_path(l);
  if (l->asked && !l->half.op.pending && l->half.op.result >= 0) close((int)l->half.op.result);
  l->asked = false;
  art_half_end(s, &l->half);
  if (art_timer_armed(&l->pause)) {
    end_pause(l);
    art_wake(l->pause.waker);
  }
  art_waitlist_wake_all(&l->turn.queue);
}

static struct listener *new_listener(lua_State *L) {
  struct listener *l = art_new_socket(L, ART_LISTENER_NAME, sizeof *l, release);
  art_turnstile_init(&l->turn);
  return l;
}

static int bind_and_listen(struct listener *l, const struct art_address *a,
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
static int listen_anywhere(struct listener *l, const struct art_address *a,
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
  struct listener *l = new_listener(L);
  err = (anywhere ? listen_anywhere : bind_and_listen)(l, &a, &o);
  if (err < 0) {
    art_socket_close(&l->socket);
    return fail_to_listen(L, anywhere ? "*" : art_address_text(&a, text), err);
  }
  if (t != NULL) art_socket_join(L, &l->socket, t, "listen");
  return 1;
}

/* --- accept ------------------------------------------------------------------------------------------------------- */

static struct listener *check(lua_State *L, const char *function) {
  return art_check_socket(L, function, ART_LISTENER_NAME);
}

static void end_accept(struct listener *l) {
  l->asked = false;
  art_half_end(&l->socket, &l->half);
  end_pause(l);
  art_turnstile_pass(&l->turn);
}

static void abort_accept(struct art_lua_task *t) {
  end_accept(t->parking.io.with);
}

static void abort_turn(struct art_lua_task *t) {
  art_waiter_leave(&t->parking.io.waiter);
}

static const struct art_wait accept_wait = {
    .what = "accept", .abort = abort_accept, .socket = true, .handle = SELF};
static const struct art_wait pause_wait = {.what = "free descriptors to accept with",
                                           .abort = abort_accept,
                                           .socket = true,
                                           .handle = SELF};
static const struct art_wait turn_wait = {
    .what = "its turn to accept", .abort = abort_turn, .handle = SELF};

static int give_closed(lua_State *L) {
  return lua_gettop(L) < ITERATES ? art_push_closed(L) : 0;
}

static int fail(lua_State *L, struct listener *l, int err) {
  struct art_address own;
  char text[ART_ADDRESS_TEXT];
  bool iterates = lua_gettop(L) >= ITERATES;
  end_accept(l);
  if (err == ENOMEM) return art_no_memory(L);
  art_address_of(&own, l->socket.source.fd, false);
  art_push_failure(L, err, art_address_text(&own, text));
  return iterates ? art_raise_io(L) : 3;
}

static int ask(lua_State *L, struct listener *l, struct art_lua_task *t);
static int accept_k(lua_State *L, int status, lua_KContext ctx);

/* Will it pass when something is closed somewhere? */
static bool is_shortage(ssize_t result) {
  return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

static int pause_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct listener *l = art_socket_at(L, SELF);
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_timer_armed(&l->pause)) return art_park(L, t, &pause_wait, pause_k, ctx);
  return ask(L, l, t);
}

static int pause_accepting(lua_State *L, struct listener *l, struct art_lua_task *t) {
  struct art_runtime *rt = t->rt->core;
  l->pause.waker = &t->core.waker;
  art_wheel_arm(art_runtime_outer_wheel(rt), &l->pause, art_runtime_outer_now_ns(rt) + PAUSE_NS);
  t->parking.io.with = l;
  return art_park(L, t, &pause_wait, pause_k, (lua_KContext)t);
}

static int take_result(lua_State *L, struct listener *l, struct art_lua_task *t) {
  ssize_t fd = l->half.op.result;
  l->asked = false;
  if (is_shortage(fd)) return pause_accepting(L, l, t);
  if (fd < 0) return fail(L, l, (int)-fd);
  struct art_stream *s = art_socket_at(L, STREAM);
  art_socket_open(&s->socket, (int)fd);
  art_socket_join(L, &s->socket, t, "accept");
  s->peer.size = (socklen_t)l->half.op.len;
  end_accept(l);
  lua_settop(L, STREAM);
  return art_return(L, t, 1);
}

static int wait_for_peer(lua_State *L, struct listener *l, struct art_lua_task *t) {
  l->asked = true;
  t->parking.io.with = l;
  return art_park(L, t, &accept_wait, accept_k, (lua_KContext)t);
}

/* With the turn. */
static int ask(lua_State *L, struct listener *l, struct art_lua_task *t) {
  struct art_stream *s = art_socket_at(L, STREAM);
  if (art_socket_closed(&l->socket)) {
    end_accept(l);
    return give_closed(L);
  }
  l->half.op.kind = ART_OP_ACCEPT;
  l->half.op.buf = &s->peer.to;
  l->half.op.len = sizeof s->peer.to;
  int progress = art_half_submit(&l->socket, &l->half, t, ART_NEVER);
  if (progress < 0) return fail(L, l, -progress);
  return (progress == ART_WAITS ? wait_for_peer : take_result)(L, l, t);
}

static int accept_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct listener *l = art_socket_at(L, SELF);
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_socket_closed(&l->socket)) return ask(L, l, t);
  if (art_half_look(&l->socket, &l->half) == ART_WAITS) return wait_for_peer(L, l, t);
  return take_result(L, l, t);
}

static int turn_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct listener *l = art_socket_at(L, SELF);
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_waiter_waiting(&t->parking.io.waiter)) return art_park(L, t, &turn_wait, turn_k, ctx);
  if (art_cancelled_by(t) == NULL) return ask(L, l, t);
  end_accept(l); /* cancelled between the wake and now: the turn goes on */
  return art_raise_cancelled(L, t);
}

static int ask_for_turn(lua_State *L, struct listener *l, struct art_lua_task *t) {
  if (art_turnstile_try(&l->turn)) return ask(L, l, t);
  t->parking.io.waiter = (struct art_waiter){.waker = &t->core.waker};
  art_waitlist_add(&l->turn.queue, &t->parking.io.waiter);
  return art_park(L, t, &turn_wait, turn_k, (lua_KContext)t);
}

/* The listener is at 1, alone. */
static int begin(lua_State *L, struct listener *l, const char *name, bool iterates) {
  struct art_lua_task *t = art_checkpoint(L, name);
  art_socket_join(L, &l->socket, t, name);
  art_new_stream(L);
  if (iterates) lua_pushnil(L);
  return ask_for_turn(L, l, t);
}

/* listener:accept() */
static int listener_accept(lua_State *L) {
  struct listener *l = check(L, "accept");
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
  struct listener *l = check(L, "address");
  struct art_address own;
  if (art_socket_closed(&l->socket)) return art_push_closed(L);
  art_address_of(&own, l->socket.source.fd, false);
  return art_push_address(L, &own);
}

static int listener_close(lua_State *L) {
  return art_close_handle(L, ART_LISTENER_NAME);
}

static int listener_gc(lua_State *L) {
  return art_finalise_socket(L, ART_LISTENER_NAME);
}

static int listener_tostring(lua_State *L) {
  struct listener *l = check(L, "tostring");
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
