-- Refuses a Lua that cannot do what all the rest is built on: suspend in a handler of <close>. Earlier ones than 5.4 do
-- not know <close> at all, so it comes as text.
local loaded, suspend_in_close = pcall(load, "local _ <close> = setmetatable({}, { __close = coroutine.yield })")

if not (loaded and suspend_in_close and pcall(coroutine.wrap(suspend_in_close))) then
  error("asyncrt needs Lua 5.4.3 or later: this one (" .. _VERSION .. ") cannot suspend in __close", 0)
end
