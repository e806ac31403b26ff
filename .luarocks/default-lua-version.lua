-- With lua_modules beside it this makes the tree a LuaRocks project, so that `luarocks make` takes Lua 5.4 although
-- Debian's luarocks prefers 5.1 where that is installed too (luacheck brings it).
return "5.4"
