/* The limits: what stock Lua's coroutines and a plain C heap cost with no runtime around them. A module, so
** that they run inside the stock interpreter as asyncrt does. One heap a process: finding it costs nothing. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

extern char **environ;

/* Clocks: the same ones for every program. */

static uint64_t read_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double seconds_since(uint64_t start_ns) {
  return (double)(read_ns(CLOCK_MONOTONIC) - start_ns) * 1e-9;
}

static int wall_seconds(lua_State *L) {
  lua_pushnumber(L, (double)read_ns(CLOCK_MONOTONIC) * 1e-9);
  return 1;
}

static int cpu_seconds(lua_State *L) {
  lua_pushnumber(L, (double)read_ns(CLOCK_PROCESS_CPUTIME_ID) * 1e-9);
  return 1;
}

/* Allocates nothing, so that it does not disturb what it measures. */
static int rss_bytes(lua_State *L) {
  char text[128] = "";
  long total_pages, resident_pages;
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (n <= 0 || sscanf(text, "%ld %ld", &total_pages, &resident_pages) != 2)
    return luaL_error(L, "cannot read /proc/self/statm");
  lua_pushinteger(L, (lua_Integer)resident_pages * sysconf(_SC_PAGESIZE));
  return 1;
}

/* start_seconds(program, ...): from the start of a process to its end. */
static int start_seconds(lua_State *L) {
  char *argv[8];
  int argc = lua_gettop(L), status = 0;
  pid_t pid;
  luaL_argcheck(L, argc < 8, 8, "too many words");
  for (int i = 0; i < argc; i++) argv[i] = (char *)luaL_checkstring(L, i + 1);
  argv[argc] = NULL;
  uint64_t start = read_ns(CLOCK_MONOTONIC);
  int err = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
  if (err != 0) return luaL_error(L, "%s: %s", argv[0], strerror(err));
  bool ended = waitpid(pid, &status, 0) == pid;
  lua_pushnumber(L, seconds_since(start));
  if (!ended || status != 0) return luaL_error(L, "%s failed (status %d)", argv[0], status);
  return 1;
}

/* Coroutines: a C loop around lua_resume of Lua functions. */

static int yield(lua_State *L) {
  return lua_yield(L, 0);
}

/* Polls a task once; is it still alive? Inline, as one more C frame under lua_resume costs 9 ns: a yield is a
** longjmp, after which (we think) the processor mispredicts the returns. */
static inline bool resume(lua_State *L, lua_State *co, int nargs) {
  int nresults;
  int status = lua_resume(co, L, nargs, &nresults);
  if (status != LUA_OK && status != LUA_YIELD)
    luaL_error(L, "task failed: %s", lua_tostring(co, -1));
  if (nresults > 0) lua_pop(co, nresults);
  return status == LUA_YIELD;
}

/* [-0, +1, m] A thread, not yet started, with the function at 'fn' on its stack. */
static lua_State *push_thread(lua_State *L, int fn) {
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, fn);
  lua_xmove(L, co, 1);
  return co;
}

/* ring(fn, ntasks, arg): runs fn(arg) in so many tasks, first in first out, until all have ended. */
static int ring(lua_State *L) {
  int ntasks = (int)luaL_checkinteger(L, 2), head = 0, tail = 0, fresh = ntasks;
  lua_Integer arg = luaL_checkinteger(L, 3);
  lua_State **queue = lua_newuserdatauv(L, (size_t)ntasks * sizeof *queue, 0);
  luaL_checkstack(L, ntasks + 8, "ring");
  for (int i = 0; i < ntasks; i++) {
    queue[i] = push_thread(L, 1);
    lua_pushinteger(queue[i], arg);
  }
  uint64_t start = read_ns(CLOCK_MONOTONIC);
  for (int alive = ntasks; alive > 0;) {
    lua_State *co = queue[head];
    int nargs = fresh > 0; /* first poll? */
    fresh -= nargs;
    if (++head == ntasks) head = 0;
    if (resume(L, co, nargs)) {
      queue[tail] = co;
      if (++tail == ntasks) tail = 0;
    } else {
      alive--;
    }
  }
  lua_pushnumber(L, seconds_since(start));
  return 1;
}

/* spawn(fn, batch, n): n times a new thread, run to its end; a batch is made before it is run. */
static int spawn(lua_State *L) {
  int batch = (int)luaL_checkinteger(L, 2), base = lua_gettop(L);
  lua_Integer n = luaL_checkinteger(L, 3), sum = 0;
  luaL_argcheck(L, batch > 0 && n % batch == 0, 3, "not a multiple of the batch");
  luaL_checkstack(L, batch + 8, "batch");
  uint64_t start = read_ns(CLOCK_MONOTONIC);
  for (lua_Integer done = 0; done < n; done += batch) {
    for (int i = 0; i < batch; i++) push_thread(L, 1);
    for (int i = 1; i <= batch; i++) {
      lua_State *co = lua_tothread(L, base + i);
      int nresults;
      if (lua_resume(co, L, 0, &nresults) != LUA_OK) return luaL_error(L, "task did not end");
      if (nresults > 0) sum += lua_tointeger(co, -1);
    }
    lua_settop(L, base);
  }
  lua_pushnumber(L, seconds_since(start));
  lua_pushinteger(L, sum);
  return 2;
}

/* park(fn, n, list): n threads, each run into its first yield, kept in the list. */
static int park(lua_State *L) {
  for (lua_Integer i = 1, n = luaL_checkinteger(L, 2); i <= n; i++) {
    if (!resume(L, push_thread(L, 1), 0)) return luaL_error(L, "task did not park");
    lua_rawseti(L, 3, i);
  }
  return 0;
}

/* Timers: a heap of width 4 with the deadlines inside it; each timer knows its place. */

enum { WIDTH = 4 };

struct timer {
  size_t place;
  union {
    lua_State *sleeper;
    struct timer *next_free;
  } u;
};

struct entry {
  uint64_t due_ns;
  struct timer *timer;
};

static struct {
  struct entry *entries;
  size_t count, room;
  struct timer *unused;
  uint64_t now_ns; /* read once a turn */
} heap;

static void put(size_t i, struct entry e) {
  heap.entries[i] = e;
  e.timer->place = i;
}

static void rise(size_t i, struct entry e) {
  while (i > 0) {
    size_t parent = (i - 1) / WIDTH;
    if (heap.entries[parent].due_ns <= e.due_ns) break;
    put(i, heap.entries[parent]);
    i = parent;
  }
  put(i, e);
}

static void sink(size_t i, struct entry e) {
  for (size_t first; (first = i * WIDTH + 1) < heap.count;) {
    size_t least = first, end = first + WIDTH < heap.count ? first + WIDTH : heap.count;
    for (size_t k = first + 1; k < end; k++)
      if (heap.entries[k].due_ns < heap.entries[least].due_ns) least = k;
    if (heap.entries[least].due_ns >= e.due_ns) break;
    put(i, heap.entries[least]);
    i = least;
  }
  put(i, e);
}

static void make_room(lua_State *L) {
  size_t room = heap.room > 0 ? heap.room * 2 : 1024;
  struct entry *entries = realloc(heap.entries, room * sizeof *entries);
  if (entries == NULL) luaL_error(L, "not enough memory");
  heap.entries = entries;
  heap.room = room;
}

static struct timer *arm(lua_State *L, uint64_t due_ns) {
  if (heap.count == heap.room) make_room(L);
  struct timer *t = heap.unused;
  if (t != NULL)
    heap.unused = t->u.next_free;
  else if ((t = malloc(sizeof *t)) == NULL)
    luaL_error(L, "not enough memory");
  rise(heap.count++, (struct entry){due_ns, t});
  return t;
}

static void disarm(struct timer *t) {
  size_t i = t->place;
  struct entry last = heap.entries[--heap.count];
  if (last.timer != t) {
    if (i > 0 && heap.entries[(i - 1) / WIDTH].due_ns > last.due_ns)
      rise(i, last);
    else
      sink(i, last);
  }
  t->u.next_free = heap.unused;
  heap.unused = t;
}

static uint64_t due_after(double seconds) {
  return heap.now_ns + (uint64_t)(seconds * 1e9);
}

static int sleep_task(lua_State *L) {
  arm(L, due_after(lua_tonumber(L, 1)))->u.sleeper = L;
  return lua_yield(L, 0);
}

static void run_sleepers(lua_State *L) {
  while (heap.count > 0) {
    heap.now_ns = read_ns(CLOCK_MONOTONIC);
    while (heap.count > 0 && heap.entries[0].due_ns <= heap.now_ns) {
      lua_State *co = heap.entries[0].timer->u.sleeper;
      disarm(heap.entries[0].timer);
      resume(L, co, 0);
    }
    if (heap.count == 0) break;
    uint64_t wait_ns = heap.entries[0].due_ns - heap.now_ns;
    poll(NULL, 0, (int)((wait_ns + 999999) / 1000000));
  }
}

/* sleepers(fn, n): n tasks that each sleep, until all have ended. */
static int sleepers(lua_State *L) {
  lua_newtable(L);
  for (lua_Integer i = 1, n = luaL_checkinteger(L, 2); i <= n; i++) {
    if (i % 1024 == 1) heap.now_ns = read_ns(CLOCK_MONOTONIC);
    if (!resume(L, push_thread(L, 1), 0)) return luaL_error(L, "task did not sleep");
    lua_rawseti(L, -2, i);
  }
  run_sleepers(L);
  return 0;
}

/* frame(n): the n sleepers that are due first, in a time of the heap's own. */
static int frame(lua_State *L) {
  for (lua_Integer n = luaL_checkinteger(L, 1); n > 0 && heap.count > 0; n--) {
    lua_State *co = heap.entries[0].timer->u.sleeper;
    heap.now_ns = heap.entries[0].due_ns;
    disarm(heap.entries[0].timer);
    resume(L, co, 0);
  }
  return 0;
}

static int start_timer(lua_State *L) {
  lua_pushlightuserdata(L, arm(L, due_after(luaL_checknumber(L, 1))));
  return 1;
}

static int cancel_timer(lua_State *L) {
  disarm(lua_touserdata(L, 1));
  return 0;
}

static const luaL_Reg functions[] = {
    {"now", wall_seconds},  {"cpu", cpu_seconds},
    {"rss", rss_bytes},     {"start_seconds", start_seconds},
    {"yield", yield},       {"ring", ring},
    {"spawn", spawn},       {"park", park},
    {"sleep", sleep_task},  {"sleepers", sleepers},
    {"start", start_timer}, {"cancel", cancel_timer},
    {"frame", frame},       {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_limits(lua_State *L);

int luaopen_limits(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
