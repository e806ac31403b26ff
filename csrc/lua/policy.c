#include "lua/policy.h"

#include <errno.h>
#include <string.h>

#include "lua/args.h"
#include "lua/error.h"
#include "lua/scope.h"
#include "lua/task.h"

#define LEAST_SLICE_NS 100000
#define UNTRUSTED_SLICE_NS 10000000 /* for those that name none */

const struct art_policy *art_policy_of(const struct art_lua_task *t) {
  return t->scope == NULL ? NULL : t->scope->policy;
}

static bool same(const struct art_policy *a, const struct art_policy *b) {
  return a->slice_ns == b->slice_ns && a->slow_ns == b->slow_ns && a->kill == b->kill &&
         a->untrusted == b->untrusted && a->closing == b->closing;
}

/* How often to look, for the shorter of the two. */
static uint64_t period_ns(const struct art_policy *p) {
  uint64_t ns = p->slice_ns;
  if (ns == 0 || (p->slow_ns != 0 && p->slow_ns < ns)) ns = p->slow_ns;
  return ns / 2;
}

static int tick_as_often(struct art_preempt *preempt, const struct art_policy *p) {
  uint64_t wanted = period_ns(p), now = preempt->ticker.period_ns;
  if (now != 0 && now <= wanted) return 0;
  int err = art_ticker_set(&preempt->ticker, wanted);
  if (err == 0 && preempt->polling) art_ticker_start(&preempt->ticker);
  return err;
}

const struct art_policy *art_policy_find(struct art_lua_runtime *rt, struct art_policy wanted,
                                         int *err) {
  struct art_policy *p;
  *err = 0;
  if (wanted.slice_ns == 0 && wanted.slow_ns == 0) return NULL;
  for (p = rt->preempt.policies; p != NULL; p = p->next)
    if (same(p, &wanted)) return p;
  *err = tick_as_often(&rt->preempt, &wanted);
  if (*err < 0) return NULL;
  p = art_alloc(&rt->core->allocator, sizeof *p);
  if (p == NULL) {
    *err = -ENOMEM;
    return NULL;
  }
  *p = wanted;
  p->next = rt->preempt.policies;
  rt->preempt.policies = p;
  return p;
}

const struct art_policy *art_policy_keep(lua_State *L, struct art_lua_runtime *rt,
                                         struct art_policy wanted) {
  int err;
  const struct art_policy *p = art_policy_find(rt, wanted, &err);
  if (err == -ENOMEM) art_no_memory(L);
  if (err < 0) luaL_error(L, "cannot make a timer: %s", strerror(-err));
  return p;
}

void art_policy_spread(struct art_lua_runtime *rt, const struct art_policy *p) {
  for (struct art_scope *s = rt->root; s != NULL; s = art_scope_next(rt->root, s))
    if (s->policy == NULL) s->policy = p;
}

void art_policy_free_all(struct art_lua_runtime *rt) {
  struct art_policy *p;
  while ((p = rt->preempt.policies) != NULL) {
    rt->preempt.policies = p->next;
    art_free(&rt->core->allocator, p, sizeof *p);
  }
}

void art_check_trusted(lua_State *L, const struct art_lua_task *t, const char *function) {
  const struct art_policy *p = art_policy_of(t);
  if (p != NULL && p->untrusted) luaL_error(L, "'%s' called in an untrusted task", function);
}

/* [-0, +0, m] A field of seconds; false: there is none. */
static bool seconds_option(lua_State *L, int arg, const char *function, const char *name,
                           uint64_t *ns) {
  bool given = lua_getfield(L, arg, name) != LUA_TNIL;
  if (given && (!art_to_seconds(L, -1, ns) || *ns == 0))
    art_arg_error(L, arg, function,
                  lua_pushfstring(L, "field '%s' must be a number of seconds above 0", name));
  lua_pop(L, 1);
  return given;
}

void art_policy_slice(lua_State *L, int arg, const char *function, struct art_policy *p) {
  uint64_t ns = 0;
  if (!seconds_option(L, arg, function, "slice", &ns)) return;
  if (ns < LEAST_SLICE_NS) ns = LEAST_SLICE_NS;
  if (p->untrusted && ns > p->slice_ns) return;
  p->slice_ns = ns == ART_NEVER ? 0 : ns;
}

void art_policy_slow(lua_State *L, int arg, const char *function, struct art_policy *p) {
  uint64_t ns = 0;
  if (!seconds_option(L, arg, function, "slow", &ns)) return;
  if (ns < LEAST_SLICE_NS) ns = LEAST_SLICE_NS;
  p->slow_ns = ns == ART_NEVER ? 0 : ns;
}

void art_policy_hog(lua_State *L, int arg, const char *function, struct art_policy *p) {
  if (lua_getfield(L, arg, "hog") != LUA_TNIL) {
    if (lua_type(L, -1) != LUA_TSTRING || strcmp(lua_tostring(L, -1), "kill") != 0)
      art_arg_error(L, arg, function, "field 'hog' must be \"kill\"");
    p->kill = true;
  }
  lua_pop(L, 1);
}

void art_policy_untrusted(lua_State *L, int arg, const char *function, struct art_policy *p) {
  int type = lua_getfield(L, arg, "untrusted");
  if (type != LUA_TNIL && type != LUA_TBOOLEAN)
    art_arg_error(L, arg, function, "field 'untrusted' must be a boolean");
  if (lua_toboolean(L, -1)) {
    p->untrusted = true;
    if (p->slice_ns == 0) p->slice_ns = UNTRUSTED_SLICE_NS;
  }
  lua_pop(L, 1);
}
