/* Reading. The kernel's bytes go to the stream's buffer and leave it only when a read has all it wants, so one that is
** cut short has taken nothing. Each wake looks anew at what is there. */
#include <errno.h>
#include <string.h>

#include "lua/args.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/stream.h"

#define LEAST_CHUNK ((size_t)1024)
#define MOST_CHUNK ((size_t)256 * 1024)

enum { SELF = 1, SEPARATOR }; /* on the stack of a read */

enum format {
  SOME,       /* up to n bytes, as soon as there are some */
  LINE,       /* to the end of a line, without it */
  WHOLE_LINE, /* with it */
  ALL,
  EXACTLY, /* n bytes */
  UNTIL    /* at most n bytes and the separator */
};

/* --- what is there ------------------------------------------------------------------------------------------------ */

static int push_eof(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "end of file");
  lua_pushliteral(L, "eof");
  return 3;
}

/* What a read gives that the end keeps from getting all it wants. */
static int push_end(lua_State *L, struct art_stream *s) {
  return s->in.error != 0 ? art_push_stream_failure(L, s, s->in.error) : push_eof(L);
}

/* The first 'n' bytes, and 'more' that are dropped. Nothing is taken if the string cannot be made. */
static int push_bytes(lua_State *L, struct art_inward *in, size_t n, size_t more) {
  lua_pushlstring(L, n > 0 ? art_buffer_bytes(&in->buffer) : "", n);
  if (art_buffer_length(&in->buffer) >= n + more) /* a finaliser may just have closed the stream */
    art_buffer_take(&in->buffer, n + more);
  return 1;
}

/* The place of 'what' in the first 'limit' bytes; goes on where it stopped. NULL: not there. */
static const char *search(struct art_inward *in, const char *what, size_t size, size_t limit) {
  size_t length = art_buffer_length(&in->buffer);
  if (length > limit) length = limit;
  if (length < size) return NULL;
  size_t from = in->searched;
  in->searched = length - size + 1;
  const char *bytes = art_buffer_bytes(&in->buffer);
  return memmem(bytes + from, length - from, what, size);
}

static int answer_line(lua_State *L, struct art_stream *s, bool whole) {
  struct art_inward *in = &s->in;
  size_t length = art_buffer_length(&in->buffer);
  const char *end = search(in, "\n", 1, SIZE_MAX);
  if (end != NULL) {
    size_t n = (size_t)(end - art_buffer_bytes(&in->buffer));
    return whole ? push_bytes(L, in, n + 1, 0) : push_bytes(L, in, n, 1);
  }
  if (!in->ended) return 0;
  return length > 0 && in->error == 0 ? push_bytes(L, in, length, 0) : push_end(L, s);
}

/* Whether there is too much before the separator must not depend on how the bytes came in. */
static int answer_until(lua_State *L, struct art_stream *s) {
  struct art_inward *in = &s->in;
  size_t size;
  const char *separator = lua_tolstring(L, SEPARATOR, &size);
  size_t limit = in->n < SIZE_MAX - size ? in->n + size : SIZE_MAX;
  const char *end = search(in, separator, size, limit);
  if (end != NULL) return push_bytes(L, in, (size_t)(end - art_buffer_bytes(&in->buffer)), size);
  if (art_buffer_length(&in->buffer) >= limit) {
    lua_pushnil(L);
    lua_pushfstring(L, "no separator after %I bytes", (LUAI_UACINT)in->n);
    lua_pushliteral(L, "full");
    return 3;
  }
  return in->ended ? push_end(L, s) : 0;
}

/* [-0, +n, m] The results; 0: more bytes are needed. */
static int answer(lua_State *L, struct art_stream *s) {
  struct art_inward *in = &s->in;
  size_t length = art_buffer_length(&in->buffer);
  switch ((enum format)in->format) {
  case SOME:
    if (length > 0) return push_bytes(L, in, length < in->n ? length : in->n, 0);
    break;
  case EXACTLY:
    if (length >= in->n) return push_bytes(L, in, in->n, 0);
    break;
  case ALL:
    if (in->ended && in->error == 0) return push_bytes(L, in, length, 0);
    break;
  case LINE: return answer_line(L, s, false);
  case WHOLE_LINE: return answer_line(L, s, true);
  case UNTIL: return answer_until(L, s);
  }
  return in->ended ? push_end(L, s) : 0;
}

/* --- getting more ------------------------------------------------------------------------------------------------- */

static void end_read(struct art_stream *s) {
  s->in.busy = false;
  art_half_end(&s->socket, &s->in.half);
}

static void abort_read(struct art_lua_task *t) {
  end_read(t->parking.io.with);
}

static const struct art_wait read_wait = {
    .what = "read", .abort = abort_read, .socket = true, .handle = SELF};

/* A recv that came back full is followed by a larger one, a nearly empty one by a smaller. */
static void adapt_chunk(struct art_inward *in, size_t got, size_t asked) {
  if (got == asked && in->chunk < MOST_CHUNK) in->chunk *= 2;
  if (got < in->chunk / 4 && in->chunk > LEAST_CHUNK) in->chunk /= 2;
}

static void take_result(struct art_inward *in) {
  ssize_t n = in->half.op.result;
  if (n > 0) {
    adapt_chunk(in, (size_t)n, in->half.op.len);
    art_buffer_add(&in->buffer, (size_t)n);
  } else {
    in->ended = true;
    in->error = (int)-n;
  }
}

/* As art_half_submit. */
static int ask_for_more(struct art_stream *s, struct art_lua_task *t) {
  struct art_inward *in = &s->in;
  if (in->chunk == 0) in->chunk = LEAST_CHUNK;
  int err = art_buffer_reserve(&in->buffer, &t->rt->core->allocator, in->chunk);
  if (err < 0) return err;
  in->half.op.kind = ART_OP_RECV;
  in->half.op.buf = in->buffer.data + in->buffer.last;
  in->half.op.len = in->buffer.room - in->buffer.last;
  return art_half_submit(&s->socket, &in->half, t, s->timeout_ns);
}

/* [-n, +(0|1), m] The n results on top, as an iterator gives them: none at the end, an error for what went wrong. */
static int iterate(lua_State *L, int n) {
  if (n == 1) return 1;
  const char *code = lua_tostring(L, -1);
  if (strcmp(code, "eof") == 0 || strcmp(code, "closed") == 0) return 0;
  return art_raise_io(L);
}

static int finish(lua_State *L, struct art_stream *s, struct art_lua_task *t, int n) {
  bool iterates = s->in.iterates;
  end_read(s);
  return art_return(L, t, iterates ? iterate(L, n) : n);
}

static int read_k(lua_State *L, int status, lua_KContext ctx);
static int retry_k(lua_State *L, int status, lua_KContext ctx);

static int wait_for_more(lua_State *L, struct art_stream *s, struct art_lua_task *t) {
  s->in.busy = true;
  t->parking.io.with = s;
  return art_park(L, t, &read_wait, read_k, (lua_KContext)t);
}

/* Who sends without end must not keep the others waiting. */
static int give_way(lua_State *L, struct art_stream *s, struct art_lua_task *t) {
  s->in.busy = true;
  t->parking.io.with = s;
  return art_give_way(L, t, &read_wait, retry_k, (lua_KContext)t);
}

/* No operation is under way and no deadline armed: what raises in here leaves nothing behind and has taken nothing. */
static int go_on(lua_State *L, struct art_stream *s, struct art_lua_task *t) {
  s->in.busy = false;
  for (;;) {
    if (art_socket_closed(&s->socket)) return finish(L, s, t, art_push_closed(L));
    int n = answer(L, s);
    if (n > 0) return finish(L, s, t, n);
    if (!art_executor_spend(t->core.executor)) return give_way(L, s, t);
    int progress = ask_for_more(s, t);
    if (progress == ART_WAITS) return wait_for_more(L, s, t);
    if (progress == -ENOMEM) return art_no_memory(L);
    if (progress < 0) return finish(L, s, t, art_push_stream_failure(L, s, -progress));
    take_result(&s->in);
  }
}

static int read_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct art_stream *s = art_socket_at(L, SELF);
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  enum art_progress progress = art_half_look(&s->socket, &s->in.half);
  if (progress == ART_WAITS) return wait_for_more(L, s, t);
  if (progress == ART_TIMED_OUT) return finish(L, s, t, art_push_timeout(L));
  if (!art_socket_closed(&s->socket)) take_result(&s->in);
  return go_on(L, s, t);
}

/* After a yield. Nothing was taken yet, so a cancel that came meanwhile need not wait. */
static int retry_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct art_stream *s = art_socket_at(L, SELF);
  (void)status;
  if (art_cancelled_by(t) == NULL) return go_on(L, s, t);
  end_read(s);
  return art_raise_cancelled(L, t);
}

/* --- what scripts call -------------------------------------------------------------------------------------------- */

struct request {
  enum format format;
  bool iterates;
  size_t n;
};

static int begin(lua_State *L, struct art_stream *s, const struct request *r, const char *name) {
  struct art_inward *in = &s->in;
  struct art_lua_task *t = art_checkpoint(L, name);
  if (!art_socket_closed(&s->socket)) {
    if (art_stream_is_read(s))
      return luaL_error(L, "'%s' while another task reads from the stream", name);
    art_socket_join(L, &s->socket, t, name);
    in->format = (uint8_t)r->format;
    in->n = r->n;
    in->searched = 0;
    in->half.timed = false;
  }
  in->iterates = r->iterates;
  return go_on(L, s, t);
}

static size_t check_size(lua_State *L, int arg, const char *name) {
  return (size_t)art_check_integer(L, arg, name, 0, PTRDIFF_MAX);
}

/* Lua's own formats; none is "l". */
static struct request check_format(lua_State *L, int arg, const char *name) {
  if (lua_isnoneornil(L, arg)) return (struct request){.format = LINE};
  if (lua_type(L, arg) == LUA_TNUMBER)
    return (struct request){.format = SOME, .n = check_size(L, arg, name)};
  const char *format = art_check_string(L, arg, name, NULL);
  if (*format == '*') format++;
  switch (*format) {
  case 'l': return (struct request){.format = LINE};
  case 'L': return (struct request){.format = WHOLE_LINE};
  case 'a': return (struct request){.format = ALL};
  default: art_arg_error(L, arg, name, "invalid format"); return (struct request){.n = 0};
  }
}

/* stream:read([format]) */
static int stream_read(lua_State *L) {
  struct art_stream *s = art_check_stream(L, "read");
  struct request r = check_format(L, 2, "read");
  if (lua_gettop(L) > 2) return art_arg_error(L, 3, "read", "one format at a time");
  return begin(L, s, &r, "read");
}

/* stream:read_exactly(n) */
static int read_exactly(lua_State *L) {
  struct art_stream *s = art_check_stream(L, "read_exactly");
  struct request r = {.format = EXACTLY, .n = check_size(L, 2, "read_exactly")};
  return begin(L, s, &r, "read_exactly");
}

/* stream:read_until(separator, [max]) */
static int read_until(lua_State *L) {
  struct art_stream *s = art_check_stream(L, "read_until");
  size_t size;
  art_check_string(L, SEPARATOR, "read_until", &size);
  if (size == 0) return art_arg_error(L, SEPARATOR, "read_until", "separator is empty");
  struct request r = {.format = UNTIL, .n = SIZE_MAX};
  if (!lua_isnoneornil(L, 3)) r.n = check_size(L, 3, "read_until");
  lua_settop(L, SEPARATOR);
  return begin(L, s, &r, "read_until");
}

/* Upvalues: state, stream, format. */
static int next_line(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, lua_upvalueindex(3));
  struct request r = check_format(L, 2, "lines");
  r.iterates = true;
  return begin(L, art_socket_at(L, SELF), &r, "lines");
}

/* for line in stream:lines([format]) */
static int lines(lua_State *L) {
  art_check_stream(L, "lines");
  check_format(L, 2, "lines");
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_pushcclosure(L, next_line, 3);
  return 1;
}

const luaL_Reg art_read_methods[] = {{"read", stream_read},
                                     {"read_exactly", read_exactly},
                                     {"read_until", read_until},
                                     {"lines", lines},
                                     {NULL, NULL}};
