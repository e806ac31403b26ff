rockspec_format = "3.0"
package = "asyncrt"
version = "scm-1"
source = { url = "git+https://github.com/asyncrt/asyncrt.git" }
description = {
  summary = "An async runtime for Lua 5.4: tasks, scopes, timers and sockets on a C core",
  detailed = [[
Structured concurrency for plain Lua: tasks are coroutines that end with their scope, every wait can be cancelled
and timed out, and <close> handlers may await. The core is C and can be used without Lua. Linux.]],
  homepage = "https://github.com/asyncrt/asyncrt",
  license = "MIT",
}
supported_platforms = { "linux" }
-- LuaRocks knows Lua by its minor version only: 5.4.3, the oldest that works, is checked when the module loads.
dependencies = { "lua >= 5.4, < 5.6" }
build = {
  type = "make",
  build_target = "all",
  install_target = "install-module",
  variables = { -- the Makefile finds the sources itself
    BUILD = "build/rock",
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    INST_LIBDIR = "$(LIBDIR)",
    INST_LUADIR = "$(LUADIR)",
  },
}
