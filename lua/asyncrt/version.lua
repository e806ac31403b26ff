-- Refuses a Lua that cannot do what all the rest is built on: suspend in a handler of <close>. Earlier ones than 5.4 do
-- not know <close> at all, so it comes as text.
local function try()
  local probe, why = load("local _ <close> = setmetatable({}, { __close = coroutine.yield })")
  if not probe then return false, why end
  return coroutine.resume(coroutine.create(probe))
end

local ran, suspends, why = pcall(try)
if suspends == "not enough memory" or why == "not enough memory" then error("not enough memory", 0) end
if not (ran and suspends) then
  error("asyncrt needs Lua 5.4.3 or later: this one (" .. _VERSION .. ") cannot suspend in __close", 0)
end
