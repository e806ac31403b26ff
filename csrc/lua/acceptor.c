/* Acceptor. Wakers only note what has come; the kernel is asked by tasks. When the system has no descriptors or no memory
** to give, the connection stays in the kernel's queue: we wait a little and ask again. */
#include "lua/acceptor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lua/errno.h"
#include "lua/error.h"
#include "lua/stream.h"

#define PAUSE_NS 50000000ull

static struct art_runtime *runtime_of(const struct art_listener *l) {
  return l->socket.rt->core;
}

static void end_pause(struct art_listener *l) {
  if (art_timer_armed(&l->pause))
    art_wheel_disarm(art_runtime_outer_wheel(runtime_of(l)), &l->pause);
}

/* --- the turn ----------------------------------------------------------------------------------------------------- */

static struct art_acceptor *of_waiter(struct art_list *node) {
  struct art_waiter *w = ART_CONTAINER(node, struct art_waiter, node);
  return ART_CONTAINER(w, struct art_acceptor, waiter);
}

/* To the next in the queue. */
static void pass(struct art_listener *l) {
  struct art_list *next = art_list_first(&l->acceptors.waiters);
  l->holder = next == NULL ? NULL : of_waiter(next);
  art_waitlist_wake_one(&l->acceptors);
}

/* With the turn. */
static void end(struct art_acceptor *a, ssize_t result) {
  struct art_listener *l = a->listener;
  a->state = ART_ACCEPT_ENDED;
  a->result = (int)result;
  a->listener = NULL;
  pass(l);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

/* Will it pass when something is closed somewhere? */
static bool is_shortage(ssize_t result) {
  return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

static void arm_pause(struct art_acceptor *a) {
  struct art_runtime *rt = runtime_of(a->listener);
  a->listener->pause.waker = &a->waker;
  art_wheel_arm(art_runtime_outer_wheel(rt), &a->listener->pause,
                art_runtime_outer_now_ns(rt) + PAUSE_NS);
}

static void take_result(struct art_acceptor *a) {
  struct art_listener *l = a->listener;
  if (is_shortage(l->op.result)) {
    a->state = ART_ACCEPT_SHORT;
    arm_pause(a);
  } else {
    a->peer.size = (socklen_t)l->op.len;
    end(a, l->op.result);
  }
}

static void ask(struct art_acceptor *a) {
  struct art_listener *l = a->listener;
  l->op = (struct art_op){
      .kind = ART_OP_ACCEPT, .buf = &a->peer.to, .len = sizeof a->peer.to, .waker = &a->waker};
  int status = art_reactor_submit(&runtime_of(l)->reactor, &l->socket.source, &l->op);
  a->state = ART_ACCEPT_ASKED;
  if (status < 0) end(a, status);
  if (status > 0) take_result(a);
}

static void wake(struct art_waker *w) {
  struct art_acceptor *a = ART_CONTAINER(w, struct art_acceptor, waker);
  if (a->state == ART_ACCEPT_ASKED && !a->listener->op.pending) take_result(a);
  art_wake(a->owner);
}

static bool may_ask(const struct art_acceptor *a) {
  if (a->state == ART_ACCEPT_QUEUED) return !art_waiter_waiting(&a->waiter);
  return a->state == ART_ACCEPT_SHORT && !art_timer_armed(&a->listener->pause);
}

bool art_acceptor_look(struct art_acceptor *a, const struct art_lua_task *t) {
  if (may_ask(a) && art_cancelled_by(t) == NULL) ask(a);
  return a->state == ART_ACCEPT_ENDED;
}

void art_acceptor_begin(struct art_acceptor *a, struct art_listener *l, struct art_waker *owner) {
  a->owner = owner;
  a->listener = l;
  a->state = ART_ACCEPT_QUEUED;
  if (art_socket_closed(&l->socket)) {
    a->state = ART_ACCEPT_ENDED;
    a->result = -ECANCELED;
    a->listener = NULL;
  } else if (l->holder == NULL) {
    l->holder = a;
  } else {
    art_waitlist_add(&l->acceptors, &a->waiter);
  }
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

void art_acceptor_leave(struct art_acceptor *a) {
  struct art_listener *l = a->listener;
  if (a->state == ART_ACCEPT_ENDED && a->result >= 0) close(a->result);
  a->state = ART_ACCEPT_IDLE;
  a->listener = NULL;
  art_waiter_leave(&a->waiter);
  if (l == NULL || l->holder != a) return;
  art_reactor_cancel(&runtime_of(l)->reactor, &l->socket.source, &l->op);
  end_pause(l);
  pass(l);
}

static void turn_away(struct art_acceptor *a) {
  if (a->state == ART_ACCEPT_ENDED) return;
  a->state = ART_ACCEPT_ENDED;
  a->result = -ECANCELED;
  a->listener = NULL;
  art_wake(a->owner);
}

void art_listener_send_away(struct art_listener *l) {
  struct art_acceptor *a = l->holder;
  struct art_list *node;
  l->holder = NULL;
  if (a != NULL) {
    art_reactor_cancel(&runtime_of(l)->reactor, &l->socket.source, &l->op);
    end_pause(l);
    turn_away(a);
  }
  while ((node = art_list_pop(&l->acceptors.waiters)) != NULL) turn_away(of_waiter(node));
}

bool art_listener_is_ready(struct art_listener *l) {
  if (art_socket_closed(&l->socket)) return true;
  return l->holder == NULL && art_source_is_readable(&l->socket.source);
}

/* --- for Lua ------------------------------------------------------------------------------------------------------ */

struct art_acceptor *art_new_acceptor(lua_State *L) {
  struct art_acceptor *a = lua_newuserdatauv(L, sizeof *a, 1);
  memset(a, 0, sizeof *a);
  a->waiter.waker = &a->waker;
  a->waker.wake = wake;
  art_new_stream(L);
  lua_setiuservalue(L, -2, 1);
  return a;
}

static int fail(lua_State *L, const struct art_listener *l, int err) {
  struct art_address own;
  char text[ART_ADDRESS_TEXT];
  if (err == ENOMEM) return art_no_memory(L);
  art_address_of(&own, l->socket.source.fd, false);
  return art_push_failure(L, err, art_address_text(&own, text));
}

int art_acceptor_answer(lua_State *L, struct art_lua_task *t, int listener, int self) {
  struct art_acceptor *a = lua_touserdata(L, self);
  const struct art_listener *l = art_socket_at(L, listener);
  a->state = ART_ACCEPT_IDLE;
  if (a->result < 0)
    return art_socket_closed(&l->socket) ? art_push_closed(L) : fail(L, l, -a->result);
  lua_getiuservalue(L, self, 1);
  struct art_stream *s = art_socket_at(L, lua_gettop(L));
  art_socket_open(&s->socket, a->result);
  art_socket_join(L, &s->socket, t, "accept");
  s->peer = a->peer;
  return 1;
}
