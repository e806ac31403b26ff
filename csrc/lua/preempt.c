#include "lua/preempt.h"

#include <string.h>

#include "base/list.h"
#include "lua/hog.h"
#include "lua/park.h"
#include "lua/policy.h"
#include "lua/scope.h"
#include "lua/task.h"

/* The first tick may come right after a poll has begun: after that many at least two periods are over, the length of the
** shortest slice. */
#define TICKS 3
#define UNWINDING_SLICES 3 /* that cancelled code gets */
#define RETRY_INSTRUCTIONS 1000

static void hook(lua_State *L, lua_Debug *ar);

/* --- the tick: async-signal-safe, between any two instructions of the same thread ------------------------------------ */

/* Whose code runs. */
static struct art_lua_task *interrupted(const struct art_lua *state) {
  return state->current != NULL ? state->current : state->killed;
}

static void tick(struct art_ticker *ticker) {
  struct art_preempt *p = ART_CONTAINER(ticker, struct art_preempt, ticker);
  struct art_lua_runtime *rt = ART_CONTAINER(p, struct art_lua_runtime, preempt);
  if (!p->polling) {
    art_ticker_stop(ticker); /* the thread does something else, or sleeps */
    return;
  }
  lua_State *co = rt->state->entered;
  const struct art_lua_task *t = interrupted(rt->state);
  if (co == NULL || t == NULL) return;
  if (p->poll != rt->core->executor.polls) {
    p->poll = rt->core->executor.polls;
    p->ticks = 0;
  }
  p->ticks++;
  if (p->busy) return;
  int mask = lua_gethookmask(co);
  if (mask != 0) {
    /* A debugger's, or ours. Lua looks at the mask, then clears a mark: it may have lost sight of ours in between. */
    if (lua_gethook(co) == hook) lua_sethook(co, hook, mask, lua_gethookcount(co));
    return;
  }
  if (p->ticks >= TICKS || (t->flags & ART_DOOMED) != 0) lua_sethook(co, hook, LUA_MASKCOUNT, 1);
}

enum when { NEVER, NEXT_INSTRUCTION, NEXT_RETURN };

/* lua_sethook is not re-entrant. Once Lua cannot yield, the function that is in the way has to return first. */
static void set_hook(struct art_preempt *p, lua_State *co, enum when when) {
  static const struct {
    int mask, count;
  } how[] = {[NEVER] = {0, 0},
             [NEXT_INSTRUCTION] = {LUA_MASKCOUNT, 1},
             [NEXT_RETURN] = {LUA_MASKRET | LUA_MASKCOUNT, RETRY_INSTRUCTIONS}};
  p->busy = true;
  lua_sethook(co, when == NEVER ? NULL : hook, how[when].mask, how[when].count);
  p->busy = false;
}

static void unset_hook(const struct art_lua *state, lua_State *co) {
  if (state->active != NULL)
    set_hook(&state->active->preempt, co, NEVER);
  else
    lua_sethook(co, NULL, 0, 0);
}

/* --- the hook -------------------------------------------------------------------------------------------------------- */

static uint64_t elapsed_ns(const struct art_preempt *p, const struct art_lua_task *t) {
  if (p->poll != t->rt->core->executor.polls || p->ticks == 0) return 0;
  return (p->ticks - 1) * p->ticker.period_ns;
}

/* Another poll than the last one that was looked at? */
static void look_at_poll(struct art_preempt *p, struct art_lua_task *t) {
  const struct art_executor *ex = t->core.executor;
  if (p->seen == p->poll) return;
  p->seen = p->poll;
  p->cut = p->told = p->owes = false;
  p->obstructed_ns = 0;
  if (ex->hog_poll != ex->polls) t->core.slices = 0; /* it has suspended by itself */
}

/* A second slice, of processor time: a thread that others keep from running is not to blame, however many ticks it sees. */
static bool is_obstructed_for_long(struct art_preempt *p, const struct art_lua_task *t,
                                   uint64_t slice_ns) {
  if (p->obstructed_ns == 0) p->obstructed_ns = art_ticker_used_ns();
  if (elapsed_ns(p, t) < 2 * slice_ns) return false;
  return art_ticker_used_ns() - p->obstructed_ns >= slice_ns;
}

static bool can_yield(lua_State *L, const struct art_lua_task *t) {
  return t->rt->state->running == L && lua_isyieldable(L);
}

/* In the first slice of a poll that is over a cancel is raised, after a second one others have their turn all the same; so
** for as many slices as there are to unwind in. */
static enum art_act end_of_slice(lua_State *L, struct art_preempt *p, struct art_lua_task *t,
                                 const struct art_policy *policy) {
  bool asked = art_is_asked_to_stop(t), yieldable = can_yield(L, t);
  if (policy->closing || (asked && t->core.slices >= UNWINDING_SLICES)) return ART_ACT_STOP;
  bool cut = art_cancelled_by(t) != NULL && (!p->cut || !yieldable);
  if (cut || (policy->kill && !asked)) {
    p->cut = true;
    t->core.slices++;
    return cut ? ART_ACT_CUT : ART_ACT_KILL;
  }
  if (yieldable) {
    t->core.slices = asked ? t->core.slices + 1 : 0;
    return ART_ACT_YIELD;
  }
  return is_obstructed_for_long(p, t, policy->slice_ns) ? ART_ACT_REFUSE : ART_ACT_RETRY;
}

/* Our own Lua code does not expect it, and is done soon; what is not, or only says that it is ours, is treated as others. */
static bool is_our_own(lua_State *L, lua_Debug *ar, const struct art_lua *state) {
  if (state->layer == NULL) return false;
  lua_getinfo(L, "S", ar);
  return strncmp(ar->source, state->layer, strlen(state->layer)) == 0;
}

static enum art_act what_to_do(lua_State *L, lua_Debug *ar, struct art_preempt *p,
                               struct art_lua_task *t) {
  const struct art_policy *policy = art_policy_of(t);
  uint64_t ns = elapsed_ns(p, t);
  if (policy == NULL) return ART_ACT_NOTHING;
  if (ns < 2 * policy->slice_ns && is_our_own(L, ar, t->rt->state)) return ART_ACT_RETRY;
  look_at_poll(p, t);
  if (p->closing_ns != 0 && ns >= p->closing_ns) return ART_ACT_STOP;
  if (policy->slow_ns != 0 && ns >= policy->slow_ns && !p->told) {
    p->told = true;
    art_hog_act(L, t, ART_ACT_TELL);
  }
  if (policy->slice_ns == 0 || ns < policy->slice_ns) return ART_ACT_NOTHING;
  if ((t->flags & ART_CRITICAL) != 0) {
    p->owes = true;
    return ART_ACT_NOTHING;
  }
  return end_of_slice(L, p, t, policy);
}

/* Puts the task behind the others. */
static void yield(lua_State *L, struct art_lua_task *t) {
  t->core.hog = true;
  t->core.executor->choosy = true;  /* where it goes next is not the usual place */
  t->core.executor->ready_left = 0; /* timers and I/O are looked at after every slice */
  art_yield_in_hook(L, t);
}

static void do_it(lua_State *L, struct art_preempt *p, struct art_lua_task *t, enum art_act act) {
  switch (act) {
  case ART_ACT_NOTHING: return;
  case ART_ACT_RETRY:
    p->owes = true;
    set_hook(p, L, NEXT_RETURN);
    return;
  case ART_ACT_YIELD: yield(L, t); return;
  case ART_ACT_REFUSE:
    p->owes = true;
    set_hook(p, L, NEXT_INSTRUCTION);
    break;
  case ART_ACT_STOP:
    t->flags |= ART_DOOMED;
    set_hook(p, L, NEXT_INSTRUCTION);
    break;
  default: p->ticks = 1; break; /* a new slice to unwind in */
  }
  art_hog_act(L, t, act);
}

/* The hook stays. Lua may need long to unwind what is deep: others have their turns meanwhile. */
static void unwind_on(lua_State *L, struct art_preempt *p, struct art_lua_task *t) {
  const struct art_policy *policy = art_policy_of(t);
  bool over = policy != NULL && !policy->closing && elapsed_ns(p, t) >= policy->slice_ns;
  if (over && can_yield(L, t))
    yield(L, t);
  else
    art_hog_act(L, t, ART_ACT_CUT);
}

static void hook(lua_State *L, lua_Debug *ar) {
  struct art_lua *state = art_lua_find(L);
  struct art_lua_task *t = interrupted(state);
  if (t == NULL || state->entered != L) { /* set for code that has ended meanwhile */
    unset_hook(state, L);
    return;
  }
  struct art_preempt *p = &t->rt->preempt;
  bool doomed = (t->flags & ART_DOOMED) != 0 && art_cancelled_by(t) != NULL;
  if (ar->event !=
      LUA_HOOKCOUNT) { /* a function returns: no place to yield, but what comes after it may be one */
    if (doomed || can_yield(L, t)) set_hook(p, L, NEXT_INSTRUCTION);
    return;
  }
  if (doomed) {
    unwind_on(L, p, t);
    return;
  }
  t->flags &= (uint16_t)~ART_DOOMED; /* it has left what was cancelled */
  set_hook(p, L, NEVER);
  do_it(L, p, t, what_to_do(L, ar, p, t));
}

/* --- around it ------------------------------------------------------------------------------------------------------- */

void art_preempt_init(struct art_preempt *p) {
  memset(p, 0, sizeof *p);
  art_ticker_init(&p->ticker, tick);
}

void art_preempt_destroy(struct art_preempt *p, bool ours) {
  p->polling = false;
  art_ticker_destroy(&p->ticker, ours);
}

void art_preempt_begin(struct art_lua_runtime *rt) {
  rt->preempt.polling = true;
  art_ticker_start(&rt->preempt.ticker);
}

void art_preempt_end(struct art_lua_runtime *rt) {
  rt->preempt.polling = false;
}

void art_preempt_enter(lua_State *co, const struct art_lua_task *t) {
  struct art_preempt *p = &t->rt->preempt;
  bool due = (t->flags & ART_DOOMED) != 0 || (p->owes && p->poll == t->rt->core->executor.polls);
  if (due && lua_gethookmask(co) == 0) set_hook(p, co, NEXT_INSTRUCTION);
}

void art_preempt_forget(lua_State *co) {
  if (lua_gethook(co) == hook) lua_sethook(co, NULL, 0, 0);
}
