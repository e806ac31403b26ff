/* What stream:readable() gives, for select: the wait until there is something to read, which takes nothing. A select that
** waits so is a reader: a second one is an error. */
#ifndef ART_LUA_READABLE_H
#define ART_LUA_READABLE_H

#include <lauxlib.h>
#include <stdbool.h>

extern const struct art_kind art_readable_kind;

struct art_stream;
struct art_waker;

/* The stream that the asyncrt.readable at 'i' is about; NULL: its handle is collected. */
struct art_stream *art_readable_stream(lua_State *L, int i);

/* Bytes, the end of the stream, an error, or that it is closed: would a read not wait? */
bool art_stream_is_readable(struct art_stream *s);

/* Wakes 'waker' once it is, or was closed. An open stream that nobody reads. As art_reactor_submit. */
int art_stream_watch(struct art_stream *s, struct art_waker *waker);

/* No more; also after the wake. */
void art_stream_unwatch(struct art_stream *s);

extern const luaL_Reg art_readable_methods[]; /* readable, of streams */
extern const luaL_Reg art_readable_metamethods[];

#endif
