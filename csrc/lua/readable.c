#include "lua/readable.h"

#include "lua/args.h"
#include "lua/stream.h"

enum { STREAM = 1 }; /* uservalue */

const struct art_kind art_readable_kind = {
    .name = "asyncrt.readable", .size = sizeof(struct art_handle), .index = ART_READABLE_KIND};

struct art_stream *art_readable_stream(lua_State *L, int i) {
  lua_getiuservalue(L, i, STREAM);
  struct art_block *b = art_block_at(L, -1);
  lua_pop(L, 1);
  if (b == NULL) return NULL;
  struct art_socket *s = ART_CONTAINER(b, struct art_socket, block);
  return ART_CONTAINER(s, struct art_stream, socket);
}

bool art_stream_is_readable(struct art_stream *s) {
  if (art_socket_closed(&s->socket) || s->in.ended) return true;
  return art_buffer_length(&s->in.buffer) > 0 || art_source_is_readable(&s->socket.source);
}

int art_stream_watch(struct art_stream *s, struct art_waker *waker) {
  struct art_inward *in = &s->in;
  in->half.op = (struct art_op){.kind = ART_OP_READABLE, .waker = waker};
  int status = art_reactor_submit(&s->socket.rt->core->reactor, &s->socket.source, &in->half.op);
  if (status == 0) in->watcher = waker;
  return status;
}

void art_stream_unwatch(struct art_stream *s) {
  s->in.watcher = NULL;
  art_half_end(&s->socket, &s->in.half);
}

/* stream:readable() */
static int stream_readable(lua_State *L) {
  art_check_stream(L, "readable");
  lua_settop(L, 1);
  art_new_handle(L, &art_readable_kind, 1);
  lua_insert(L, 1);
  lua_setiuservalue(L, 1, STREAM);
  return 1;
}

static int readable_tostring(lua_State *L) {
  art_check_handle(L, 1, "tostring", &art_readable_kind);
  lua_getiuservalue(L, 1, STREAM);
  lua_pushfstring(L, "readable %s", luaL_tolstring(L, -1, NULL));
  return 1;
}

const luaL_Reg art_readable_methods[] = {{"readable", stream_readable}, {NULL, NULL}};
const luaL_Reg art_readable_metamethods[] = {{"__tostring", readable_tostring}, {NULL, NULL}};
