/* Several threads, each with a Lua state and a runtime of its own whose hogs are pre-empted: every ticker interrupts its
** own thread. Run under ASan and TSan; TSan lets signals in at calls only, so the hogs allocate. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "asyncrt_lua.h"

enum { THREADS = 4 };

static const char program[] =
    "local core = require 'asyncrt.core'\n"
    "for _ = 1, 3 do\n"
    "  local rt = core.runtime { slice = 0.0005, on_error = function() end }\n"
    "  local counts, all = {}, 0\n"
    "  rt:run(function()\n"
    "    local scope = core.scope()\n"
    "    for i = 1, 3 do\n"
    "      scope:spawn(function()\n"
    "        while true do\n"
    "          if not counts[i] then all = all + 1 end\n"
    "          counts[i] = { #tostring(counts) }\n"
    "        end\n"
    "      end)\n"
    "    end\n"
    "    while all < 3 do core.yield() end\n"
    "    scope:cancel()\n"
    "    scope:close()\n"
    "  end)\n"
    "  rt:spawn(function() while true do pcall(function() while true do local _ = {} end end) end "
    "end)\n"
    "  rt:tick(0)\n"
    "  rt:close(0)\n"
    "end\n";

static void *run(void *failed) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  luaL_requiref(L, "asyncrt.core", luaopen_asyncrt_core, 0);
  *(bool *)failed = luaL_dostring(L, program) != LUA_OK;
  if (*(bool *)failed) printf("%s\n", lua_tostring(L, -1));
  lua_close(L);
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  bool failed[THREADS];
  int failures = 0;
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, run, &failed[i]);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    failures += failed[i];
  }
  printf("%d passed, %d failed\n", THREADS - failures, failures);
  return failures > 0;
}
