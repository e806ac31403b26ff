/* Socket: a descriptor on a runtime's driver; what streams and listeners are made of. It is closed by its handle or with
** its runtime, whichever goes first, so that neither is left with a pointer to the other. */
#ifndef ART_LUA_SOCKET_H
#define ART_LUA_SOCKET_H

#include "drivers/op.h"
#include "drivers/wheel.h"
#include "lua/block.h"
#include "lua/task.h"

struct art_socket {
  struct art_block block;
  struct art_allocator allocator; /* of this and what is around it: */
  size_t size;
  struct art_source source;              /* fd -1: closed */
  struct art_lua_runtime *rt;            /* NULL: on no driver */
  struct art_list node;                  /* in the runtime's sockets */
  void (*release)(struct art_socket *s); /* being closed: lets go of all but the descriptor */
};

/* [-0, +1, m] A handle of that type and its block: 'size' bytes that begin with a socket, closed, and are zero after that. */
void *art_new_socket(lua_State *L, const struct art_kind *kind, size_t size,
                     void (*release)(struct art_socket *s));

/* What the handle at 'index' stands for. */
static inline void *art_socket_at(lua_State *L, int index) {
  return ART_CONTAINER(art_block_at(L, index), struct art_socket, block);
}

/* The same for the handle at 1; raises for other types and for collected ones. */
void *art_check_socket(lua_State *L, const char *function, const struct art_kind *kind);

/* close, __close and __gc of the handle at 1. Return 0. */
int art_close_handle(lua_State *L, const struct art_kind *kind);
int art_finalise_socket(lua_State *L, const struct art_kind *kind);

/* Takes the descriptor over. */
void art_socket_open(struct art_socket *s, int fd);

static inline bool art_socket_closed(const struct art_socket *s) {
  return s->source.fd < 0;
}

/* Before every operation: puts an open socket on the driver of the task's runtime. Raises if it is on another one's. */
void art_socket_join(lua_State *L, struct art_socket *s, struct art_lua_task *t,
                     const char *function);

/* Operations under way end, with closed; nothing if it is closed. */
void art_socket_close(struct art_socket *s);

/* The runtime is going. */
void art_socket_close_all(struct art_lua_runtime *rt);

/* [-0, +3, m] nil, "closed", "closed". Returns 3. */
int art_push_closed(lua_State *L);

/* --- what is under way in one direction ---------------------------------------------------------------------- */

struct art_half {
  struct art_op op;
  struct art_timer deadline; /* armed only while the operation waits */
  bool timed;                /* the deadline is set: it counts from the first wait */
};

enum art_progress { ART_WAITS, ART_COMPLETED, ART_TIMED_OUT };

/* Submits the operation whose kind, buf and len are set, on behalf of 't'. ART_COMPLETED: at once; ART_WAITS; or -errno. */
int art_half_submit(struct art_socket *s, struct art_half *h, struct art_lua_task *t,
                    uint64_t timeout_ns);

/* After a wake. Completed: op.result is what came of it, and the deadline goes on for the next part. */
enum art_progress art_half_look(struct art_socket *s, struct art_half *h);

/* All that was to be done is done, or is given up: no operation is pending, no deadline set. */
void art_half_end(struct art_socket *s, struct art_half *h);

#endif
