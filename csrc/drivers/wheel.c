/* Timer wheel. The slot of a timer is a function of elapsed_ns and its deadline alone
** (slot_of), at any moment in which a waker or a caller runs. All else follows from that:
** - equal deadlines share a slot and lists are only appended to: they fire in arming order;
** - disarm finds the slot of a timer without the timer remembering it;
** - below level l all bits are free, at level l they are later than elapsed's and above they
** are elapsed's:
**   the lowest slot of the lowest occupied level is the earliest.
** It stays true as elapsed moves, because elapsed enters the range of an occupied slot in two
** ways only: the slot is cascaded (its list is dealt out, in order, to levels that are empty,
** being below the lowest occupied one) or the slot is due as a whole and taken out; what wakers
** arm meanwhile lies beyond the horizon, hence beyond that slot. */
#include "drivers/wheel.h"

#include <assert.h>
#include <string.h>

#include "asyncrt.h"

/* Longer lists are dealt out to the next level first: a pass of radix sort, cheaper than the
** many passes of a merge. */
#define SORT_MAX 16

struct slot {
  unsigned level, index;
};

static struct art_timer *timer_of(struct art_list *node) {
  return ART_CONTAINER(node, struct art_timer, node);
}

static uint64_t deadline_of(struct art_list *node) {
  return timer_of(node)->deadline_ns;
}

static struct slot slot_of(const struct art_wheel *w, uint64_t deadline_ns) {
  uint64_t differs = (w->elapsed_ns ^ deadline_ns) | (ART_WHEEL_SLOTS - 1);
  unsigned level = (63 - (unsigned)__builtin_clzll(differs)) / ART_WHEEL_BITS;
  uint64_t index = deadline_ns >> (level * ART_WHEEL_BITS) & (ART_WHEEL_SLOTS - 1);
  return (struct slot){level, (unsigned)index};
}

static struct art_list *list_of(struct art_wheel *w, struct slot s) {
  return &w->slot[s.level][s.index];
}

/* Of a wheel that has an occupied slot. */
static struct slot first_slot(const struct art_wheel *w) {
  unsigned level = (unsigned)__builtin_ctz(w->levels);
  return (struct slot){level, (unsigned)__builtin_ctzll(w->occupied[level])};
}

static uint64_t start_of(const struct art_wheel *w, struct slot s) {
  unsigned shift = s.level * ART_WHEEL_BITS;
  return ((w->elapsed_ns >> shift & ~(uint64_t)(ART_WHEEL_SLOTS - 1)) | s.index) << shift;
}

static uint64_t end_of(const struct art_wheel *w, struct slot s) {
  return start_of(w, s) | ((UINT64_C(1) << (s.level * ART_WHEEL_BITS)) - 1);
}

static void place(struct art_wheel *w, struct art_timer *t) {
  struct slot s = slot_of(w, t->deadline_ns);
  struct art_list *list = list_of(w, s);
  uint64_t bit = UINT64_C(1) << s.index;
  if (art_list_empty(list)) {
    w->levels |= 1u << s.level;
    w->occupied[s.level] |= bit;
    w->sorted[s.level] |= bit;
  } else if (t->deadline_ns < deadline_of(list->prev)) {
    w->sorted[s.level] &= ~bit;
  }
  art_list_push(list, &t->node);
}

static void mark_vacant(struct art_wheel *w, struct slot s) {
  w->occupied[s.level] &= ~(UINT64_C(1) << s.index);
  if (w->occupied[s.level] == 0) w->levels &= ~(1u << s.level);
}

void art_wheel_init(struct art_wheel *w, uint64_t now_ns) {
  memset(w, 0, sizeof *w);
  w->elapsed_ns = w->horizon_ns = now_ns;
  art_list_init(&w->due);
  for (unsigned level = 0; level < ART_WHEEL_LEVELS; level++)
    for (unsigned i = 0; i < ART_WHEEL_SLOTS; i++) art_list_init(&w->slot[level][i]);
}

void art_wheel_arm(struct art_wheel *w, struct art_timer *t, uint64_t deadline_ns) {
  assert(!art_timer_armed(t) && deadline_ns != ART_NEVER);
  t->deadline_ns = deadline_ns;
  if (w->count++ == 0) {
    w->next_ns = deadline_ns;
    w->next_known = true;
  } else if (w->next_known && deadline_ns < w->next_ns) {
    w->next_ns = deadline_ns;
  }
  if (deadline_ns <= w->horizon_ns)
    art_list_push(&w->due, &t->node);
  else
    place(w, t);
}

void art_wheel_disarm(struct art_wheel *w, struct art_timer *t) {
  if (!art_timer_armed(t)) return;
  art_list_remove(&t->node);
  w->count--;
  if (t->deadline_ns == w->next_ns) w->next_known = false;
  /* A timer that was in 'due' or is about to fire was in no slot; a look at one does no harm. */
  struct slot s = slot_of(w, t->deadline_ns);
  if (art_list_empty(list_of(w, s))) mark_vacant(w, s);
}

/* Merges chains that end in NULL; of equal deadlines those of 'a' come first. */
static struct art_list *merge(struct art_list *a, struct art_list *b) {
  struct art_list *merged, **end = &merged;
  while (a != NULL && b != NULL) {
    struct art_list **least = deadline_of(b) < deadline_of(a) ? &b : &a;
    *end = *least;
    end = &(*least)->next;
    *least = *end;
  }
  *end = a != NULL ? a : b;
  return merged;
}

/* Cuts the longest ordered run off the front of a chain; returns the rest. */
static struct art_list *cut_run(struct art_list *run) {
  while (run->next != NULL && deadline_of(run->next) >= deadline_of(run)) run = run->next;
  struct art_list *rest = run->next;
  run->next = NULL;
  return rest;
}

/* Sorts by deadline, equal ones as they were: natural merge sort. pile[i] holds 2^i runs
** merged, older than those in the piles below it. */
static void sort(struct art_list *list) {
  struct art_list *pile[64], *rest = list->next, *chain = NULL;
  unsigned n = 0, i;
  list->prev->next = NULL;
  while (rest != NULL) {
    struct art_list *run = rest;
    rest = cut_run(run);
    for (i = 0; i < n && pile[i] != NULL; i++) {
      run = merge(pile[i], run);
      pile[i] = NULL;
    }
    pile[i] = run;
    if (i == n) n++;
  }
  for (i = 0; i < n; i++) chain = merge(pile[i], chain);
  struct art_list *last = list;
  for (; chain != NULL; last = chain, chain = chain->next) {
    last->next = chain;
    chain->prev = last;
  }
  last->next = list;
  list->prev = last;
}

/* Wakes all of a list that is in order. It is out of the wheel, but what is in it can still be
** disarmed. */
static unsigned fire(struct art_wheel *w, struct art_list *firing) {
  unsigned woken = 0;
  struct art_list *node;
  while ((node = art_list_pop(firing)) != NULL) {
    struct art_timer *t = timer_of(node);
    w->count--;
    if (t->deadline_ns > w->elapsed_ns) w->elapsed_ns = t->deadline_ns; /* not overdue? */
    woken++;
    art_wake(t->waker);
  }
  return woken;
}

/* Those that were overdue before this advance; what wakers add to 'due' is for the next one, so
** that an advance ends whatever they do. */
static unsigned fire_overdue(struct art_wheel *w) {
  if (art_list_empty(&w->due)) return 0;
  struct art_list firing;
  art_list_init(&firing);
  art_list_splice(&firing, &w->due);
  sort(&firing);
  return fire(w, &firing);
}

static bool has_at_most(const struct art_list *list, unsigned n) {
  const struct art_list *node = list->next;
  while (node != list && n-- > 0) node = node->next;
  return node == list;
}

static void take(struct art_wheel *w, struct slot s, struct art_list *taken) {
  art_list_init(taken);
  art_list_splice(taken, list_of(w, s));
  mark_vacant(w, s);
}

/* Moves elapsed to the start of the first slot and deals its timers out to the levels below. A
** second walk from the far end only fetches, so that two cache misses are under way instead of
** one: a quarter off the whole life of a timer when there are a million. */
static void cascade(struct art_wheel *w, struct slot s) {
  struct art_list taken;
  w->elapsed_ns = start_of(w, s);
  take(w, s, &taken);
  struct art_list *far = taken.prev;
  for (struct art_list *node = taken.next, *next; node != &taken; node = next) {
    next = node->next;
    if (far != node && far != next) { /* not met yet? */
      far = far->prev;
      __builtin_prefetch(far);
    }
    place(w, timer_of(node));
  }
}

unsigned art_wheel_advance(struct art_wheel *w, uint64_t now_ns) {
  if (now_ns < w->elapsed_ns) now_ns = w->elapsed_ns;
  w->horizon_ns = now_ns;
  unsigned woken = fire_overdue(w);
  while (w->levels != 0) {
    struct slot s = first_slot(w);
    if (start_of(w, s) > now_ns) break;
    bool sorted = w->sorted[s.level] >> s.index & 1; /* on level 0 always: all are equal */
    if (end_of(w, s) > now_ns || !(sorted || has_at_most(list_of(w, s), SORT_MAX))) {
      cascade(w, s);
      continue;
    }
    struct art_list firing;
    take(w, s, &firing);
    if (!sorted) sort(&firing);
    woken += fire(w, &firing);
  }
  w->elapsed_ns = now_ns;
  if (woken != 0) w->next_known = false;
  return woken;
}

static uint64_t earliest(const struct art_list *list) {
  uint64_t min = ART_NEVER;
  for (struct art_list *node = list->next; node != list; node = node->next)
    if (deadline_of(node) < min) min = deadline_of(node);
  return min;
}

uint64_t art_wheel_next(struct art_wheel *w) {
  if (w->count == 0) return ART_NEVER;
  if (w->next_known) return w->next_ns;
  if (!art_list_empty(&w->due)) {
    w->next_ns = earliest(&w->due);
  } else {
    struct slot s = first_slot(w);
    struct art_list *list = list_of(w, s);
    bool sorted = w->sorted[s.level] >> s.index & 1;
    w->next_ns = sorted ? deadline_of(list->next) : earliest(list);
  }
  w->next_known = true;
  return w->next_ns;
}
