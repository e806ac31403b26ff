-- asyncrt through its public API alone.
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local measure = require "measure"
local limits = require "limits"
local async = measure.need "asyncrt"

local spawn, yield, sleep, random = async.spawn, async.yield, async.sleep, math.random
local work = {}

local function yields(times)
  local step = yield
  for _ = 1, times do step() end
end

function work.switch(report)
  local n = 2000000
  async.run(function()
    report("switch1", measure.ns(n, function() yields(n) end))
    collectgarbage()
    local start
    async.scope(function()
      for _ = 1, 1000 do spawn(yields, n // 1000) end
      start = limits.now()
    end)
    report("switch1000", (limits.now() - start) / n * 1e9)
  end)
  local off, on = async.runtime(), async.runtime { slice = 0.01 }
  local function cost(rt)
    local ns
    rt:run(function() ns = measure.ns(n // 10, function() yields(n // 10) end) end)
    return ns
  end
  local ratios = {} -- of neighbours in time: the machine's speed wanders by more than what is looked for
  for i = 1, 40, 2 do -- and either goes first
    local without, with = cost(off), cost(on)
    local with_again, without_again = cost(on), cost(off)
    ratios[i], ratios[i + 1] = with / without, with_again / without_again
  end
  report("slice", measure.median(ratios))
end

-- Runs the functions as tasks until all have ended; for each of n operations.
local function tasks(n, ...)
  local all = { ... }
  return measure.ns(n, function()
    async.run(function()
      for _, fn in ipairs(all) do spawn(fn) end
    end)
  end)
end

function work.talk(report, size)
  local n, channel = size(1000000), async.channel
  local a, b, c = channel(1), channel(1), channel(64)
  local send, recv, select = a.send, a.recv, async.select
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
  for _, k in ipairs { 2, 16 } do
    local all = {}
    for i = 1, k do all[i] = channel() end
    report("select" .. k, tasks(n, function()
      for i = 1, n do send(all[i % k + 1], i) end
    end, function()
      for _ = 1, n do select(all) end
    end))
  end
  local mutex = async.mutex()
  local lock, unlock = mutex.lock, mutex.unlock
  local function guarded_yields()
    for _ = 1, n do
      lock(mutex)
      yield()
      unlock(mutex)
    end
  end
  report("handoff", tasks(2 * n, guarded_yields, guarded_yields))
end

function work.nested(report, size)
  local n = size(1000000)
  local body = function() yields(n) end
  for _ = 1, 3 do body = coroutine.wrap(body) end
  report("nested", tasks(n, body))
end

function work.frame(report, size)
  local n = size(10000)
  local rt = async.runtime { clock = "manual" }
  for _ = 1, 10000 do rt:spawn(function() while true do sleep(random() * 2) end end) end
  rt:advance(3)
  report("frame", measure.ns(n, function()
    for _ = 1, n do rt:advance(0.01) end
  end))
end

local function nothing() end
local function one() return 1 end

-- The yield lets the children run: one turn of the parent is part of each batch.
function work.spawn(report, size)
  local n = size(1000000)
  async.run(function()
    report("spawn1", measure.ns(n, function()
      for _ = 1, n do
        spawn(nothing)
        yield()
      end
    end))
    report("spawn1000", measure.ns(n, function()
      for _ = 1, n // 1000 do
        for _ = 1, 1000 do spawn(nothing) end
        yield()
      end
    end))
    local sum = 0
    report("await", measure.ns(n, function()
      for _ = 1, n do sum = sum + spawn(one):await() end
    end))
    assert(sum == n, "lost results")
  end)
end

function work.sleepers(report, size)
  local n, ended = size(1000000), 0
  local function nap()
    sleep(random())
    ended = ended + 1
  end
  async.run(function()
    report("sleepers", measure.cpu_ns(n, function()
      async.scope(function()
        for _ = 1, n do spawn(nap) end
      end)
    end))
  end)
  assert(ended == n, "lost sleepers")
end

-- Leaves n tasks asleep for at least so many seconds.
local function lay_to_sleep(n, seconds, spread)
  local parked = 0
  local function lie()
    parked = parked + 1
    sleep(seconds + random(0, spread))
  end
  for _ = 1, n do spawn(lie) end
  while parked < n do yield() end
end

function work.timeout(report, size)
  local n, timeout = size(1000000), async.timeout
  async.run(function()
    async.scope(function(scope)
      lay_to_sleep(10000, 20, 3600)
      report("timeout", measure.ns(n, function()
        for _ = 1, n do timeout(10, nothing) end
      end))
      report("timeout_yield", measure.ns(n, function()
        for _ = 1, n do timeout(10, yield) end
      end))
      scope:cancel()
    end)
  end)
end

function work.memory(report, size)
  local n = size(100000)
  async.run(function()
    async.scope(function(scope)
      report("memory", (measure.rss(n, function() lay_to_sleep(n, 3600, 0) end)))
      scope:cancel()
    end)
  end)
end

function work.startup(report, size)
  report("startup", measure.start_ms(size(30000) // 1000, 'require "asyncrt"'))
end

measure.main(work)
