/* The numbers are gathered first and put into tables afterwards: a finaliser, for which Lua may take any allocation, could
** close the runtime in between. */
#include "lua/stats.h"

#include <string.h>

#include "lua/args.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/view.h"

#define MOST_KINDS 48 /* of waits; there are fewer */

struct stats {
  const char *driver, *driver_from, *clock;
  bool seeded;
  lua_Integer seed;
  lua_Integer live, ready, waiting, spawned, ended, coroutines, idle;
  lua_Integer timers, operations, jobs, woken, queued, hogs, deferred;
  int kinds;
  struct {
    const char *what;
    lua_Integer n;
  } waiters[MOST_KINDS];
};

static void count_wait(struct stats *st, const char *what) {
  int i = 0;
  while (i < st->kinds && strcmp(st->waiters[i].what, what) != 0) i++;
  if (i == MOST_KINDS) return;
  if (i == st->kinds) {
    st->waiters[i].what = what;
    st->waiters[i].n = 0;
    st->kinds++;
  }
  st->waiters[i].n++;
}

static void gather_tasks(struct stats *st, const struct art_lua_runtime *rt) {
  for (struct art_scope *s = rt->root; s != NULL; s = art_scope_next(rt->root, s))
    for (struct art_list *n = s->children.next; n != &s->children; n = n->next) {
      const struct art_lua_task *t = ART_CONTAINER(n, struct art_lua_task, sibling);
      st->live++;
      if (!art_is_waiting(t)) continue;
      st->waiting++;
      count_wait(st, t->wait->what);
    }
  st->spawned = (lua_Integer)rt->spawned;
  st->ended = st->spawned - st->live;
  st->coroutines = rt->coroutines;
  st->idle = rt->idle_count;
}

static lua_Integer length(const struct art_queue *q) {
  lua_Integer n = 0;
  for (const struct art_task *t = q->first; t != NULL; t = t->next) n++;
  return n;
}

static void gather_core(struct stats *st, const struct art_runtime *core) {
  static const char *const clocks[] = {
      [ART_CLOCK_REAL] = "real", [ART_CLOCK_VIRTUAL] = "virtual", [ART_CLOCK_MANUAL] = "manual"};
  st->clock = clocks[core->clock.kind];
  st->driver = core->reactor.backend->name;
  st->seeded = core->executor.seeded;
  st->ready = art_runtime_ready(core);
  st->woken = length(&core->executor.woken);
  st->hogs = length(&core->executor.hogs);
  st->queued = core->executor.queued - st->woken - st->hogs;
  st->deferred = core->executor.deferred_count;
  st->timers = (lua_Integer)(core->wheel.count + core->outer_wheel.count);
  st->operations = core->reactor.pending;
  st->jobs = core->pool == NULL ? 0 : art_pool_pending(core->pool);
}

static void set_text(lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, name);
}

static void set_counts(lua_State *L, const struct stats *st) {
  set_number(L, "live", st->live);
  set_number(L, "ready", st->ready);
  set_number(L, "waiting", st->waiting);
  set_number(L, "spawned", st->spawned);
  set_number(L, "ended", st->ended);
  set_number(L, "coroutines", st->coroutines);
  set_number(L, "pooled", st->idle);
  set_number(L, "timers", st->timers);
  set_number(L, "operations", st->operations);
  set_number(L, "jobs", st->jobs);
}

/* [-0, +1, m] */
static int push_stats(lua_State *L, const struct art_lua_runtime *rt) {
  struct stats st = {.driver_from = rt->driver_from, .seed = (lua_Integer)rt->seed};
  gather_tasks(&st, rt);
  gather_core(&st, rt->core);
  lua_createtable(L, 0, 16);
  set_text(L, "driver", st.driver);
  set_text(L, "driver_from", st.driver_from);
  set_text(L, "clock", st.clock);
  if (st.seeded) set_number(L, "seed", st.seed);
  set_counts(L, &st);
  lua_createtable(L, 0, 4);
  set_number(L, "woken", st.woken);
  set_number(L, "ready", st.queued);
  set_number(L, "hogs", st.hogs);
  set_number(L, "deferred", st.deferred);
  lua_setfield(L, -2, "queues");
  lua_createtable(L, 0, st.kinds);
  for (int i = 0; i < st.kinds; i++) set_number(L, st.waiters[i].what, st.waiters[i].n);
  lua_setfield(L, -2, "waiters");
  return 1;
}

/* rt:stats() */
static int runtime_stats(lua_State *L) {
  const struct art_lua_runtime *rt = art_to_runtime(L, 1, "stats");
  if (rt->core == NULL) return luaL_error(L, "'stats' on a closed runtime");
  return push_stats(L, rt);
}

/* async.stats(): of the runtime that runs */
static int stats(lua_State *L) {
  const struct art_lua_runtime *rt = art_lua_of(L)->active;
  if (rt == NULL) return luaL_error(L, "'stats' called while no runtime runs: use rt:stats()");
  return push_stats(L, rt);
}

const luaL_Reg art_stats_functions[] = {{"stats", stats}, {NULL, NULL}};
const luaL_Reg art_stats_methods[] = {{"stats", runtime_stats}, {NULL, NULL}};
