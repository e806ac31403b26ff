/* Stream: a connected socket, its bytes that came and were not read yet, and the queue of those who want to write. What
** is under way in a direction is kept here and not with the task, so that a cancel loses nothing. */
#ifndef ART_LUA_STREAM_H
#define ART_LUA_STREAM_H

#include "base/buffer.h"
#include "lua/address.h"
#include "lua/socket.h"
#include "sync/turnstile.h"

extern const struct art_kind art_stream_kind;

struct art_inward {
  struct art_half half;
  struct art_buffer buffer;
  size_t chunk;    /* what the next recv asks for */
  size_t searched; /* bytes of the buffer that the present read has looked through in vain */
  size_t n;        /* of the present read: bytes */
  uint8_t format;  /* of the present read: see read.c */
  bool iterates;   /* the present read is an iterator's */
  bool busy;       /* somebody reads */
  struct art_waker *watcher; /* of a select that waits until there is something to read */
  bool ended;                /* nothing more will come: end of stream, or */
  int error;                 /* the error that ended it */
};

struct art_outward {
  struct art_half half;
  struct art_turnstile turn;
  size_t sent; /* bytes of the present write */
  int error;   /* why nothing can be written any more; 0: it can */
};

struct art_stream {
  struct art_socket socket;
  uint64_t timeout_ns; /* of every operation */
  struct art_address peer;
  struct art_inward in;
  struct art_outward out;
};

/* A second reader is an error, not a race. */
static inline bool art_stream_is_read(const struct art_stream *s) {
  return s->in.busy || s->in.watcher != NULL;
}

/* [-0, +1, m] A closed one. */
struct art_stream *art_new_stream(lua_State *L);

/* The stream at 1; raises for anything else. */
struct art_stream *art_check_stream(lua_State *L, const char *function);

/* [-0, +3, m] nil, "peer: Connection reset by peer", "ECONNRESET". Returns 3. */
int art_push_stream_failure(lua_State *L, struct art_stream *s, int err);

/* [-0, +3, m] nil, "timeout", "timeout". Returns 3. */
int art_push_timeout(lua_State *L);

extern const luaL_Reg art_stream_methods[]; /* close, settimeout, peer, address */
extern const luaL_Reg art_stream_metamethods[];
extern const luaL_Reg art_read_methods[];  /* read, read_exactly, read_until, lines */
extern const luaL_Reg art_write_methods[]; /* write, shutdown */

#endif
