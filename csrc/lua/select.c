#include "lua/select.h"

#include <string.h>

#include "lua/args.h"
#include "lua/cases.h"
#include "lua/error.h"
#include "lua/park.h"
#include "lua/task.h"

#define MOST_CASES 100000

/* --- the cases ---------------------------------------------------------------------------------------------------- */

static bool is_off(lua_State *L, int i) {
  return lua_isboolean(L, i) && !lua_toboolean(L, i);
}

static const struct art_case *among(const struct art_case *cases, int n, const void *meta,
                                    const struct art_kinds *kinds) {
  for (int i = 0; i < n; i++)
    if (kinds->meta[cases[i].kind] == meta) return &cases[i];
  return NULL;
}

/* NULL: it is nothing that can be waited for. */
static const struct art_case *case_of(const void *meta, const struct art_kinds *kinds) {
  if (meta == kinds->meta[ART_SUPERVISED_TASK_KIND]) meta = kinds->meta[ART_TASK_KIND];
  const struct art_case *is = among(art_local_cases, ART_LOCAL_CASES, meta, kinds);
  return is != NULL ? is : among(art_socket_cases, ART_SOCKET_CASES, meta, kinds);
}

static struct art_item find_item(lua_State *L, int i, const struct art_kinds *kinds) {
  const void *meta = art_meta_of(L, i);
  void *handle = meta == NULL ? NULL : lua_touserdata(L, i);
  return (struct art_item){
      .is = handle == NULL ? NULL : case_of(meta, kinds), .handle = handle, .i = i};
}

#define FEW 32

/* A select that has not begun to wait: its cases are the first n of the stack. */
struct look {
  lua_State *L;
  struct art_lua_task *t;
  int n;
  bool listed;                /* they came in a list */
  bool unsure;                /* those that are unsure may still be ready */
  bool plain;                 /* none has to be checked or prepared */
  struct art_item first[FEW]; /* of them, so that what they are is found but once, */
  struct art_item other;      /* and the one that was asked for last of the rest */
};

static const struct art_item *item_at(struct look *look, int i) {
  if (i <= FEW) return &look->first[i - 1];
  look->other = find_item(look->L, i, &art_lua_of(look->L)->kinds);
  return &look->other;
}

void art_bad_case(lua_State *L, int i, bool listed, const char *problem) {
  if (listed) problem = lua_pushfstring(L, "item %d: %s", i, problem);
  art_arg_error(L, listed ? 1 : i, "select", problem);
}

static void bad_type(lua_State *L, int i, bool listed) {
  if (!listed) art_type_error(L, i, "select", "awaitable or false");
  art_bad_case(L, i, true,
               lua_pushfstring(L, "awaitable or false expected, got %s", luaL_typename(L, i)));
}

/* A lone table that is no object. */
static bool is_list(lua_State *L) {
  if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TTABLE) return false;
  if (luaL_getmetafield(L, 1, "__name") == LUA_TNIL) return true;
  lua_pop(L, 1);
  return false;
}

/* The list's items instead of the list. */
static void unpack(lua_State *L) {
  lua_Unsigned n = lua_rawlen(L, 1);
  if (n > MOST_CASES) art_arg_error(L, 1, "select", "too many cases");
  art_check_stack(L, (int)n + LUA_MINSTACK, "too many cases");
  for (lua_Unsigned i = 1; i <= n; i++) lua_rawgeti(L, 1, (lua_Integer)i);
  lua_remove(L, 1);
}

/* The stack is the cases, all of a type that will do. */
static void check_types(struct look *look) {
  lua_State *L = look->L;
  look->listed = is_list(L);
  if (lua_gettop(L) == 0) bad_type(L, 1, false);
  if (look->listed) unpack(L);
  const struct art_kinds *kinds = &art_lua_of(L)->kinds;
  int on = 0;
  look->plain = true;
  look->n = lua_gettop(L);
  for (int i = 1; i <= look->n; i++) {
    struct art_item it = find_item(L, i, kinds);
    if (i <= FEW) look->first[i - 1] = it;
    if (it.is == NULL && !is_off(L, i)) bad_type(L, i, look->listed);
    if (it.is == NULL) continue;
    if (it.is->check != NULL || it.is->prepare != NULL) look->plain = false;
    on++;
  }
  if (on == 0) luaL_error(L, "'select' has no case to wait for");
}

static void check_each(struct look *look) {
  if (look->plain) return;
  for (int i = 1; i <= look->n; i++) {
    const struct art_case *is = item_at(look, i)->is;
    if (is != NULL && is->check != NULL) is->check(look->L, i, look->t, look->listed);
  }
}

/* --- at once ------------------------------------------------------------------------------------------------------ */

static bool is_ready(struct look *look, int i) {
  const struct art_item *it = item_at(look, i);
  if (it->is == NULL || (it->is->unsure && !look->unsure)) return false;
  return it->is->is_ready(look->L, it, look->t);
}

static int count_ready(struct look *look) {
  int ready = 0;
  for (int i = 1; i <= look->n; i++) ready += is_ready(look, i);
  return ready;
}

static int find_ready(struct look *look, int which) {
  for (int i = 1; i <= look->n; i++)
    if (is_ready(look, i) && which-- == 0) return i;
  return 0;
}

/* Takes one of those that are ready, each as likely as the others. The number of results; -1: none is ready. */
static int take_any(struct look *look) {
  lua_State *L = look->L;
  int ready;
  while ((ready = count_ready(look)) > 0) {
    uint64_t random = ready == 1 ? 0 : art_executor_random(look->t->core.executor);
    int i = find_ready(look, (int)((random >> 16) % (unsigned)ready));
    const struct art_case *c = i == 0 ? NULL : item_at(look, i)->is;
    lua_pushinteger(L, i);
    int results = c == NULL ? -1 : c->take(L, i, look->t); /* a finaliser may have been faster */
    if (results >= 0) return 1 + results;
    if (c != NULL && c->unsure) look->unsure = false;
    lua_settop(L, look->n);
  }
  return -1;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

static void leave(struct art_branch *b) {
  art_waiter_leave(&b->party.waiter);
  if (art_timer_armed(&b->timer)) art_wheel_disarm(&b->of->task->rt->core->wheel, &b->timer);
  if (b->held == NULL) return;
  b->item.is->leave(b);
  b->held = NULL;
}

static void choose(struct art_selection *s, int chosen) {
  s->chosen = chosen;
  for (int i = 0; i < s->n; i++)
    if (i + 1 != chosen) leave(&s->branch[i]);
}

void art_branch_choose(struct art_branch *b) {
  struct art_selection *s = b->of;
  choose(s, (int)(b - s->branch) + 1);
  art_task_wake(&s->task->core);
}

static void wake(struct art_waker *w) {
  art_branch_choose(ART_CONTAINER(w, struct art_branch, waker));
}

/* Also of a task that is killed when a case was chosen. */
static void abort_select(struct art_lua_task *t) {
  struct art_selection *s = t->parking.io.with;
  for (int i = 0; i < s->n; i++) leave(&s->branch[i]);
}

static const struct art_wait select_wait = {.what = "select", .abort = abort_select, .cases = true};

bool art_waits_in_select(const struct art_lua_task *t) {
  return t->wait == &select_wait;
}

static void init_branch(struct look *look, struct art_selection *s, int i, int *place) {
  struct art_branch *b = &s->branch[i - 1];
  b->item = *item_at(look, i);
  b->of = s;
  b->waker.wake = wake;
  b->party.waiter.waker = &b->waker;
  b->party.co = look->L;
  if (b->item.is != NULL && b->item.is->prepare != NULL) b->place = (*place)++;
}

/* [-0, +n, m] */
static void prepare_each(struct look *look) {
  if (look->plain) return;
  for (int i = 1; i <= look->n; i++) {
    const struct art_case *is = item_at(look, i)->is;
    if (is == NULL || is->prepare == NULL) continue;
    art_check_stack(look->L, LUA_MINSTACK, NULL);
    is->prepare(look->L, i);
  }
}

/* [-0, +n, m] */
static struct art_selection *new_selection(struct look *look) {
  lua_State *L = look->L;
  int n = look->n, place = n + 1;
  prepare_each(look);
  size_t size = sizeof(struct art_selection) + (size_t)n * sizeof(struct art_branch);
  struct art_selection *s = lua_newuserdatauv(L, size, 0);
  memset(s, 0, size);
  s->task = look->t;
  s->n = n;
  s->place = lua_gettop(L);
  for (int i = 1; i <= n; i++) init_branch(look, s, i, &place);
  art_check_stack(L, LUA_MINSTACK, NULL); /* for what is given: that must not fail any more */
  return s;
}

/* [-0, +n, m] What the chosen case gives; what it received is on top already. */
static int give_chosen(lua_State *L, struct art_selection *s) {
  int i = s->chosen;
  struct art_branch *b = &s->branch[i - 1];
  lua_pushinteger(L, i);
  lua_insert(L, s->place + 1);
  const struct art_case *is = b->item.is;
  return 1 + (is->give != NULL ? is->give(L, i, b) : is->take(L, i, s->task));
}

/* A wake that chose none may be about one of those that are looked at. */
static void look_after_hint(struct art_selection *s) {
  for (int i = 1; i <= s->n && s->chosen == 0; i++) {
    struct art_branch *b = &s->branch[i - 1];
    const struct art_case *is = b->item.is;
    if (is != NULL && is->look != NULL && is->look(b, s->task)) choose(s, i);
  }
}

static int select_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct art_selection *s = t->parking.io.with;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (s->chosen == 0) look_after_hint(s);
  if (s->chosen == 0) return art_park(L, t, &select_wait, select_k, ctx);
  return give_chosen(L, s);
}

/* In an order that differs from time to time: of equal deadlines the first to be armed comes first. */
static void wait_in_all(lua_State *L, struct art_selection *s) {
  unsigned n = (unsigned)s->n;
  unsigned start = (unsigned)(art_executor_random(s->task->core.executor) >> 16) % n;
  for (unsigned k = 0; k < n && s->chosen == 0; k++) {
    int i = (int)((start + k) % n) + 1;
    struct art_branch *b = &s->branch[i - 1];
    if (b->item.is != NULL && b->item.is->wait(L, b)) choose(s, i);
  }
}

static int select_or_wait(struct look *look) {
  lua_State *L = look->L;
  struct art_lua_task *t = look->t;
  look->unsure = true;
  int results = take_any(look);
  if (results >= 0) return art_return(L, t, results);
  struct art_selection *s = new_selection(look);
  look->unsure = false;
  if (count_ready(look) > 0) { /* a finaliser came while memory was found */
    lua_settop(L, s->n);
    return select_or_wait(look);
  }
  wait_in_all(L, s);
  t->parking.io.with = s;
  if (s->chosen > 0) return art_return(L, t, give_chosen(L, s));
  return art_park(L, t, &select_wait, select_k, (lua_KContext)t);
}

/* async.select(a, b, ...) or select{a, b, ...} */
static int select_any(lua_State *L) {
  struct look look;
  look.L = L;
  check_types(&look);
  look.t = art_checkpoint(L, "select");
  check_each(&look);
  art_check_stack(L, 8, NULL);
  return select_or_wait(&look);
}

const luaL_Reg art_select_functions[] = {{"select", select_any}, {NULL, NULL}};
