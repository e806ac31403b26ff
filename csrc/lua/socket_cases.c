/* The cases of what comes over sockets: connections and bytes. */
#include <errno.h>

#include "lua/acceptor.h"
#include "lua/cases.h"
#include "lua/error.h"
#include "lua/listener.h"
#include "lua/readable.h"
#include "lua/stream.h"
#include "lua/task.h"

/* --- a connection ------------------------------------------------------------------------------------------------- */

static struct art_listener *listener_at(lua_State *L, int i) {
  struct art_block *b = art_block_at(L, i);
  if (b == NULL) luaL_error(L, "'select' on a collected handle");
  return ART_CONTAINER(ART_CONTAINER(b, struct art_socket, block), struct art_listener, socket);
}

static void check_listener(lua_State *L, int i, struct art_lua_task *t, bool listed) {
  (void)listed;
  art_socket_join(L, &listener_at(L, i)->socket, t, "select");
}

static bool can_accept(lua_State *L, const struct art_item *it, struct art_lua_task *t) {
  (void)t;
  return art_listener_is_ready(listener_at(L, it->i));
}

/* Somebody else, in another process, may have been faster. */
static int accept_now(lua_State *L, int i, struct art_lua_task *t) {
  struct art_acceptor *a = art_new_acceptor(L);
  int self = lua_gettop(L);
  art_acceptor_begin(a, listener_at(L, i), &t->core.waker);
  int results = art_acceptor_look(a, t) ? art_acceptor_answer(L, t, i, self) : -1;
  art_acceptor_leave(a);
  lua_remove(L, self);
  return results;
}

static void prepare_accept(lua_State *L, int i) {
  (void)i;
  art_new_acceptor(L);
}

static bool look_for_connection(struct art_branch *b, struct art_lua_task *t) {
  return art_acceptor_look(b->held, t);
}

/* A wake of the acceptor is a hint, unless it has ended. */
static void accept_wakes(struct art_waker *w) {
  struct art_branch *b = ART_CONTAINER(w, struct art_branch, waker);
  const struct art_acceptor *a = b->held;
  if (a->state == ART_ACCEPT_ENDED)
    art_branch_choose(b);
  else
    art_task_wake(&b->of->task->core);
}

static bool wait_to_accept(lua_State *L, struct art_branch *b) {
  struct art_acceptor *a = lua_touserdata(L, b->place);
  b->held = a;
  b->waker.wake = accept_wakes;
  art_acceptor_begin(a, listener_at(L, b->item.i), &b->waker);
  return art_acceptor_look(a, b->of->task);
}

static void leave_accept(struct art_branch *b) {
  art_acceptor_leave(b->held);
}

static int give_connection(lua_State *L, int i, struct art_branch *b) {
  return art_acceptor_answer(L, b->of->task, i, b->place);
}

/* --- something to read -------------------------------------------------------------------------------------------- */

static void check_readable(lua_State *L, int i, struct art_lua_task *t, bool listed) {
  struct art_stream *s = art_readable_stream(L, i);
  (void)listed;
  if (s == NULL) luaL_error(L, "'select' on a collected handle");
  art_socket_join(L, &s->socket, t, "select");
  if (art_stream_is_read(s)) luaL_error(L, "'select' while another task reads from the stream");
}

static bool is_readable(lua_State *L, const struct art_item *it, struct art_lua_task *t) {
  (void)t;
  return art_stream_is_readable(art_readable_stream(L, it->i));
}

static int push_readable(lua_State *L, struct art_stream *s, int err) {
  if (art_socket_closed(&s->socket)) return art_push_closed(L);
  if (err == -ENOMEM) return art_no_memory(L);
  if (err < 0) return art_push_stream_failure(L, s, -err);
  lua_pushboolean(L, 1);
  return 1;
}

static int take_readable(lua_State *L, int i, struct art_lua_task *t) {
  (void)t;
  return push_readable(L, art_readable_stream(L, i), 0);
}

static void leave_readable(struct art_branch *b) {
  art_stream_unwatch(b->held);
}

/* From here on the stream may go before the task comes to it. */
static void readable_wakes(struct art_waker *w) {
  struct art_branch *b = ART_CONTAINER(w, struct art_branch, waker);
  leave_readable(b);
  b->held = NULL;
  art_branch_choose(b);
}

/* If it is watched, then for another case of this select: whichever of the two comes first. */
static bool wait_to_read(lua_State *L, struct art_branch *b) {
  struct art_stream *s = art_readable_stream(L, b->item.i);
  if (art_socket_closed(&s->socket)) return true; /* by a finaliser, just now */
  if (art_stream_is_read(s)) return false;
  b->waker.wake = readable_wakes;
  int status = art_stream_watch(s, &b->waker);
  if (status == 0) b->held = s;
  if (status < 0) b->error = status;
  return status != 0;
}

static int give_readable(lua_State *L, int i, struct art_branch *b) {
  return push_readable(L, art_readable_stream(L, i), b->error);
}

const struct art_case art_socket_cases[ART_SOCKET_CASES] = {
    {.kind = ART_LISTENER_KIND,
     .check = check_listener,
     .is_ready = can_accept,
     .unsure = true,
     .take = accept_now,
     .prepare = prepare_accept,
     .wait = wait_to_accept,
     .look = look_for_connection,
     .leave = leave_accept,
     .give = give_connection},
    {.kind = ART_READABLE_KIND,
     .check = check_readable,
     .is_ready = is_readable,
     .unsure = true,
     .take = take_readable,
     .wait = wait_to_read,
     .leave = leave_readable,
     .give = give_readable},
};
