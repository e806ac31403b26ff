/* Writing. One write at a time has the turn and keeps it until the kernel has all of it, so whole writes never mix. One
** that is cut short in the middle leaves the peer with a part of it: from then on nothing can be sent any more. Whoever
** has the turn gives it up before anything that can raise. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lua/args.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/stream.h"

enum { SELF = 1, BYTES }; /* on the stack of a write; of a shutdown only the first */

/* --- the turn ----------------------------------------------------------------------------------------------------- */

static void end_write(struct art_stream *s) {
  art_half_end(&s->socket, &s->out.half);
  art_turnstile_pass(&s->out.turn);
}

/* The bytes sent of a write that is cut short. */
static size_t give_up(struct art_stream *s) {
  if (s->out.sent > 0 && s->out.error == 0) s->out.error = EPIPE;
  end_write(s);
  return s->out.sent;
}

static void abort_write(struct art_lua_task *t) {
  give_up(t->parking.io.with);
}

/* Also of one that is killed once it was handed the turn. */
static void abort_turn(struct art_lua_task *t) {
  if (art_waiter_waiting(&t->parking.io.waiter))
    art_waiter_leave(&t->parking.io.waiter);
  else
    end_write(t->parking.io.with);
}

static const struct art_wait write_wait = {
    .what = "write", .abort = abort_write, .socket = true, .handle = SELF};
static const struct art_wait turn_wait = {
    .what = "its turn to write", .abort = abort_turn, .socket = true, .handle = SELF};

/* --- with the turn ------------------------------------------------------------------------------------------------ */

static int with_sent(lua_State *L, int n, size_t sent) {
  lua_pushinteger(L, (lua_Integer)sent);
  return n + 1;
}

static int fail_closed(lua_State *L, struct art_stream *s) {
  size_t sent = give_up(s);
  return with_sent(L, art_push_closed(L), sent);
}

static int fail(lua_State *L, struct art_stream *s, int err) {
  size_t sent = give_up(s);
  if (err == ENOMEM) return art_no_memory(L);
  return with_sent(L, art_push_stream_failure(L, s, err), sent);
}

static int shut(lua_State *L, struct art_stream *s, struct art_lua_task *t) {
  int err = shutdown(s->socket.source.fd, SHUT_WR) < 0 ? errno : 0;
  if (err == 0) s->out.error = EPIPE;
  end_write(s);
  if (err != 0) return art_push_stream_failure(L, s, err);
  lua_pushboolean(L, 1);
  return art_return(L, t, 1);
}

static int write_k(lua_State *L, int status, lua_KContext ctx);

static int wait_for_room(lua_State *L, struct art_stream *s, struct art_lua_task *t) {
  t->parking.io.with = s;
  return art_park(L, t, &write_wait, write_k, (lua_KContext)t);
}

static void take_result(struct art_outward *out) {
  ssize_t n = out->half.op.result;
  if (n < 0)
    out->error = (int)-n;
  else
    out->sent += (size_t)n;
}

static int send_rest(lua_State *L, struct art_stream *s, struct art_lua_task *t) {
  struct art_outward *out = &s->out;
  size_t size;
  const char *bytes = lua_tolstring(L, BYTES, &size);
  while (out->error == 0 && out->sent < size) {
    out->half.op.kind = ART_OP_SEND;
    out->half.op.buf =
        (char *)(uintptr_t)bytes + out->sent; /* the string is on our stack until we return */
    out->half.op.len = size - out->sent;
    int progress = art_half_submit(&s->socket, &out->half, t, s->timeout_ns);
    if (progress == ART_WAITS) return wait_for_room(L, s, t);
    if (progress < 0) return fail(L, s, -progress);
    take_result(out);
  }
  if (out->error != 0) return fail(L, s, out->error);
  end_write(s);
  lua_settop(L, SELF);
  return art_return(L, t, 1);
}

static int write_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct art_stream *s = art_socket_at(L, SELF);
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_socket_closed(&s->socket)) return fail_closed(L, s);
  enum art_progress progress = art_half_look(&s->socket, &s->out.half);
  if (progress == ART_WAITS) return wait_for_room(L, s, t);
  if (progress == ART_TIMED_OUT) {
    size_t sent = give_up(s);
    return with_sent(L, art_push_timeout(L), sent);
  }
  take_result(&s->out);
  return send_rest(L, s, t);
}

static int begin(lua_State *L, struct art_stream *s, struct art_lua_task *t) {
  s->out.sent = 0;
  return lua_gettop(L) < BYTES ? shut(L, s, t) : send_rest(L, s, t);
}

/* --- without ------------------------------------------------------------------------------------------------------ */

/* A close wakes all at once: it was not the turn that came, and the write that has it tells how far it got. */
static int come_too_late(lua_State *L) {
  bool writes = lua_gettop(L) >= BYTES;
  int n = art_push_closed(L);
  return writes ? with_sent(L, n, 0) : n;
}

static int turn_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct art_stream *s = art_socket_at(L, SELF);
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_socket_closed(&s->socket)) return come_too_late(L);
  if (art_waiter_waiting(&t->parking.io.waiter)) return art_park(L, t, &turn_wait, turn_k, ctx);
  if (art_cancelled_by(t) == NULL) return begin(L, s, t);
  end_write(s); /* cancelled between the wake and now: the turn goes on */
  return art_raise_cancelled(L, t);
}

static int ask_for_turn(lua_State *L, struct art_stream *s, struct art_lua_task *t) {
  if (art_socket_closed(&s->socket)) return come_too_late(L);
  if (art_turnstile_try(&s->out.turn)) return begin(L, s, t);
  t->parking.io.waiter = (struct art_waiter){.waker = &t->core.waker};
  t->parking.io.with = s;
  art_waitlist_add(&s->out.turn.queue, &t->parking.io.waiter);
  return art_park(L, t, &turn_wait, turn_k, (lua_KContext)t);
}

/* The stack is as SELF and BYTES say. */
static int start(lua_State *L, struct art_stream *s, struct art_lua_task *t, const char *name) {
  art_socket_join(L, &s->socket, t, name);
  return ask_for_turn(L, s, t);
}

/* stream:write(...) */
static int stream_write(lua_State *L) {
  struct art_stream *s = art_check_stream(L, "write");
  int n = lua_gettop(L) - SELF;
  for (int i = SELF + 1; i <= SELF + n; i++)
    if (lua_type(L, i) != LUA_TNUMBER) art_check_string(L, i, "write", NULL);
  struct art_lua_task *t = art_checkpoint(L, "write");
  lua_concat(L, n);
  lua_tostring(L, BYTES); /* a lone number */
  return start(L, s, t, "write");
}

/* stream:shutdown("send"): after the writes before it */
static int stream_shutdown(lua_State *L) {
  struct art_stream *s = art_check_stream(L, "shutdown");
  const char *what = art_check_string(L, 2, "shutdown", NULL);
  if (strcmp(what, "send") != 0)
    return art_arg_error(L, 2, "shutdown", lua_pushfstring(L, "invalid option '%s'", what));
  struct art_lua_task *t = art_checkpoint(L, "shutdown");
  lua_settop(L, SELF);
  return start(L, s, t, "shutdown");
}

const luaL_Reg art_write_methods[] = {
    {"write", stream_write}, {"shutdown", stream_shutdown}, {NULL, NULL}};
