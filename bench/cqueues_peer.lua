-- cqueues through its public API.
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local measure = require "measure"
local limits = require "limits"
local cqueues = measure.need "cqueues"

local sleep, random = cqueues.sleep, math.random
local work = {}

local function run(controller) assert(controller:loop()) end

function work.switch(report, size)
  local n = size(200000)
  local function yields(times)
    for _ = 1, times do sleep(0) end
  end
  local function ring(tasks)
    local controller = cqueues.new()
    for _ = 1, tasks do controller:wrap(yields, n // tasks) end
    return measure.ns(n, function() run(controller) end)
  end
  report("switch1", ring(1))
  report("switch1000", ring(1000))
end

function work.spawn(report, size)
  local n = size(100000)
  local controller = cqueues.new()
  local function nothing() end
  local function batches(batch)
    return measure.ns(n, function()
      for _ = 1, n // batch do
        for _ = 1, batch do controller:wrap(nothing) end
        run(controller)
      end
    end)
  end
  report("spawn1", batches(1))
  report("spawn1000", batches(1000))
  local promise = require "cqueues.promise"
  local function one() return 1 end
  local sum = 0
  controller:wrap(function()
    for _ = 1, n do sum = sum + promise.new(one):get() end
  end)
  report("await", measure.ns(n, function() run(controller) end))
  assert(sum == n, "lost results")
end

function work.sleepers(report, size)
  local n = size(1000000)
  local controller = cqueues.new()
  local function nap() sleep(random()) end
  report("sleepers", measure.cpu_ns(n, function()
    for _ = 1, n do controller:wrap(nap) end
    run(controller)
  end))
end

-- It has no timer object: a wait with a timeout that another task ends, so two switches are in it.
function work.timeout(report, size)
  local n = size(100000)
  local controller = cqueues.new()
  local condition = require "cqueues.condition".new()
  for _ = 1, 10000 do controller:wrap(function() sleep(20 + random(3600)) end) end
  assert(controller:step(0))
  local value
  controller:wrap(function()
    local start = limits.now()
    for _ = 1, n do condition:wait(10) end
    value = (limits.now() - start) / n * 1e9
  end)
  controller:wrap(function()
    while not value do
      condition:signal()
      sleep(0)
    end
  end)
  while not value do assert(controller:step()) end
  report("timeout", value)
end

-- Channels of a ring and two conditions.
function work.talk(report, size)
  local n = size(50000)
  local condition = require "cqueues.condition"
  local function new_channel(capacity)
    return { capacity = capacity, first = 0, count = 0, slots = {}, filled = condition.new(), freed = condition.new() }
  end
  local function send(c, value)
    while c.count >= c.capacity do c.freed:wait() end
    c.slots[(c.first + c.count) % c.capacity + 1] = value
    c.count = c.count + 1
    c.filled:signal(1)
  end
  local function recv(c)
    while c.count == 0 do c.filled:wait() end
    local value = c.slots[c.first + 1]
    c.first = (c.first + 1) % c.capacity
    c.count = c.count - 1
    c.freed:signal(1)
    return value
  end
  local controller = cqueues.new()
  local a, b, c = new_channel(1), new_channel(1), new_channel(64)
  controller:wrap(function()
    for i = 1, n do
      send(a, i)
      recv(b)
    end
  end)
  controller:wrap(function() for _ = 1, n do send(b, (recv(a))) end end)
  report("pingpong", measure.ns(2 * n, function() run(controller) end))
  for _ = 1, 4 do controller:wrap(function() for i = 1, n do send(c, i) end end) end
  controller:wrap(function() for _ = 1, 4 * n do recv(c) end end)
  report("producers", measure.ns(4 * n, function() run(controller) end))
end

function work.memory(report, size)
  local n = size(100000)
  local controller = cqueues.new()
  local function lie() sleep(3600) end
  report("memory", (measure.rss(n, function()
    for _ = 1, n do controller:wrap(lie) end
    assert(controller:step(0))
  end)))
  assert(controller:count() == n, "tasks are not parked")
end

function work.startup(report, size)
  report("startup", measure.start_ms(size(30000) // 1000, 'require "cqueues"'))
end

measure.main(work)
