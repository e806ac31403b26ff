#include "lua/socket.h"

#include <string.h>
#include <unistd.h>

#include "lua/args.h"
#include "lua/error.h"

static void destroy(struct art_block *b) {
  struct art_socket *s = ART_CONTAINER(b, struct art_socket, block);
  struct art_allocator a = s->allocator;
  art_socket_close(s);
  art_free(&a, s, s->size);
}

void *art_new_socket(lua_State *L, const struct art_kind *kind, size_t size,
                     void (*release)(struct art_socket *s)) {
  struct art_allocator a = art_state_allocator(L);
  art_push_handle(L, kind);
  struct art_socket *s = art_alloc(&a, size);
  if (s == NULL) art_no_memory(L);
  memset(s, 0, size);
  s->block.destroy = destroy;
  s->allocator = a;
  s->size = size;
  s->release = release;
  art_source_init(&s->source, -1);
  art_give_block(L, &s->block);
  return s;
}

void *art_check_socket(lua_State *L, const char *function, const struct art_kind *kind) {
  return ART_CONTAINER(art_check_block(L, 1, function, kind, true), struct art_socket, block);
}

static void close_block(struct art_block *b) {
  if (b != NULL) art_socket_close(ART_CONTAINER(b, struct art_socket, block));
}

int art_close_handle(lua_State *L, const struct art_kind *kind) {
  close_block(art_check_block(L, 1, "close", kind, false));
  return 0;
}

int art_finalise_socket(lua_State *L, const struct art_kind *kind) {
  struct art_block *b = art_check_block(L, 1, "__gc", kind, false);
  if (!art_finalise_block(L)) close_block(b);
  return 0;
}

void art_socket_open(struct art_socket *s, int fd) {
  art_source_init(&s->source, fd);
}

void art_socket_join(lua_State *L, struct art_socket *s, struct art_lua_task *t,
                     const char *function) {
  if (s->rt == t->rt || art_socket_closed(s)) return;
  if (s->rt != NULL) luaL_error(L, "'%s' on a socket of another runtime", function);
  s->rt = t->rt;
  art_list_push(&t->rt->sockets, &s->node);
}

void art_socket_close(struct art_socket *s) {
  int fd = s->source.fd;
  if (fd < 0) return;
  /* A child of fork shares the kernel's registrations with its parent: it must not take any back. */
  if (s->rt != NULL && art_runtime_is_ours(s->rt->core))
    art_reactor_forget(&s->rt->core->reactor, &s->source);
  s->release(s);
  art_list_remove(&s->node);
  s->rt = NULL;
  s->source.fd = -1;
  close(fd);
}

void art_socket_close_all(struct art_lua_runtime *rt) {
  struct art_list *node;
  while ((node = art_list_first(&rt->sockets)) != NULL)
    art_socket_close(ART_CONTAINER(node, struct art_socket, node));
}

int art_push_closed(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "closed");
  lua_pushliteral(L, "closed");
  return 3;
}

/* --- halves -------------------------------------------------------------------------------------------------- */

static void arm(struct art_runtime *rt, struct art_half *h, struct art_lua_task *t,
                uint64_t timeout_ns) {
  if (timeout_ns == ART_NEVER || art_timer_armed(&h->deadline)) return;
  uint64_t deadline_ns = h->deadline.deadline_ns; /* if it has fired meanwhile, it fires again */
  if (!h->timed) deadline_ns = art_deadline(art_runtime_outer_now_ns(rt), timeout_ns);
  if (deadline_ns == ART_NEVER) return;
  h->timed = true;
  h->deadline.waker = &t->core.waker;
  art_wheel_arm(art_runtime_outer_wheel(rt), &h->deadline, deadline_ns);
}

int art_half_submit(struct art_socket *s, struct art_half *h, struct art_lua_task *t,
                    uint64_t timeout_ns) {
  h->op.waker = &t->core.waker;
  int status = art_reactor_submit(&s->rt->core->reactor, &s->source, &h->op);
  if (status < 0) return status;
  if (status == 0) arm(s->rt->core, h, t, timeout_ns);
  return status == 0 ? ART_WAITS : ART_COMPLETED;
}

static void disarm(struct art_socket *s, struct art_half *h) {
  if (art_timer_armed(&h->deadline))
    art_wheel_disarm(art_runtime_outer_wheel(s->rt->core), &h->deadline);
}

enum art_progress art_half_look(struct art_socket *s, struct art_half *h) {
  if (!h->op.pending) {
    disarm(s, h);
    return ART_COMPLETED;
  }
  if (!h->timed || art_timer_armed(&h->deadline)) return ART_WAITS;
  art_half_end(s, h);
  return ART_TIMED_OUT;
}

void art_half_end(struct art_socket *s, struct art_half *h) {
  h->timed = false;
  if (s->rt == NULL) return; /* closed: that ended it */
  if (h->op.pending) art_reactor_cancel(&s->rt->core->reactor, &s->source, &h->op);
  disarm(s, h);
}
