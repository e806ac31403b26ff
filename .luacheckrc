std = "lua54"
max_line_length = 120
max_cyclomatic_complexity = 15
unused_args = false -- callbacks name what they are given
files["spec/**/*_spec.lua"] = { std = "+busted" }
files["spec/luaunit/*.lua"] = { allow_defined_top = true, ignore = { "131" } } -- LuaUnit collects global Test… tables
files["**/*.rockspec"] = { std = "rockspec" }
files["lua/asyncrt/meta*.lua"] = { ignore = { "241" } } -- stubs: methods of types that nothing uses
