-- Intervals: ticks on a fixed grid. Tick n is due n periods after the start, so lateness does not add up; ticks that
-- nobody was there for are counted, not made up for.
local core = require "asyncrt.core"
local args = require "asyncrt.args"

local Interval = { __name = "asyncrt.interval" }
local methods = {}
Interval.__index = methods

local NANOSECOND = 1e-9 -- nothing is finer

--- A clock that ticks every `period` seconds. Its first tick is one period after its creation; one made where no
-- runtime runs starts at its first wait. It ticks on the clock of that runtime.
-- `for n, late in async.interval(0.5) do ... end` runs for each tick; leave it with break or by a cancel.
-- Does not suspend.
-- @tparam number period seconds, at least a nanosecond; math.huge never ticks
-- @return interval
-- @raise misuse
local function interval(...)
  args.seconds("interval", 1, ...)
  local period = ...
  args.check(period >= NANOSECOND, "interval", 1, "period must be at least a nanosecond")
  return setmetatable({ period = period, start = core.clock(), last = 0 }, Interval)
end

-- The last tick that is due, once 'tick' is. A quotient may fall just short of a tick that is due right now.
local function last_due(self, tick)
  local now_s = core.now()
  local n = (now_s - self.start) // self.period
  if self.start + (n + 1) * self.period - now_s < NANOSECOND / 2 then n = n + 1 end
  return n > tick and math.tointeger(n) or tick
end

local function wait(self)
  self.start = self.start or core.now()
  local tick
  repeat -- a tick is one waiter's: another one may have taken it meanwhile
    tick = self.last + 1
    core.sleep_until(self.start + tick * self.period)
  until self.last < tick
  local before = self.last
  self.last = last_due(self, tick)
  return self.last, self.last - before - 1
end

--- Suspends until the next tick that has not been waited for; only lets others run if it is due already. A cancelled
-- wait takes no tick.
-- @treturn integer the tick's number, from 1 on
-- @treturn integer how many ticks before it were skipped because nobody waited
-- @raise misuse, cancelled
function methods.wait(...)
  args.object(Interval, "wait", 1, ...)
  args.checkpoint("wait")
  return wait((...))
end

function Interval.__call(...)
  args.object(Interval, "interval", 1, ...)
  args.checkpoint("interval")
  return wait((...))
end

function Interval.__tostring(...)
  args.object(Interval, "tostring", 1, ...)
  local self = ...
  return ("interval of %g s (tick %d)"):format(self.period, self.last)
end

return { interval = interval }
