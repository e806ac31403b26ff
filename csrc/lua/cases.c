/* The cases of tasks, futures, channels, events, deadlines and wakers. */
#include "lua/cases.h"

#include "lua/args.h"
#include "lua/await.h"
#include "lua/channel.h"
#include "lua/deadline.h"
#include "lua/error.h"
#include "lua/event.h"
#include "lua/future.h"
#include "lua/sending.h"
#include "lua/socket.h"
#include "lua/subscription.h"
#include "lua/task.h"
#include "lua/trace.h"
#include "lua/unobserved.h"
#include "lua/waker.h"

void art_name_case(lua_State *L, int i) {
  if (!art_is_error(L, -1)) return;
  lua_pushinteger(L, i);
  lua_setfield(L, -2, "case");
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

static void check_task(lua_State *L, int i, struct art_lua_task *t, bool listed) {
  (void)listed;
  art_check_not_above(L, t, lua_touserdata(L, i));
}

static bool task_has_ended(lua_State *L, const struct art_item *it, struct art_lua_task *t) {
  (void)L, (void)t;
  return ((const struct art_lua_task *)it->handle)->outcome != ART_OPEN;
}

static int take_outcome(lua_State *L, int i, struct art_lua_task *t) {
  struct art_lua_task *target = lua_touserdata(L, i);
  (void)t;
  if (target->outcome == ART_DONE) return art_push_values(L, target, i);
  if (target->outcome == ART_CANCELLED) {
    art_push_task_cancelled(L, target, i);
    art_name_case(L, i);
    return lua_error(L);
  }
  art_observe(L, target, i);
  lua_getiuservalue(L, i, ART_TASK_VALUE);
  art_name_case(L, i);
  return art_rethrow(L);
}

static bool wait_for_task(lua_State *L, struct art_branch *b) {
  (void)L;
  art_waitlist_add(&((struct art_lua_task *)b->item.handle)->awaiters, &b->party.waiter);
  return false;
}

/* --- futures and events ------------------------------------------------------------------------------------------- */

static bool future_is_set(lua_State *L, const struct art_item *it, struct art_lua_task *t) {
  (void)L, (void)t;
  return art_future_is_set(it->handle);
}

static int take_future(lua_State *L, int i, struct art_lua_task *t) {
  (void)t;
  int n = art_future_push(L, i);
  if (n >= 0) return n;
  art_name_case(L, i);
  return art_rethrow(L);
}

static bool wait_for_future(lua_State *L, struct art_branch *b) {
  (void)L;
  art_waitlist_add(art_future_waiters(b->item.handle), &b->party.waiter);
  return false;
}

static bool event_is_set(lua_State *L, const struct art_item *it, struct art_lua_task *t) {
  (void)L, (void)t;
  return art_event_is_set(it->handle);
}

static bool wait_for_event(lua_State *L, struct art_branch *b) {
  (void)L;
  art_waitlist_add(art_event_waiters(b->item.handle), &b->party.waiter);
  return false;
}

/* That it has come is all there is to say. */
static int take_nothing(lua_State *L, int i, struct art_lua_task *t) {
  (void)L, (void)i, (void)t;
  return 0;
}

/* --- channels ----------------------------------------------------------------------------------------------------- */

static bool can_receive(lua_State *L, const struct art_item *it, struct art_lua_task *t) {
  const struct art_channel *ch = it->handle;
  (void)L, (void)t;
  return ch->closed || ch->ring.count > 0 || !art_waitlist_empty(&ch->senders);
}

static int receive_now(lua_State *L, int i, struct art_lua_task *t) {
  int n = 0;
  (void)t;
  enum art_exchange e = art_channel_take(L, i, lua_touserdata(L, i), &n);
  if (e == ART_IS_CLOSED) return art_push_closed(L);
  return e == ART_MUST_WAIT ? -1 : n;
}

static bool wait_to_receive(lua_State *L, struct art_branch *b) {
  (void)L;
  art_waitlist_add(&((struct art_channel *)b->item.handle)->receivers, &b->party.waiter);
  return false;
}

static int give_received(lua_State *L, int i, struct art_branch *b) {
  (void)i;
  return b->party.exchanged ? b->party.received : art_push_closed(L);
}

/* [-0, +1, -] The channel that the asyncrt.sending at 'i' is for. */
static struct art_channel *push_target(lua_State *L, int i) {
  lua_getiuservalue(L, i, ART_SENDING_CHANNEL);
  return lua_touserdata(L, -1);
}

static bool can_send(lua_State *L, const struct art_item *it, struct art_lua_task *t) {
  const struct art_channel *ch = push_target(L, it->i);
  (void)t;
  lua_pop(L, 1);
  return ch->closed || ch->ring.count < ch->capacity || !art_waitlist_empty(&ch->receivers);
}

static int push_sent(lua_State *L, bool done) {
  if (!done) return art_push_closed(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int send_now(lua_State *L, int i, struct art_lua_task *t) {
  const struct art_sending *s = lua_touserdata(L, i);
  (void)t;
  art_check_stack(L, s->n + 8, "too many values");
  struct art_channel *ch = push_target(L, i);
  int self = lua_gettop(L);
  for (int k = 0; k < s->n; k++) lua_getiuservalue(L, i, ART_SENDING_MESSAGE + k);
  enum art_exchange e = art_channel_offer(L, self, ch, s->n);
  lua_settop(L, self - 1);
  return e == ART_MUST_WAIT ? -1 : push_sent(L, e == ART_EXCHANGED);
}

static bool wait_to_send(lua_State *L, struct art_branch *b) {
  b->party.sending = b->item.i;
  art_waitlist_add(&push_target(L, b->item.i)->senders, &b->party.waiter);
  lua_pop(L, 1);
  return false;
}

static int give_sent(lua_State *L, int i, struct art_branch *b) {
  (void)i;
  return push_sent(L, b->party.exchanged);
}

/* --- deadlines and wakers ----------------------------------------------------------------------------------------- */

static bool is_due(lua_State *L, const struct art_item *it, struct art_lua_task *t) {
  uint64_t now_ns = art_runtime_now_ns(t->rt->core);
  (void)L;
  return art_deadline_ns(it->handle, now_ns) <= now_ns;
}

static bool wait_for_deadline(lua_State *L, struct art_branch *b) {
  uint64_t deadline_ns = art_deadline_ns(b->item.handle, 0); /* it was asked before */
  (void)L;
  b->timer.waker = &b->waker;
  if (deadline_ns != ART_NEVER)
    art_wheel_arm(&b->of->task->rt->core->wheel, &b->timer, deadline_ns);
  return false;
}

static void check_waker(lua_State *L, int i, struct art_lua_task *t, bool listed) {
  if (art_waker_task(L, i) != t) art_bad_case(L, i, listed, "waker of another task");
}

static bool has_permit(lua_State *L, const struct art_item *it, struct art_lua_task *t) {
  (void)L, (void)it;
  return (t->flags & ART_PERMIT) != 0;
}

static int take_permit(lua_State *L, int i, struct art_lua_task *t) {
  (void)L, (void)i;
  t->flags &= (uint16_t)~ART_PERMIT;
  return 0;
}

/* The permit counts when it is looked at, after a wake of the task. */
static bool wait_for_permit(lua_State *L, struct art_branch *b) {
  return has_permit(L, &b->item, b->of->task);
}

static bool look_for_permit(struct art_branch *b, struct art_lua_task *t) {
  (void)b;
  return (t->flags & ART_PERMIT) != 0;
}

#define RECEIVING                                                                                  \
  .is_ready = can_receive, .take = receive_now, .wait = wait_to_receive, .give = give_received

const struct art_case art_local_cases[ART_LOCAL_CASES] = {
    {.kind = ART_TASK_KIND,
     .check = check_task,
     .is_ready = task_has_ended,
     .take = take_outcome,
     .wait = wait_for_task},
    {.kind = ART_FUTURE_KIND,
     .is_ready = future_is_set,
     .take = take_future,
     .wait = wait_for_future},
    {.kind = ART_CHANNEL_KIND, RECEIVING},
    {.kind = ART_SUBSCRIPTION_KIND, RECEIVING},
    {.kind = ART_SENDING_KIND,
     .is_ready = can_send,
     .take = send_now,
     .wait = wait_to_send,
     .give = give_sent},
    {.kind = ART_EVENT_KIND,
     .is_ready = event_is_set,
     .take = take_nothing,
     .wait = wait_for_event},
    {.kind = ART_DEADLINE_KIND,
     .is_ready = is_due,
     .take = take_nothing,
     .wait = wait_for_deadline},
    {.kind = ART_WAKER_KIND,
     .check = check_waker,
     .is_ready = has_permit,
     .take = take_permit,
     .wait = wait_for_permit,
     .look = look_for_permit},
};
