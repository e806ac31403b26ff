/* Forks while there are hogs and a slice. A child has no ticks and no business with its parent's runtimes, but may have
** runtimes of its own; the parent goes on. Under ASan. */
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "asyncrt_lua.h"

enum { LIMIT_SECONDS = 20, AS_IT_SHOULD = 42 };

static int fork_here(lua_State *L) {
  pid_t pid = fork();
  if (pid == 0) alarm(LIMIT_SECONDS); /* the parent's is not inherited */
  lua_pushinteger(L, pid);
  return 1;
}

static int leave(lua_State *L) {
  (void)L;
  _exit(AS_IT_SHOULD);
}

/* wait_for(pid) -> did it leave as it should? */
static int wait_for(lua_State *L) {
  int status;
  bool ended = waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0) > 0;
  lua_pushboolean(L, ended && WIFEXITED(status) && WEXITSTATUS(status) == AS_IT_SHOULD);
  return 1;
}

static const char prelude[] =
    "core = require 'asyncrt.core'\n"
    "function busy() while true do end end\n"
    "function new() return core.runtime { slice = 0.001, on_error = function() end } end\n"
    "function child()\n" /* its own runtime pre-empts */
    "  local rt, stop = new()\n"
    "  rt:run(function()\n"
    "    core.spawn(function() while not stop do end end)\n"
    "    core.spawn(function() stop = true end)\n"
    "  end)\n"
    "  rt:close()\n"
    "  leave()\n"
    "end\n";

static const struct {
  const char *name, *code;
} cases[] = {
    {"between two ticks; the child closes what it has inherited",
     "local rt = new()\n"
     "for _ = 1, 2 do rt:spawn(busy) end\n"
     "rt:tick(0)\n"
     "local pid = fork()\n"
     "if pid == 0 then\n"
     "  for _, name in ipairs { 'tick', 'spawn', 'run', 'fileno' } do\n"
     "    local _, err = pcall(rt[name], rt, busy)\n"
     "    assert(name == 'tick' or err:find('forked', 1, true), err)\n"
     "  end\n"
     "  rt:close()\n"
     "  child()\n"
     "end\n"
     "assert(wait_for(pid))\n"
     "rt:close(0)\n"},
    {"in a tick; the child leaves it open", "local rt, pid = new()\n"
                                            "rt:spawn(function() pid = fork() end)\n"
                                            "pcall(rt.tick, rt, 0.004)\n"
                                            "if pid == 0 then child() end\n"
                                            "assert(wait_for(pid))\n"
                                            "rt:close(0)\n"},
    {"in a run", "local rt, pid = new()\n"
                 "local ok, err = pcall(rt.run, rt, function()\n"
                 "  pid = fork()\n"
                 "  core.yield()\n"
                 "end)\n"
                 "if pid == 0 then\n"
                 "  assert(not ok and err:find('forked', 1, true), err)\n"
                 "  child()\n"
                 "end\n"
                 "assert(ok, err)\n"
                 "assert(wait_for(pid))\n"
                 "rt:close(0)\n"},
    {"in a turn with others: they go on in the parent alone",
     "local rt, pid, others = new(), nil, 0\n"
     "rt:spawn(function() pid = fork() end)\n"
     "rt:spawn(function() others = 1 while pid == 0 do end end)\n"
     "rt:spawn(function() others = others + 1 end)\n"
     "pcall(rt.tick, rt)\n"
     "if pid == 0 then\n"
     "  assert(others == 0)\n"
     "  child()\n"
     "end\n"
     "assert(others == 2)\n"
     "assert(wait_for(pid))\n"
     "rt:close(0)\n"},
};

int main(void) {
  int failed = 0, n = sizeof cases / sizeof *cases;
  alarm(LIMIT_SECONDS);
  for (int i = 0; i < n; i++) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    luaL_requiref(L, "asyncrt.core", luaopen_asyncrt_core, 0);
    lua_register(L, "fork", fork_here);
    lua_register(L, "leave", leave);
    lua_register(L, "wait_for", wait_for);
    bool ok = luaL_dostring(L, prelude) == LUA_OK && luaL_dostring(L, cases[i].code) == LUA_OK;
    if (!ok) printf("FAILED: %s: %s\n", cases[i].name, lua_tostring(L, -1));
    failed += !ok;
    lua_close(L);
  }
  printf("%d passed, %d failed\n", n - failed, failed);
  return failed > 0;
}
