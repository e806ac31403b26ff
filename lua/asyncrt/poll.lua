-- The poll model for scripts: what a C future does, written as a Lua function.
local core = require "asyncrt.core"
local args = require "asyncrt.args"

-- With the values of the last poll.
local function until_ready(fn, waker, first, ...)
  if first ~= nil then return first, ... end
  core.park()
  return until_ready(fn, waker, fn(waker))
end

--- Calls `fn(waker)` now, and again after each wake of the waker, until its first result is not nil. The waker is the
-- calling task's own, see async.waker; a poll may come without a wake. Suspends between the polls; once in a while also
-- where the first poll is an answer.
-- @tparam function fn called in the calling task; may suspend; its errors pass through
-- @return all results of the last call
-- @raise misuse, cancelled
local function poll(...)
  args.callable("poll", 1, ...)
  if not args.checkpoint("poll") then core.give_way() end
  local fn, waker = (...), core.waker()
  return until_ready(fn, waker, fn(waker))
end

return { poll = poll }
