/* Connecting to one address. The stream owns the socket from the start, so whatever cuts the attempt short closes it. */
#include <errno.h>

#include "lua/args.h"
#include "lua/connect.h"
#include "lua/errno.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/sockopt.h"
#include "lua/stream.h"

enum { HOST = 1, PORT, OPTIONS, NAME, STREAM }; /* on the stack of a connect */

static void abort_connect(struct art_lua_task *t) {
  struct art_stream *s = t->parking.io.with;
  art_socket_close(&s->socket);
}

static const struct art_wait connect_wait = {
    .what = "connect", .abort = abort_connect, .socket = true, .handle = STREAM};

static int fail(lua_State *L, struct art_stream *s, int err) {
  char text[ART_ADDRESS_TEXT];
  art_socket_close(&s->socket);
  if (err == ENOMEM) return art_no_memory(L);
  const char *name = lua_tostring(L, NAME);
  if (name == NULL) name = art_address_text(&s->peer, text);
  return art_push_failure(L, err, lua_pushfstring(L, "connect %s", name));
}

static int finish(lua_State *L, struct art_stream *s) {
  ssize_t result = s->out.half.op.result;
  if (result < 0) return fail(L, s, (int)-result);
  art_half_end(&s->socket, &s->out.half);
  return 1;
}

static int connect_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct art_stream *s = art_socket_at(L, STREAM);
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_half_look(&s->socket, &s->out.half) == ART_WAITS)
    return art_park(L, t, &connect_wait, connect_k, ctx);
  return finish(L, s);
}

static int begin(lua_State *L, struct art_stream *s, struct art_lua_task *t,
                 const struct art_sockopt *o) {
  struct art_op *op = &s->out.half.op;
  int fd = art_open_socket(&s->peer, o, false);
  if (fd < 0) return fail(L, s, -fd);
  art_socket_open(&s->socket, fd);
  art_socket_join(L, &s->socket, t, "connect");
  op->kind = ART_OP_CONNECT;
  op->buf = &s->peer.to;
  op->len = s->peer.size;
  int progress = art_half_submit(&s->socket, &s->out.half, t, ART_NEVER);
  if (progress < 0) return fail(L, s, -progress);
  if (progress == ART_COMPLETED) return finish(L, s);
  t->parking.io.with = s;
  return art_park(L, t, &connect_wait, connect_k, (lua_KContext)t);
}

/* connect(host, port, options, name): a literal address; 'name' is what messages call it */
static int net_connect(lua_State *L) {
  struct art_address a;
  struct art_sockopt o;
  int err = art_check_address(L, HOST, "connect", &a);
  art_check_sockopt(L, OPTIONS, "connect", &o);
  struct art_lua_task *t = art_checkpoint(L, "connect");
  lua_settop(L, NAME);
  if (err < 0)
    return art_push_failure(L, -err, lua_pushfstring(L, "connect %s", lua_tostring(L, HOST)));
  struct art_stream *s = art_new_stream(L);
  s->peer = a;
  return begin(L, s, t, &o);
}

const luaL_Reg art_connect_functions[] = {{"connect", net_connect}, {NULL, NULL}};
