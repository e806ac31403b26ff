#include "lua/scope.h"

#include "base/clear.h"
#include "lua/hog.h"
#include "lua/park.h"
#include "lua/task.h"
#include "lua/unobserved.h"

static struct art_scope *take(struct art_lua_runtime *rt) {
  struct art_scope *s = rt->spare;
  if (s == NULL) return art_alloc(&rt->core->allocator, sizeof *s);
  rt->spare = s->parent;
  return s;
}

bool art_scope_reserve(struct art_lua_runtime *rt) {
  if (rt->spare != NULL) return true;
  struct art_scope *s = art_alloc(&rt->core->allocator, sizeof *s);
  if (s == NULL) return false;
  s->parent = NULL;
  rt->spare = s;
  return true;
}

/* A shield with a deadline is one of code that is not trusted. Its time is over, and further ones hold nothing. */
static void expire(struct art_waker *self) {
  struct art_scope *s = ART_CONTAINER(self, struct art_scope, expire);
  if (s->kind == ART_SCOPE_SHIELD) {
    if (art_is_asked_to_stop(s->owner)) s->owner->flags |= ART_DOOMED;
    s->shield = false;
    art_scope_propagate(s);
  } else {
    art_scope_cancel(s, ART_EXPIRED);
  }
}

/* What reaches the scope from outside: the parent's cancels, then, for a task's outermost scope, the task's own. */
static const struct art_cancel *cancelled_from_outside(const struct art_scope *s) {
  if (s->parent == NULL || (s->shield && !s->rt->unshield)) return NULL;
  if (s->parent->cancelled_by != NULL) return s->parent->cancelled_by;
  if (s->owner == NULL || s->owner->cancel.cause == ART_NOT_CANCELLED) return NULL;
  return s->parent->owner == s->owner ? NULL : &s->owner->cancel;
}

static const struct art_cancel *cancelled_by(const struct art_scope *s) {
  const struct art_cancel *by = cancelled_from_outside(s);
  return by == NULL && s->cancel.cause != ART_NOT_CANCELLED ? &s->cancel : by;
}

struct art_scope *art_scope_open(struct art_lua_runtime *rt, struct art_scope *parent,
                                 struct art_lua_task *owner, enum art_scope_kind kind) {
  struct art_scope *s = take(rt);
  if (s == NULL) return NULL;
  art_clear(s, sizeof *s);
  s->parent = parent;
  s->owner = owner;
  s->rt = rt;
  s->kind = (uint8_t)kind;
  s->shield = kind == ART_SCOPE_SHIELD;
  s->nursery = s;
  s->cancel.id = ++rt->state->last_id;
  s->expire.wake = expire;
  s->deadline.waker = &s->expire;
  art_list_init(&s->scopes);
  art_list_init(&s->children);
  art_list_init(&s->failures);
  art_list_init(&s->unobserved);
  if (parent != NULL) {
    s->policy = parent->policy;
    art_list_push(&parent->scopes, &s->node);
  }
  s->cancelled_by = cancelled_by(s);
  if (owner != NULL && kind != ART_SCOPE_NURSERY) owner->scope = s;
  return s;
}

static struct art_wheel *wheel_of(const struct art_scope *s) {
  struct art_runtime *core = s->rt->core;
  return s->kind == ART_SCOPE_SHIELD ? art_runtime_outer_wheel(core) : &core->wheel;
}

void art_scope_end(struct art_scope *s) {
  struct art_lua_runtime *rt = s->rt;
  if (art_timer_armed(&s->deadline)) art_wheel_disarm(wheel_of(s), &s->deadline);
  art_list_remove(&s->node);
  if (s->owner != NULL && s->owner->scope == s) s->owner->scope = s->parent;
  s->parent = rt->spare;
  rt->spare = s;
}

bool art_scope_encloses_running(const struct art_scope *s, const struct art_lua_task *t) {
  for (const struct art_scope *inside = t->scope; inside != s; inside = inside->parent)
    if (inside->running) return true;
  return false;
}

struct art_scope *art_scope_for_spawn(struct art_lua_task *t) {
  if (t->scope->owner == t) return t->scope->nursery;
  return art_scope_open(t->rt, t->scope, t, ART_SCOPE_TASK);
}

/* A parked task leaves its wait and is queued to raise; one that is queued finds out by itself. */
static void cut_wait(struct art_lua_task *t) {
  if (t->core.state != ART_TASK_PARKED || t->wait == NULL || t->wait->abort == NULL ||
      t->wait->forced)
    return;
  t->wait->abort(t);
  t->flags |= ART_ABORTED;
  art_task_wake(&t->core);
}

/* The tasks whose code runs directly in 's'. */
static void cut_waits_in(struct art_scope *s) {
  if (s->owner != NULL && s->owner->scope == s) cut_wait(s->owner);
  for (struct art_list *n = s->children.next; n != &s->children; n = n->next) {
    struct art_lua_task *t = ART_CONTAINER(n, struct art_lua_task, sibling);
    if (t->scope == s) cut_wait(t);
  }
}

/* The next scope of the tree below 'top', parents first. A walk without a stack: trees may be 100,000 deep. */
static struct art_scope *next_below(struct art_scope *top, struct art_scope *s, bool skip) {
  if (!skip && !art_list_empty(&s->scopes))
    return ART_CONTAINER(s->scopes.next, struct art_scope, node);
  for (; s != top; s = s->parent)
    if (s->node.next != &s->parent->scopes)
      return ART_CONTAINER(s->node.next, struct art_scope, node);
  return NULL;
}

struct art_scope *art_scope_next(struct art_scope *top, struct art_scope *s) {
  return next_below(top, s, false);
}

struct art_scope *art_scope_innermost(struct art_scope *s) {
  while (!art_list_empty(&s->scopes)) s = ART_CONTAINER(s->scopes.prev, struct art_scope, node);
  return s;
}

void art_scope_propagate(struct art_scope *top) {
  for (struct art_scope *s = top; s != NULL;) {
    const struct art_cancel *by = cancelled_by(s);
    bool same = by == s->cancelled_by && s != top; /* then nothing changes below either */
    s->cancelled_by = by;
    if (!same && by != NULL) cut_waits_in(s);
    s = next_below(top, s, same);
  }
}

void art_scope_lift_shields(struct art_scope *top) {
  for (struct art_scope *s = top; s != NULL; s = next_below(top, s, false)) {
    s->shield = false;
    s->cancelled_by = cancelled_by(s);
    if (s->cancelled_by != NULL) cut_waits_in(s);
  }
}

void art_scope_cancel(struct art_scope *s, enum art_cause cause) {
  if (s->cancel.cause != ART_NOT_CANCELLED) return;
  s->cancel.cause = (uint8_t)cause;
  art_scope_propagate(s);
}

void art_cancel_task(struct art_lua_task *t, enum art_cause cause) {
  if (t->outcome != ART_OPEN || t->cancel.cause != ART_NOT_CANCELLED) return;
  t->cancel.cause = (uint8_t)cause;
  if (t->scope->owner != t) {
    cut_wait(t);
    return;
  }
  struct art_scope *s = t->scope;
  while (s->parent->owner == t) s = s->parent;
  art_scope_propagate(s);
}

void art_scope_add_child(struct art_scope *s, struct art_lua_task *t) {
  t->scope = s;
  art_list_push(&s->children, &t->sibling);
  if ((t->flags & ART_DAEMON) == 0) s->pending++;
}

/* The block's code and its nursery fail as one. */
static struct art_scope *failing(struct art_scope *s) {
  return s->kind == ART_SCOPE_NURSERY ? s->parent : s;
}

static void learn_supervised_failure(struct art_scope *s, struct art_lua_task *t) {
  if ((t->flags & ART_OBSERVED) != 0) return;
  if ((t->flags & ART_EAGER_REPORT) == 0 && art_unobserved_add(s, t)) return;
  t->flags |= ART_HELD;
  art_list_push(&s->rt->reports, &t->sibling);
}

static void learn_failure(struct art_scope *s, struct art_lua_task *t) {
  t->flags |= ART_HELD;
  if (s->first != NULL || s->body_failed) {
    art_list_push(&s->failures, &t->sibling);
    return;
  }
  s->first = t;
  art_scope_cancel(s, ART_FAILURE);
}

void art_scope_child_ended(struct art_scope *s, struct art_lua_task *t) {
  art_list_remove(&t->sibling);
  if ((t->flags & ART_DAEMON) == 0) s->pending--;
  if (t->outcome == ART_FAILED) {
    bool supervised = (t->flags & ART_SUPERVISED) != 0;
    (supervised ? learn_supervised_failure : learn_failure)(failing(s), t);
  }
  if (s->pending == 0 && s->owner != NULL && art_waits_for_children(s->owner))
    art_task_wake(&s->owner->core);
}

bool art_scope_drained(struct art_scope *s) {
  if (art_list_empty(&s->children)) return true;
  if (s->pending > 0) return false;
  struct art_list *next;
  for (struct art_list *n = s->children.next; n != &s->children; n = next) {
    next = n->next;
    art_cancel_task(ART_CONTAINER(n, struct art_lua_task, sibling), ART_FINISHED);
  }
  return false;
}

bool art_is_ancestor(const struct art_lua_task *above, const struct art_lua_task *t) {
  if (above == t) return true;
  for (const struct art_scope *s = t->scope; s != NULL; s = s->parent)
    if (s->owner == above) return true;
  return false;
}
