-- The limits: Lua task bodies under a C loop, with no runtime (see limits.c).
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local measure = require "measure"
local limits = require "limits"
local channels = require "channels"

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
  report("slice", 1) -- a switch without
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

-- Runs the functions as tasks of the C run queue; for each of n operations.
local function tasks(n, ...)
  for _, fn in ipairs { ... } do channels.spawn(fn) end
  return measure.ns(n, channels.loop)
end

function work.talk(report, size)
  local n, send, recv, step = size(1000000), channels.send, channels.recv, channels.yield
  local a, b, c, d = channels.channel(1), channels.channel(1), channels.channel(64), channels.channel(1)
  report("pingpong", tasks(2 * n, function()
    for i = 1, n do
      send(a, i)
      recv(b)
    end
  end, function()
    for _ = 1, n do send(b, (recv(a))) end
  end))
  local function produce() for i = 1, n do send(c, i) end end
  report("producers", tasks(4 * n, produce, produce, produce, produce, function()
    for _ = 1, 4 * n do recv(c) end
  end))
  local one_channel = tasks(n, function()
    for i = 1, n do send(d, i) end
  end, function()
    for _ = 1, n do recv(d) end
  end)
  report("select2", one_channel)
  report("select16", one_channel)
  local function two_switches()
    for _ = 1, n do
      step()
      step()
    end
  end
  report("handoff", tasks(2 * n, two_switches, two_switches))
end

function work.nested(report, size)
  local n = size(1000000)
  local function inner() for _ = 1, n do yield() end end
  local body = inner
  for _ = 1, 3 do
    local below = body
    body = function() channels.relay(coroutine.create(below)) end
  end
  report("nested", limits.ring(body, 1, 0) / n * 1e9)
end

function work.frame(report, size)
  local n = size(10000)
  local function wait() while true do limits.sleep(random() * 2) end end
  local list = {}
  limits.park(wait, 10000, list)
  report("frame", measure.ns(n, function()
    for _ = 1, n do limits.frame(100) end
  end))
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
