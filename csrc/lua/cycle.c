#include "lua/cycle.h"

#include "lua/await.h"
#include "lua/error.h"
#include "lua/loop.h"
#include "lua/park.h"
#include "lua/scope.h"
#include "lua/view.h"

/* Tasks looked at for one wait, and scopes looked through for one task. Beyond that a cycle is told of late: a wait costs
** microseconds at most, however many tasks there are and however deep they were spawned. */
#define MOST_STEPS 1000

/* A way back to the task that is about to wait: from its first step on, each task leads to the next. Where it is 'fork',
** that waits for the end of others too, and the way goes on from 'branch', one of them. */
struct way {
  const struct art_closing *c;
  const struct art_lua_task *fork, *branch; /* NULL: it has none */
  bool ends;                                /* the branch waits for an end */
  int steps_left;
};

/* --- who holds up whom -------------------------------------------------------------------------------------------- */

/* Does that scope, or with NULL the end of its task 'above', wait until 't' has ended? Daemons hold up nobody. */
static bool holds_open(const struct art_lua_task *t, const struct art_lua_task *above,
                       const struct art_scope *wanted) {
  const struct art_scope *s = t->scope;
  for (int i = 0; s != NULL && i < MOST_STEPS; s = s->parent, i++) {
    if (s->owner != t) {
      if ((t->flags & ART_DAEMON) != 0) return false;
      t = s->owner;
    }
    if (s == wanted || (wanted == NULL && t == above)) return true;
    if (t == NULL) return false;
  }
  return false;
}

/* Whoever waits for 'at' (with 'ends', for its end): does that wait for 't'? Who is above was spawned before. */
static bool leads_to(const struct art_lua_task *at, bool ends, const struct art_lua_task *t) {
  if (at == t) return true;
  if (at->cancel.id > t->cancel.id) return false;
  if (ends && holds_open(t, at, NULL)) return true;
  return art_is_waiting(at) && art_waits_for_children(at) && holds_open(t, at, at->scope);
}

/* One step on: for whom 'at' waits, NULL if for nobody in particular. */
static const struct art_lua_task *next(const struct art_lua_task *at, bool *ends) {
  if (!art_is_waiting(at) || at->wait->for_whom == NULL) return NULL;
  *ends = art_waits_for_task(at);
  return at->wait->for_whom(at);
}

/* Could anybody wait for it, or for one that waits for its end? Nearly always nobody could, and nothing else has to be
** looked at. */
static bool is_wanted(const struct art_closing *c) {
  const struct art_lua_task *t = c->t;
  const struct art_scope *s = t->scope;
  for (int i = 0; t != NULL && i < MOST_STEPS; i++) {
    if (t == c->first || t->contended != NULL || !art_waitlist_empty(&t->awaiters)) return true;
    while (s != NULL && s->owner == t) s = s->parent;
    t = s == NULL ? NULL : s->owner;
  }
  return t != NULL;
}

/* --- the way back ------------------------------------------------------------------------------------------------- */

static bool finds_straight(struct way *w, const struct art_lua_task *at, bool ends) {
  for (; at != NULL && w->steps_left > 0; at = next(at, &ends), w->steps_left--)
    if (leads_to(at, ends, w->c->t)) return true;
  return false;
}

/* The outermost of its own scopes; NULL: it has none. */
static struct art_scope *outermost(const struct art_lua_task *t) {
  struct art_scope *s = t->scope;
  if (s == NULL || s->owner != t) return NULL;
  while (s->parent != NULL && s->parent->owner == t) s = s->parent;
  return s;
}

/* Is there a way back from one of those below 'top' who have to end before 'at' goes on? */
static bool finds_below(struct way *w, const struct art_lua_task *at, struct art_scope *top) {
  for (struct art_scope *s = top; s != NULL; s = art_scope_next(top, s))
    for (struct art_list *n = s->children.next; n != &s->children; n = n->next) {
      const struct art_lua_task *child = ART_CONTAINER(n, struct art_lua_task, sibling);
      bool ends;
      const struct art_lua_task *first = next(child, &ends);
      if (--w->steps_left <= 0) return false;
      if (first == NULL || !finds_straight(w, first, ends)) continue;
      if (!holds_open(child, at, top)) continue;
      w->fork = at;
      w->branch = child;
      return true;
    }
  return false;
}

static struct art_scope *fork_of(const struct art_lua_task *at, bool ends) {
  if (ends) return outermost(at);
  return art_is_waiting(at) && art_waits_for_children(at) ? at->scope : NULL;
}

static bool finds_back(struct way *w) {
  const struct art_closing *c = w->c;
  if (c->first == NULL) return finds_below(w, c->t, c->children);
  if (finds_straight(w, c->first, c->ends)) return true;
  bool ends = c->ends;
  for (const struct art_lua_task *at = c->first; at != NULL; at = next(at, &ends)) {
    if (--w->steps_left <= 0) return false;
    struct art_scope *top = fork_of(at, ends);
    if (top != NULL && finds_below(w, at, top)) return true;
  }
  return false;
}

/* --- who is in it ------------------------------------------------------------------------------------------------- */

typedef bool each_fn(lua_State *L, const struct art_lua_task *t);

/* From 'at' to 'last' or, with NULL, to whoever leads back. False: 'each' said so. */
static bool each_on_leg(lua_State *L, const struct way *w, const struct art_lua_task *at,
                        const struct art_lua_task *last, each_fn *each) {
  bool ends = at == w->c->first && w->c->ends;
  for (int i = 0; at != NULL && at != w->c->t && i < MOST_STEPS; i++, at = next(at, &ends)) {
    if (!each(L, at)) return false;
    if (at == last || (last == NULL && leads_to(at, ends, w->c->t))) break;
  }
  return true;
}

/* All but the one that is about to wait, in the order in which they wait for each other. */
static bool each_member(lua_State *L, const struct way *w, each_fn *each) {
  if (w->c->first != NULL && !each_on_leg(L, w, w->c->first, w->fork, each)) return false;
  return w->branch == NULL || each_on_leg(L, w, w->branch, NULL, each);
}

/* Will nothing that has been set up already cut what 't' waits for short? */
static bool is_open_ended(const struct art_lua_task *t) {
  for (const struct art_scope *s = t->scope; s != NULL; s = s->parent) {
    bool timed = art_timer_armed(&s->deadline), shield = s->kind == ART_SCOPE_SHIELD;
    if (s->race || (timed && !shield)) return false;
    if (s->shield && !timed && !s->rt->unshield) return true; /* with a time, it holds no longer */
  }
  return true;
}

static bool stays(lua_State *L, const struct art_lua_task *t) {
  (void)L;
  bool cannot_be_cut = t->wait == NULL || t->wait->forced || t->wait->abort == NULL;
  return cannot_be_cut || is_open_ended(t);
}

static bool closes(struct way *w) {
  const struct art_lua_task *t = w->c->t;
  if (!t->rt->deadlock || !is_wanted(w->c) || !finds_back(w)) return false;
  return (w->c->forced || is_open_ended(t)) && each_member(NULL, w, stays);
}

/* --- the report --------------------------------------------------------------------------------------------------- */

/* [-0, +1, m] Of a task of whatever runtime. */
static void push_task(lua_State *L, const struct art_lua_task *t) {
  if (t->rt == art_lua_of(L)->active) {
    art_push_task(L, t);
    return;
  }
  int top = lua_gettop(L);
  art_push_value(L, ART_RUNTIMES);
  lua_pushnil(L);
  while (lua_next(L, top + 1) != 0 && lua_touserdata(L, -2) != t->rt) lua_pop(L, 1);
  lua_getiuservalue(L, top + 2, ART_RUNTIME_ANCHORS);
  lua_rawgeti(L, -1, t->cancel.slot);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

/* To the list on top. */
static bool append(lua_State *L, const struct art_lua_task *t) {
  push_task(L, t);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  return true;
}

/* [-0, +1, m] The error. */
static void push_report(lua_State *L, const struct way *w, int handle) {
  art_check_stack(L, 16, NULL);
  art_push_hook(L, "cycle");
  if (handle == 0)
    lua_pushnil(L);
  else
    lua_pushvalue(L, handle);
  art_push_all_frames(L, w->c->t, 1);
  lua_newtable(L);
  append(L, w->c->t);
  each_member(L, w, append);
  lua_call(L, 3, 1);
}

static struct way look(const struct art_closing *c) {
  return (struct way){.c = c, .steps_left = MOST_STEPS};
}

/* Does 'first' wait for nobody in particular? It mostly does not. */
static bool leads_nowhere(const struct art_closing *c) {
  const struct art_lua_task *at = c->first;
  if (c->ends && at->scope->owner == at) return false;
  return !art_is_waiting(at) || (at->wait->for_whom == NULL && !art_waits_for_children(at));
}

void art_check_no_cycle(lua_State *L, const struct art_closing *c, int handle) {
  if (leads_nowhere(c)) return;
  struct way w = look(c);
  if (!closes(&w)) return;
  push_report(L, &w, handle);
  w = look(c);
  if (closes(&w)) lua_error(L); /* or a finaliser that ran meanwhile has cancelled one of them */
  lua_pop(L, 1);
}

/* Protected: a way in, the error out. */
int art_note_cycle(lua_State *L) {
  push_report(L, lua_touserdata(L, 1), 0);
  return 1;
}

bool art_ends_in_cycle(lua_State *L, const struct art_lua_task *t, struct art_scope *s) {
  struct art_closing c = {.t = t, .children = s};
  struct way w = look(&c);
  if (art_list_empty(&s->children) || !closes(&w) || !lua_checkstack(L, 4)) return false;
  art_push_value(L, ART_NOTE_CYCLE);
  lua_pushlightuserdata(L, &w);
  bool told = lua_pcall(L, 1, 1, 0) == LUA_OK;
  w = look(&c);
  if (told && closes(&w)) return true;
  lua_pop(L, 1); /* without memory for it, the cycle is told of later */
  return false;
}
