/* binding [file of a scenario [mode k]]
** Fails every allocation of every scenario in spec/sweep/scenarios, Lua's and the core's alike. A scenario is a chunk
** that gets the module and the helpers below and returns true when it has done and checked all its work. A run in
** which something was refused must say "not enough memory", exactly that, wherever errors go: as its own error, to
** on_error, to an awaiter. Or it did all its work without. Then the state is closed, and nothing may be left. Before
** that, each runs once with a collector that never rests. */
#include <glob.h>
#include <sys/mman.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "asyncrt_lua.h"
#include "c_tasks.h"

#define NO_MEMORY "not enough memory"
#define MAX_BINARIES 64

/* What a run showed. */
static struct {
  bool told;     /* of the lack of memory, somewhere */
  bool prints;   /* on purpose */
  int stderr_fd; /* what the library printed is here */
} seen;

static void *lua_resize(void *ud, void *block, size_t old_size, size_t new_size) {
  (void)ud;
  return resize(block, old_size, new_size, true);
}

/* --- what scenarios see ------------------------------------------------------------------------------------- */

static bool is_no_memory(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TSTRING && strcmp(lua_tostring(L, index), NO_MEMORY) == 0;
}

/* The error itself, or one that it suppressed. Allocates nothing that is not there: the name is interned. */
static bool tells_no_memory(lua_State *L, int index) {
  bool told = is_no_memory(L, index);
  if (told || !lua_istable(L, index)) return told;
  lua_pushliteral(L, "suppressed");
  lua_rawget(L, index < 0 ? index - 1 : index);
  if (lua_istable(L, -1))
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i > 0 && !told; i--) {
      lua_rawgeti(L, -1, i);
      told = is_no_memory(L, -1);
      lua_pop(L, 1);
    }
  lua_pop(L, 1);
  return told;
}

/* note(err): for on_error. Allocates nothing. */
static int note(lua_State *L) {
  if (tells_no_memory(L, 1)) seen.told = true;
  return 0;
}

/* expect(err, wanted): err is what the scenario provoked; a lack of memory that came instead is raised. */
static int expect(lua_State *L) {
  lua_settop(L, 2);
  if (lua_compare(L, 1, 2, LUA_OPEQ)) return 0;
  if (tells_no_memory(L, 1)) {
    lua_pushliteral(L, NO_MEMORY);
    return lua_error(L);
  }
  return luaL_error(L, "expected %s, got %s", luaL_tolstring(L, 2, NULL),
                    luaL_tolstring(L, 1, NULL));
}

/* expect_kind(err, kind): the same for asyncrt's own errors. */
static int expect_kind(lua_State *L) {
  lua_settop(L, 2);
  if (tells_no_memory(L, 1)) seen.told = true;
  if (lua_istable(L, 1)) {
    lua_getfield(L, 1, "kind");
    lua_replace(L, 1);
  }
  return expect(L);
}

/* expect_text(text, part): the same for a text that holds the part. */
static int expect_text(lua_State *L) {
  const char *text = luaL_optstring(L, 1, ""), *part = luaL_checkstring(L, 2);
  if (strstr(text, part) != NULL) return 0;
  lua_pushstring(L, strstr(text, NO_MEMORY) != NULL ? NO_MEMORY : text);
  return lua_error(L);
}

/* What the library printed in this run. */
static const char *printed(void) {
  static char text[4096];
  ssize_t n = pread(seen.stderr_fd, text, sizeof text - 1, 0);
  text[n < 0 ? 0 : n] = '\0';
  return text;
}

/* expect_printed(part): the library has printed it. */
static int expect_printed(lua_State *L) {
  seen.prints = true;
  lua_settop(L, 1);
  lua_pushstring(L, printed());
  lua_insert(L, 1);
  return expect_text(L);
}

/* numbers(n): 1, ..., n. In place of table.unpack, which takes a lack of memory for too many results. */
static int numbers(lua_State *L) {
  int n = (int)luaL_checkinteger(L, 1);
  if (!lua_checkstack(L, n)) {
    lua_pushliteral(L, NO_MEMORY);
    return lua_error(L);
  }
  for (int i = 1; i <= n; i++) lua_pushinteger(L, i);
  return n;
}

/* --- the state ---------------------------------------------------------------------------------------------- */

static int panic(lua_State *L) {
  dprintf(sweep.console, "panic (%s): ", lua_tostring(L, -1));
  say_which();
  _exit(3);
}

static void warn(void *ud, const char *message, int to_be_continued) {
  (void)ud, (void)to_be_continued;
  if (strstr(message, NO_MEMORY) != NULL) seen.told = true;
}

/* Modules of the Lua layer in binary form, which is not ours to sweep and takes its time. */
static struct binary {
  char name[64], *bytes;
  size_t size;
} binaries[MAX_BINARIES];

static int append(lua_State *L, const void *bytes, size_t size, void *ud) {
  struct binary *b = ud;
  (void)L;
  b->bytes = realloc(b->bytes, b->size + size);
  memcpy(b->bytes + b->size, bytes, size);
  b->size += size;
  return 0;
}

static void translate(struct binary *b, const char *name) {
  lua_State *L = luaL_newstate();
  lua_atpanic(L, panic);
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchpath");
  lua_pushstring(L, name);
  lua_getfield(L, -3, "path");
  lua_call(L, 2, 1);
  if (luaL_loadfile(L, luaL_checkstring(L, -1)) != LUA_OK) lua_error(L);
  lua_dump(L, append, b, 0);
  lua_close(L);
  snprintf(b->name, sizeof b->name, "%s", name);
}

/* In place of the searcher for files; its errors carry no prefix. */
static int search(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  struct binary *b = binaries;
  while (b->bytes != NULL && strcmp(b->name, name) != 0) b++;
  if (b->bytes == NULL) translate(b, name);
  if (luaL_loadbuffer(L, b->bytes, b->size, name) != LUA_OK) return lua_error(L);
  return 1;
}

static void set_up(lua_State *L) {
  if (art_lua_set_defaults(L, NULL) != -ENOENT) luaL_error(L, "defaults without a module");
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_pushcfunction(L, search);
  lua_rawseti(L, -2, 2);
  lua_getfield(L, -2, "preload");
  lua_pushcfunction(L, luaopen_asyncrt_core);
  lua_setfield(L, -2, "asyncrt.core");
  lua_settop(L, 0);
}

/* [-0, +1, m] */
static void require_asyncrt(lua_State *L) {
  static const struct art_config config = {.allocator = {.resize = core_resize}};
  lua_getglobal(L, "require");
  lua_pushliteral(L, "asyncrt");
  lua_call(L, 1, 1);
  art_lua_set_defaults(L, &config);
}

static void push_helpers(lua_State *L) {
  static const luaL_Reg helpers[] = {{"note", note},
                                     {"expect", expect},
                                     {"expect_kind", expect_kind},
                                     {"expect_text", expect_text},
                                     {"expect_printed", expect_printed},
                                     {"numbers", numbers},
                                     {NULL, NULL}};
  luaL_newlib(L, helpers);
  lua_pushfstring(L, "/tmp/asyncrt-sweep-%d", (int)getpid());
  lua_setfield(L, -2, "path");
  lua_pushliteral(L, "suppressed"); /* kept alive: see tells_no_memory */
  lua_setfield(L, -2, "suppressed");
}

/* Protected. File -> chunk, module, helpers: nothing is refused yet. */
static int prepare(lua_State *L) {
  const char *file = lua_touserdata(L, 1);
  set_up(L);
  if (luaL_loadfile(L, file) != LUA_OK) return lua_error(L);
  require_asyncrt(L);
  push_helpers(L);
  return 3;
}

/* Protected: the scenario without a file. */
static int load_module(lua_State *L) {
  require_asyncrt(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "asyncrt.core");
  lua_call(L, 1, 1);
  lua_pushboolean(L, 1);
  return 1;
}

/* Protected. */
static int prepare_load(lua_State *L) {
  set_up(L);
  lua_pushcfunction(L, load_module);
  lua_pushnil(L);
  lua_pushnil(L);
  return 3;
}

static lua_State *new_state(const char *file) {
  lua_State *L = lua_newstate(lua_resize, NULL);
  lua_atpanic(L, panic);
  lua_setwarnf(L, warn, NULL);
  lua_pushcfunction(L, file == NULL ? prepare_load : prepare);
  lua_pushlightuserdata(L, (void *)(uintptr_t)file);
  if (lua_pcall(L, 1, 3, 0) == LUA_OK) return L;
  panic(L);
  return NULL;
}

/* --- a run -------------------------------------------------------------------------------------------------- */

static bool judge_stderr(void) {
  const char *text = printed();
  if (strstr(text, NO_MEMORY) != NULL) seen.told = true;
  return seen.told || seen.prints || *text == '\0' || complain("printed: %s", text);
}

/* Result or error is on top. */
static bool judge(lua_State *L, int status) {
  bool raised = status != LUA_OK;
  if (!judge_stderr()) return false;
  if (raised && tells_no_memory(L, -1)) seen.told = true;
  bool fine = raised ? seen.told : seen.told || lua_toboolean(L, -1);
  if (!fine && raised) return complain("raised: %s", luaL_tolstring(L, -1, NULL));
  if (!fine) return complain("%s", "ended without an error and without all its work done");
  if (seen.told && sweep.refusals == 0) return complain("%s", "no lack of memory, but told of one");
  return true;
}

static bool run(void *file, enum mode mode, long k) {
  begin_run(mode, k);
  seen.told = seen.prints = false;
  if (ftruncate(seen.stderr_fd, 0) < 0 || lseek(seen.stderr_fd, 0, SEEK_SET) < 0) return false;
  unsigned long long fds = open_fds();
  lua_State *L = new_state(file);
  sweep.armed = true;
  if (mode == RESTLESS) lua_gc(L, LUA_GCINC, 1, 1000, 1);
  int status = lua_pcall(L, 2, 1, 0);
  sweep.armed = false;
  bool fine = judge(L, status);
  sweep.armed = mode == FOR_EVER;
  lua_close(L);
  sweep.armed = false;
  return books_balance(fds) && fine;
}

static void sweep_c(void) {
  sweep.scenario = "tasks in C";
  long n = sweep_mode(ONCE, sweep_c_task, NULL);
  sweep_mode(FOR_EVER, sweep_c_task, NULL);
  printf("note: tasks in C: %ld allocations swept\n", n);
}

static void sweep_scenario(const char *name, char *file, char **one) {
  long swept = 0;
  sweep.scenario = name;
  if (one != NULL) {
    run(file, (enum mode)atoi(one[0]), atol(one[1])) ? sweep.passed++ : sweep.failed++;
    return;
  }
  for (int mode = RESTLESS; mode <= FOR_EVER; mode++) {
    long n = sweep_mode((enum mode)mode, run, file);
    if (mode == ONCE) swept = n;
  }
  printf("note: %s: %ld allocations swept\n", name, swept);
}

static void capture_stderr(void) {
  sweep.console = fcntl(2, F_DUPFD_CLOEXEC, MAX_FDS);
  seen.stderr_fd = memfd_create("stderr", MFD_CLOEXEC);
  dup2(seen.stderr_fd, 2);
  __sanitizer_set_report_fd((void *)(intptr_t)sweep.console);
}

/* Sites that no scenario can reach, each with its reason. */
static const char *const excused[] = {NULL};

static void sweep_file(char *file, char **one) {
  char name[64], *slash = strrchr(file, '/');
  snprintf(name, sizeof name, "%.*s", (int)strcspn(slash + 1, "."), slash + 1);
  sweep_scenario(name, file, one);
}

static void sweep_all(void) {
  glob_t files;
  sweep_c();
  sweep_scenario("module load", NULL, NULL);
  if (glob("spec/sweep/scenarios/*.lua", 0, NULL, &files) != 0) sweep.failed++;
  for (size_t i = 0; i < files.gl_pathc; i++) sweep_file(files.gl_pathv[i], NULL);
  globfree(&files);
  check_sites("csrc/*/*.c", excused);
}

int main(int argc, char **argv) {
  watch_over();
  capture_stderr();
  lua_close(new_state("/dev/null")); /* the translations are no part of a run */
  if (argc == 1)
    sweep_all();
  else
    sweep_file(argv[1], argc > 3 ? argv + 2 : NULL);
  for (struct binary *b = binaries; b->bytes != NULL; b++) free(b->bytes);
  return finish();
}
