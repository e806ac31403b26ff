-- luv: coroutines over libuv, with the small scheduler that its users write themselves.
package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local measure = require "measure"
local limits = require "limits"
local uv = measure.need "luv"

local create, resume, suspend = coroutine.create, coroutine.resume, coroutine.yield
local running, random = coroutine.running, math.random
local work = {}

-- The scheduler: a list of ready coroutines, run as one batch by an idle handle in each turn of the loop.
local ready, nready = {}, 0
local batch = {}
local idle, idling = uv.new_idle(), false

local function continue(co, ...)
  local ok, err = resume(co, ...)
  if not ok then error(err, 0) end
end

local function run_batch()
  local n = nready
  ready, batch, nready = batch, ready, 0
  for i = 1, n do
    local co = batch[i]
    batch[i] = false
    continue(co)
  end
  if nready == 0 then
    idle:stop()
    idling = false
  end
end

local function make_ready(co)
  nready = nready + 1
  ready[nready] = co
  if not idling then
    idling = true
    idle:start(run_batch)
  end
end

local function spawn(fn) make_ready(create(fn)) end

local function yield()
  make_ready(running())
  suspend()
end

-- A timer a sleeper.
local function sleep(ms)
  local co, timer = running(), uv.new_timer()
  timer:start(ms, 0, function()
    timer:close()
    continue(co)
  end)
  suspend()
end

local function in_loop(main)
  spawn(main)
  uv.run()
end

function work.switch(report, size)
  local n = size(500000)
  local function yields(times)
    for _ = 1, times do yield() end
  end
  spawn(function() yields(n) end)
  report("switch1", measure.ns(n, uv.run))
  for _ = 1, 1000 do spawn(function() yields(n // 1000) end) end
  report("switch1000", measure.ns(n, uv.run))
end

function work.spawn(report, size)
  local n, count = size(250000), 0
  local function child() count = count + 1 end
  report("spawn1", measure.ns(n, function()
    in_loop(function()
      for _ = 1, n do
        spawn(child)
        yield()
      end
    end)
  end))
  report("spawn1000", measure.ns(n, function()
    in_loop(function()
      for _ = 1, n // 1000 do
        for _ = 1, 1000 do spawn(child) end
        yield()
      end
    end)
  end))
  assert(count == 2 * n, "lost tasks")
  report("await", measure.ns(n, function()
    in_loop(function()
      local me, result, sum = running(), nil, 0
      for _ = 1, n do
        spawn(function()
          result = 1
          make_ready(me)
        end)
        suspend()
        sum = sum + result
      end
      assert(sum == n, "lost results")
    end)
  end))
end

function work.sleepers(report, size)
  local n = size(1000000)
  local function nap() sleep(random(0, 1000)) end
  report("sleepers", measure.cpu_ns(n, function()
    for _ = 1, n do continue(create(nap)) end
    uv.run()
  end))
end

function work.timeout(report, size)
  local n, others = size(250000), {}
  local function expire() end
  for i = 1, 10000 do
    others[i] = uv.new_timer()
    others[i]:start(20000 + random(3600000), 0, expire)
  end
  report("timeout", measure.ns(n, function()
    for i = 1, n do
      local timer = uv.new_timer()
      timer:start(10000, 0, expire)
      timer:stop()
      timer:close()
      if i % 1000 == 0 then uv.run("nowait") end -- closed handles are freed by a turn of the loop
    end
  end))
  spawn(function()
    local start = limits.now()
    for _ = 1, n do
      local timer = uv.new_timer()
      timer:start(10000, 0, expire)
      yield()
      timer:stop()
      timer:close()
    end
    report("timeout_yield", (limits.now() - start) / n * 1e9)
    uv.stop() -- the others still wait
  end)
  uv.run()
end

-- Channels over the scheduler: a ring of slots, lists of who waits.
local function new_channel(capacity)
  return { capacity = capacity, first = 0, count = 0, slots = {}, senders = {}, receivers = {}, s = 0, r = 0 }
end

local function wait_in(list, c, n)
  c[n] = c[n] + 1
  list[c[n]] = running()
  suspend()
end

local function wake_one(list, c, n)
  if c[n] == 0 then return end
  local co = table.remove(list, 1)
  c[n] = c[n] - 1
  make_ready(co)
end

local function send(c, value)
  while c.count >= c.capacity do wait_in(c.senders, c, "s") end
  c.slots[(c.first + c.count) % c.capacity + 1] = value
  c.count = c.count + 1
  wake_one(c.receivers, c, "r")
end

local function recv(c)
  while c.count == 0 do wait_in(c.receivers, c, "r") end
  local value = c.slots[c.first + 1]
  c.first = (c.first + 1) % c.capacity
  c.count = c.count - 1
  wake_one(c.senders, c, "s")
  return value
end

function work.talk(report, size)
  local n = size(200000)
  local a, b, c = new_channel(1), new_channel(1), new_channel(64)
  spawn(function()
    for i = 1, n do
      send(a, i)
      recv(b)
    end
  end)
  spawn(function() for _ = 1, n do send(b, (recv(a))) end end)
  report("pingpong", measure.ns(2 * n, uv.run))
  for _ = 1, 4 do spawn(function() for i = 1, n do send(c, i) end end) end
  spawn(function() for _ = 1, 4 * n do recv(c) end end)
  report("producers", measure.ns(4 * n, uv.run))
end

function work.memory(report, size)
  local n = size(100000)
  local function lie() sleep(3600000) end
  report("memory", (measure.rss(n, function()
    for _ = 1, n do continue(create(lie)) end
    uv.run("nowait")
  end)))
end

function work.startup(report, size)
  report("startup", measure.start_ms(size(30000) // 1000, 'require "luv"'))
end

measure.main(work)
