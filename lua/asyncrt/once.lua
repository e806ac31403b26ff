-- Once: what is done when it is first needed, by whoever needs it first.
local core = require "asyncrt.core"
local args = require "asyncrt.args"

--- A function that calls `fn(...)` the first time and gives that call's values every time. Who comes while it runs
-- waits. If it fails or is cancelled, that is the caller's alone, and the next one who waits or comes runs it again.
-- Does not suspend; the function does.
-- @tparam function fn may suspend
-- @treturn function
-- @raise misuse; the function: cancelled, deadlock where fn calls it, and what fn raises
local function once(...)
  args.callable("once", 1, ...)
  local fn, mutex, values = (...), core.mutex(), nil
  return function(...)
    local at_once = args.checkpoint("once")
    if not values then
      local _ <close> = mutex:lock()
      if not values then values = table.pack(fn(...)) end
    elseif not at_once then
      core.give_way()
    end
    return table.unpack(values, 1, values.n)
  end
end

return { once = once }
