local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local here, error_of = helper.here, helper.error_of

local function make(clock)
  return async.runtime { clock = clock or "manual" }
end

describe("tick", function()
  it("runs what is ready and says when it has to be called again", function()
    local rt <close> = make()
    assert.same({ nil, 0, n = 2 }, table.pack(rt:tick()))
    local ran = false
    rt:spawn(function()
      ran = true
      async.sleep(2.5)
    end)
    assert.same({ 2.5, 0 }, { rt:tick() })
    assert.is_true(ran)
    rt:spawn(async.yield)
    assert.same({ 0, 1 }, { rt:tick() })
    assert.same({ 2.5, 0 }, { rt:tick() })
  end)

  it("runs a task that yields once", function()
    local rt <close> = make()
    local count = { 0, 0 }
    for i = 1, 2 do
      rt:spawn(function()
        while true do
          count[i] = count[i] + 1
          async.yield()
        end
      end)
    end
    for i = 1, 5 do
      assert.same({ 0, 2 }, { rt:tick() })
      assert.same({ i, i }, count)
    end
  end)

  it("runs a loop around coroutine.yield one round", function()
    local rt <close> = make()
    local rounds = 0
    rt:spawn(function()
      repeat
        rounds = rounds + 1
        pcall(function() coroutine.yield() end)
      until rounds == 3
    end)
    rt:tick()
    assert.equal(1, rounds)
    rt:tick()
    assert.equal(2, rounds)
  end)

  it("runs what tasks hand to each other in the same tick", function()
    local rt <close> = make()
    local futures = {}
    for i = 1, 100 do futures[i] = async.future() end
    for i = 1, 99 do
      rt:spawn(function() futures[i + 1]:resolve(futures[i]:await() + 1) end)
    end
    rt:tick()
    futures[1]:resolve(1)
    rt:tick()
    assert.is_true(futures[100]:done())
  end)

  it("with a budget of 0 polls one task, and keeps the others for the next", function()
    local rt <close> = make()
    local order = {}
    for i = 1, 3 do rt:spawn(function() order[#order + 1] = i end) end
    for i = 1, 3 do
      local next_due, ready = rt:tick(0)
      assert.same({ 3 - i, i < 3 and 0 }, { ready, next_due or false })
      assert.equal(i, #order)
    end
    assert.same({ 1, 2, 3 }, order)
  end)

  it("leaves tasks that yielded to a run or a close that follows", function()
    local rt <close> = make()
    local yields, closed = 0, false
    rt:spawn(function()
      local _ <close> = helper.defer(function() closed = true end)
      while true do
        async.yield()
        yields = yields + 1
      end
    end)
    rt:tick()
    rt:run(async.yield)
    assert.is_true(yields > 0)
    rt:tick()
    rt:close()
    assert.is_true(closed)
  end)

  it("does not move a manual clock", function()
    local rt <close> = make()
    local ended = false
    rt:spawn(function()
      async.sleep(1)
      ended = true
    end)
    for _ = 1, 10 do rt:tick() end
    assert.same({ 0, false }, { rt:now(), ended })
  end)

  it("lets a virtual clock jump where nothing is ready", function()
    local rt <close> = make("virtual")
    local at = {}
    for i = 1, 3 do
      rt:spawn(function()
        async.sleep(i * 10)
        at[#at + 1] = async.now()
      end)
    end
    for _ = 1, 4 do rt:tick() end
    assert.same({ 10.0, 20.0, 30.0 }, at)
  end)

  it("takes seconds as budget", function()
    local rt <close> = make()
    assert.equal(here(1) .. ": bad argument #1 to 'tick' (number expected, got string)",
      error_of(function() rt:tick("1") end))
    assert.equal(here(1) .. ": bad argument #1 to 'tick' (number of seconds is NaN)",
      error_of(function() rt:tick(0 / 0) end))
    rt:tick(-1)
    rt:tick(math.huge)
    assert.equal(here(1) .. ": bad argument #1 to 'tick' (asyncrt.runtime expected, got table)",
      error_of(function() rt.tick({}) end))
  end)
end)

describe("a manual clock", function()
  it("goes from deadline to deadline, and each task sees its own time", function()
    local rt <close> = make()
    local seen = {}
    for _, seconds in ipairs { 3, 1, 2, 1, 2.5, 7 } do
      rt:spawn(function()
        async.sleep(seconds)
        seen[#seen + 1] = async.now()
      end)
    end
    rt:tick()
    assert.same({ 4, 0 }, { rt:advance(3) })
    assert.same({ 1.0, 1.0, 2.0, 2.5, 3.0 }, seen)
    assert.equal(3, rt:now())
    assert.same({ 3, 0 }, { rt:advance(1) })
    assert.same({ nil, 0, n = 2 }, table.pack(rt:advance(10)))
    assert.equal(14, rt:now())
  end)

  it("wakes sleepers in deadline order with what they start on the way", function()
    local rt <close> = make()
    local woken = {}
    rt:spawn(function()
      for i = 1, 4 do
        async.sleep(1)
        woken[#woken + 1] = "chain " .. i
      end
    end)
    rt:spawn(function()
      async.sleep(2.5)
      woken[#woken + 1] = "between"
    end)
    rt:advance(4)
    assert.same({ "chain 1", "chain 2", "between", "chain 3", "chain 4" }, woken)
  end)

  it("runs what is ready before it moves", function()
    local rt <close> = make()
    local started
    rt:spawn(function() started = async.now() end)
    rt:advance(5)
    assert.equal(0.0, started)
  end)

  it("that is not advanced runs what is ready", function()
    local rt <close> = make()
    local ran = false
    rt:spawn(function() ran = true end)
    rt:advance(0)
    assert.is_true(ran)
    assert.equal(0, rt:now())
    rt:advance(-1)
    assert.equal(0, rt:now())
  end)

  it("keeps what the budget cuts off for the next tick", function()
    local rt <close> = make()
    local seen = {}
    for i = 1, 20 do
      rt:spawn(function()
        async.sleep(i)
        seen[#seen + 1] = i
      end)
    end
    rt:tick()
    local _, ready = rt:advance(20, 0)
    assert.equal(20, rt:now())
    assert.is_true(#seen < 20)
    assert.is_true(ready >= 0)
    rt:tick()
    assert.equal(20, #seen)
    for i = 1, 20 do assert.equal(i, seen[i]) end
  end)

  it("drives an interval", function()
    local rt <close> = make()
    local ticks = {}
    rt:spawn(function() for n, late in async.interval(1 / 60) do ticks[#ticks + 1] = { n, late } end end)
    for _ = 1, 60 do rt:advance(1 / 60) end
    assert.is_true(#ticks >= 59 and #ticks <= 60)
    for i, tick in ipairs(ticks) do assert.same({ i, 0 }, tick) end
  end)

  it("serves run as well, which waits for the host's time in vain", function()
    local rt <close> = make()
    assert.equal("value", rt:run(function() async.yield() return "value" end))
    local ok, err = pcall(rt.run, rt, async.sleep, 1)
    assert.same({ false, "deadlock" }, { ok, err.kind })
  end)

  it("is the only one to be advanced", function()
    for _, clock in ipairs { "real", "virtual" } do
      local rt <close> = make(clock)
      assert.equal(here(1) .. ": 'advance' on a runtime whose clock is not manual",
        error_of(function() rt:advance(1) end))
    end
    local rt <close> = make()
    assert.equal(here(1) .. ": bad argument #1 to 'advance' (number expected, got no value)",
      error_of(function() rt:advance() end))
    assert.equal(here(1) .. ": bad argument #2 to 'advance' (number expected, got boolean)",
      error_of(function() rt:advance(1, true) end))
  end)
end)

describe("fileno", function()
  local function read_all(path)
    local file <close> = assert(io.open(path))
    return file:read("a")
  end

  -- Lua cannot poll, but the kernel tells what lies behind the descriptor: how often it was notified so far, whether
  -- its timer is armed or due.
  local function look(rt)
    local state = { notified = 0, armed = false, due = false }
    for fd in read_all("/proc/self/fdinfo/" .. rt:fileno()):gmatch("tfd:%s*(%d+)") do
      local info = read_all("/proc/self/fdinfo/" .. fd)
      state.notified = state.notified + tonumber(info:match("eventfd%-count:%s*(%x+)") or "0", 16)
      local s, ns = info:match("it_value: %((%d+), (%d+)%)")
      if s then
        state.armed = tonumber(s) + tonumber(ns) > 0
        state.due = tonumber(info:match("ticks: (%d+)")) > 0
      end
    end
    return state
  end

  local function notifications(rt, call, ...)
    local before = look(rt).notified
    call(...)
    return look(rt).notified - before
  end

  it("is the same descriptor every time, and is closed with the runtime", function()
    local rt <close> = make("real")
    local fd = rt:fileno()
    assert.equal("integer", math.type(fd))
    assert.equal(fd, rt:fileno())
  end)

  it("is notified when tasks become ready, once", function()
    local rt <close> = make("real")
    rt:fileno()
    rt:tick()
    local future = async.future()
    assert.equal(1, notifications(rt, function()
      for _ = 1, 3 do rt:spawn(future.await, future) end
    end))
    assert.equal(0, notifications(rt, rt.tick, rt))
    assert.equal(1, notifications(rt, future.resolve, future))
  end)

  it("is notified after a tick that leaves tasks ready", function()
    local rt <close> = make("real")
    rt:fileno()
    rt:spawn(async.yield)
    assert.equal(1, notifications(rt, rt.tick, rt))
    assert.equal(0, notifications(rt, rt.tick, rt))
  end)

  it("is notified for tasks that were there before", function()
    local rt <close> = make("real")
    rt:spawn(async.yield)
    assert.equal(1, look(rt).notified)
  end)

  it("has a timer for the next deadline", function()
    local rt <close> = make("real")
    rt:fileno()
    assert.is_false(look(rt).armed)
    local task = rt:spawn(async.sleep, 1000)
    rt:tick()
    assert.is_true(look(rt).armed)
    task:cancel()
    rt:tick()
    assert.is_false(look(rt).armed)
  end)

  it("has a timer that is due until the next tick", function()
    local rt <close> = make("real")
    rt:fileno()
    local ended = false
    rt:spawn(function()
      async.sleep(1e-6)
      ended = true
    end)
    rt:tick()
    while not ended do
      local state = look(rt)
      assert.is_true(state.due or state.armed)
      rt:tick()
    end
    local state = look(rt)
    assert.is_false(state.due or state.armed)
  end)

  it("is not to be had from the poll driver", function()
    local rt <close> = async.runtime { driver = "poll" }
    assert.same({ nil, "fileno: Operation not supported", "ENOTSUP", n = 3 }, table.pack(rt:fileno()))
  end)
end)

describe("a driver", function()
  for _, driver in ipairs { "auto", "epoll", "poll" } do
    it("called " .. driver .. " runs tasks and sleeps", function()
      local rt <close> = async.runtime { driver = driver }
      assert.equal("slept", rt:run(function()
        async.sleep(0.001)
        return "slept"
      end))
    end)
  end

  it("comes from the environment if the script leaves it open", function()
    local output = helper.child([[
      print(os.getenv "ASYNCRT_DRIVER", require "asyncrt".runtime():fileno())
    ]], nil, "ASYNCRT_DRIVER=poll")
    assert.equal("poll\tnil\tfileno: Operation not supported\tENOTSUP\n", output)
  end)
end)

describe("several runtimes", function()
  it("live side by side, each with its tasks and its time", function()
    local a <close> = make()
    local b <close> = make()
    local story = {}
    local function note(name, period)
      for n in async.interval(period) do story[#story + 1] = name .. n end
    end
    a:spawn(note, "a", 1)
    b:spawn(note, "b", 2)
    a:tick()
    b:tick()
    a:advance(2)
    b:advance(2)
    a:advance(1)
    assert.same({ "a1", "a2", "b1", "a3" }, story)
    assert.same({ 3, 2 }, { a:now(), b:now() })
  end)

  it("share futures, tasks and wakers: a wake goes to the waiter's runtime", function()
    local a <close> = make()
    local b <close> = make()
    local future, got = async.future(), {}
    local task = a:spawn(function() got[1] = future:await() return "task's" end)
    b:spawn(function() got[2] = task:await() end)
    local waker
    b:spawn(function()
      waker = async.waker()
      async.park()
      got[3] = "woken"
    end)
    a:tick()
    b:tick()
    a:spawn(function()
      future:resolve("value")
      waker:wake()
    end)
    a:tick()
    assert.same({ "value" }, got)
    b:tick()
    assert.same({ "value", "task's", "woken" }, got)
  end)
end)
