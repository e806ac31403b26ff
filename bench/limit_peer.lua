-- The limits: Lua task bodies under a C loop, with no runtime (see limits.c).
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local measure = require "measure"
local limits = require "limits"

local yield, random = limits.yield, math.random
local work = {}

local function yields(times)
  local step = yield
  for _ = 1, times do step() end
end

function work.switch(report)
  local n = 2000000
  report("switch1", limits.ring(yields, 1, n) / n * 1e9)
  collectgarbage()
  report("switch1000", limits.ring(yields, 1000, n // 1000) / n * 1e9)
end

local function nothing() end
local function one() return 1 end

-- What collecting the dead threads costs hangs by 25 % on how full the heap happens to be: the mean of ten heaps.
function work.spawn(report, size)
  local n = size(1000000)
  local function threads(fn, batch)
    local seconds, live = 0, {}
    for _ = 1, 10 do
      for _ = 1, 200 do live = { live } end
      collectgarbage()
      seconds = seconds + limits.spawn(fn, batch, n // 10)
    end
    return seconds / n * 1e9
  end
  report("spawn1", threads(nothing, 1))
  report("spawn1000", threads(nothing, 1000))
  report("await", threads(one, 1))
end

function work.sleepers(report, size)
  local n, sleep = size(1000000), limits.sleep
  local function nap() sleep(random()) end
  report("sleepers", measure.cpu_ns(n, function() limits.sleepers(nap, n) end))
end

function work.timeout(report, size)
  local n, start, cancel = size(1000000), limits.start, limits.cancel
  local midst = 1800 -- where a heap is quickest: ahead of all the others it takes 1.8 times as long
  for _ = 1, 10000 do start(20 + random(3600)) end
  report("timeout", measure.ns(n, function()
    local begin, stop = start, cancel
    for _ = 1, n do stop(begin(midst)) end
  end))
  local function guarded_yields(times)
    local step = yield
    for _ = 1, times do
      local timer = start(midst)
      step()
      cancel(timer)
    end
  end
  report("timeout_yield", limits.ring(guarded_yields, 1, n) / n * 1e9)
end

function work.memory(report, size)
  local n = size(100000)
  local function wait() yield() end
  report("memory", (measure.rss(n, function()
    local list = {}
    limits.park(wait, n, list)
    return list
  end)))
end

function work.startup(report, size)
  report("startup", measure.start_ms(size(30000) // 1000, ""))
end

measure.main(work)
