#include "lua/stream.h"

#include "lua/args.h"
#include "lua/errno.h"

const struct art_kind art_stream_kind = {
    .name = "asyncrt.stream", .size = sizeof(struct art_block_handle), .index = ART_STREAM_KIND};

static struct art_stream *of(struct art_socket *s) {
  return ART_CONTAINER(s, struct art_stream, socket);
}

/* Writers in the queue are woken; each finds it closed. */
static void release(struct art_socket *socket) {
  struct art_stream *s = of(socket);
  art_half_end(socket, &s->in.half);
  art_half_end(socket, &s->out.half);
  if (s->in.watcher != NULL) art_wake(s->in.watcher); /* in a child of fork nobody told it yet */
  if (socket->rt != NULL) art_buffer_free(&s->in.buffer, &socket->rt->core->allocator);
  art_waitlist_wake_all(&s->out.turn.queue);
}

struct art_stream *art_new_stream(lua_State *L) {
  struct art_stream *s = art_new_socket(L, &art_stream_kind, sizeof *s, release);
  s->timeout_ns = ART_NEVER;
  art_turnstile_init(&s->out.turn);
  return s;
}

struct art_stream *art_check_stream(lua_State *L, const char *function) {
  return art_check_socket(L, function, &art_stream_kind);
}

/* Those who connect to a path have no address: the path itself says more. */
static void name_of(struct art_stream *s, struct art_address *name) {
  *name = s->peer;
  if (name->size <= sizeof(sa_family_t)) art_address_of(name, s->socket.source.fd, false);
}

int art_push_stream_failure(lua_State *L, struct art_stream *s, int err) {
  struct art_address name;
  char text[ART_ADDRESS_TEXT];
  name_of(s, &name);
  return art_push_failure(L, err, art_address_text(&name, text));
}

int art_push_timeout(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "timeout");
  lua_pushliteral(L, "timeout");
  return 3;
}

/* stream:settimeout([seconds]) */
static int settimeout(lua_State *L) {
  struct art_stream *s = art_check_stream(L, "settimeout");
  s->timeout_ns = lua_isnil(L, 2) ? ART_NEVER : art_check_seconds(L, 2, "settimeout");
  return 0;
}

static int peer(lua_State *L) {
  struct art_stream *s = art_check_stream(L, "peer");
  struct art_address name;
  if (art_socket_closed(&s->socket)) return art_push_closed(L);
  name_of(s, &name);
  return art_push_address(L, &name);
}

static int address(lua_State *L) {
  struct art_stream *s = art_check_stream(L, "address");
  struct art_address own;
  if (art_socket_closed(&s->socket)) return art_push_closed(L);
  int err = art_address_of(&own, s->socket.source.fd, false);
  return err < 0 ? art_push_stream_failure(L, s, -err) : art_push_address(L, &own);
}

static int stream_close(lua_State *L) {
  return art_close_handle(L, &art_stream_kind);
}

static int stream_gc(lua_State *L) {
  return art_finalise_socket(L, &art_stream_kind);
}

static int stream_tostring(lua_State *L) {
  struct art_stream *s = art_check_stream(L, "tostring");
  struct art_address name;
  char text[ART_ADDRESS_TEXT];
  if (art_socket_closed(&s->socket)) {
    lua_pushliteral(L, "stream (closed)");
    return 1;
  }
  name_of(s, &name);
  lua_pushfstring(L, "stream %s", art_address_text(&name, text));
  return 1;
}

const luaL_Reg art_stream_methods[] = {{"close", stream_close},
                                       {"settimeout", settimeout},
                                       {"peer", peer},
                                       {"address", address},
                                       {NULL, NULL}};
const luaL_Reg art_stream_metamethods[] = {
    {"__gc", stream_gc}, {"__close", stream_close}, {"__tostring", stream_tostring}, {NULL, NULL}};
