local async = require "asyncrt"
local testing = require "asyncrt.testing"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, here, error_of = helper.run, helper.here, helper.error_of

local CENTURY = 100 * 365.25 * 86400

-- Runs a task for each duration; the order in which they end.
local function order_of(wait, durations)
  local order = {}
  async.scope(function(s)
    for i, duration in ipairs(durations) do
      s:spawn(function()
        wait(duration)
        order[#order + 1] = i
      end)
    end
  end)
  return order
end

describe("sleep", function()
  testing.it("ends in deadline order, first come first among equals", function()
    assert.same({ 4, 2, 6, 3, 1, 5, 7 }, order_of(async.sleep, { 3, 1, 2, 0.5, 3, 1, 3 }))
    assert.equal(3, async.now())
  end)

  testing.it("tells apart what is a nanosecond apart, from one to a century", function()
    local durations = {}
    for i = 1, 100 do durations[i] = (101 - i) * 1e-9 end
    local order = order_of(async.sleep, durations)
    for i = 1, 100 do assert.equal(101 - i, order[i]) end
    assert.same({ 5, 4, 3, 2, 1 }, order_of(async.sleep, { CENTURY, 86400 * 30, 60, 1e-3, 2e-9 }))
    assert.is_true(async.now() >= CENTURY)
  end)

  testing.it("of 0 or less lets the others run, no more", function()
    local order = {}
    async.spawn(function() order[#order + 1] = "other" end)
    async.sleep(0)
    order[#order + 1] = "after 0"
    async.sleep(-5)
    async.sleep(-math.huge)
    assert.same({ "other", "after 0" }, order)
    assert.equal(0, async.now())
  end)

  it("beyond 2^62 ns is for ever", function()
    run(function()
      for _, seconds in ipairs { math.huge, 2 ^ 62 / 1e9, 1e300, math.maxinteger } do
        assert.is_false(async.try_timeout(CENTURY / 10, async.sleep, seconds))
      end
    end)
    local _, ok, err = helper.try_run(async.sleep, math.huge)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
  end)

  testing.it("goes on for more than a century", function()
    for i = 1, 14 do
      async.sleep(CENTURY / 10)
      assert.is_true(math.abs(async.now() - i * CENTURY / 10) < 1e-3)
    end
  end)

  it("takes numbers only", function()
    run(function()
      assert.equal(here(1) .. ": bad argument #1 to 'sleep' (number expected, got string)",
        error_of(function() async.sleep("1") end))
      assert.equal(here(1) .. ": bad argument #1 to 'sleep' (number expected, got no value)",
        error_of(function() async.sleep() end))
      assert.equal(here(1) .. ": bad argument #1 to 'sleep' (number of seconds is NaN)",
        error_of(function() async.sleep(0 / 0) end))
      assert.equal(here(1) .. ": bad argument #1 to 'sleep_until' (number expected, got table)",
        error_of(function() async.sleep_until({}) end))
    end)
    assert.equal(here() .. ": 'sleep' called outside a task", error_of(function() async.sleep(1) end))
  end)

  it("passes on the real clock, too", function()
    local before, after = async.run(function()
      local start = async.now()
      async.sleep(0.002)
      return start, async.now()
    end)
    assert.is_true(after - before >= 0.002)
  end)
end)

describe("sleep_until", function()
  testing.it("ends at that time", function()
    async.sleep(1)
    async.sleep_until(3)
    assert.equal(3, async.now())
    assert.same({ 2, 1, 3 }, order_of(async.sleep_until, { 5, 4.5, 5 }))
  end)

  testing.it("in the past lets the others run, no more", function()
    async.sleep(5)
    local ran = false
    async.spawn(function() ran = true end)
    async.sleep_until(5)
    assert.is_true(ran)
    async.sleep_until(1)
    async.sleep_until(-1)
    assert.equal(5, async.now())
  end)
end)

describe("now", function()
  testing.it("stands still between suspensions on a virtual clock, and is when one is woken", function()
    assert.equal(0, async.now())
    async.sleep(0.1)
    assert.equal(0.1, async.now())
    async.sleep(0.2)
    assert.is_true(math.abs(async.now() - 0.3) < 1e-9)
  end)

  it("goes on from run to run", function()
    local rt <close> = async.runtime { clock = "virtual" }
    rt:run(async.sleep, 2)
    assert.equal(2, rt:now())
    assert.equal(2, rt:run(async.now))
  end)

  it("where no runtime runs is an error", function()
    assert.equal(here(1) .. ": 'now' called while no runtime runs: use rt:now()",
      error_of(function() async.now() end))
  end)
end)

describe("an interval", function()
  local function ticks(interval, count, work)
    local seen = {}
    for n, late in interval do
      seen[#seen + 1] = ("%d+%d@%g"):format(n, late, async.now())
      if #seen == count then break end
      if work then work(n) end
    end
    return table.concat(seen, " ")
  end

  testing.it("ticks first one period after its creation", function()
    async.sleep(10)
    local interval = async.interval(2)
    async.sleep(1)
    assert.equal("1+0@12 2+0@14 3+0@16", ticks(interval, 3))
  end)

  it("does not drift, whatever time the work takes", function()
    run(function()
      assert.equal("1+0@1 2+0@2 3+0@3 4+0@4", ticks(async.interval(1), 4, function(n) async.sleep(n * 0.2) end))
    end)
    run(function()
      local interval, last = async.interval(0.1), nil
      for _ = 1, 100000 do last = interval:wait() end
      assert.equal(100000, last)
      assert.equal(10000, async.now())
    end)
  end)

  testing.it("makes up for nothing: late says how many ticks were skipped", function()
    local work = { [1] = 2.5, [3] = 1, [4] = 5 }
    assert.equal("1+0@1 3+1@3.5 4+0@4.5 9+4@9.5 10+0@10",
      ticks(async.interval(1), 5, function(n) async.sleep(work[n] or 0) end))
  end)

  it("counts a tick that is due right now", function()
    for _, period in ipairs { 0.1, 0.3, 0.7, 1 / 3, 1e-3 } do
      run(function()
        local interval = async.interval(period)
        async.sleep(30 * period)
        assert.same({ 30, 29 }, { interval:wait() })
        assert.same({ 31, 0 }, { interval:wait() })
        assert.is_true(math.abs(async.now() - 31 * period) < 1e-8)
      end)
    end
  end)

  testing.it("gives each tick to one of those who wait", function()
    local interval, got = async.interval(1), {}
    for name = 1, 3 do
      async.spawn(function()
        for _ = 1, 2 do
          local n = interval:wait()
          got[n] = (got[n] or 0) + 1
        end
        return name
      end)
    end
    async.sleep(10)
    assert.same({ 1, 1, 1, 1, 1, 1 }, got)
  end)

  testing.it("loses no tick by a cancel", function()
    local interval = async.interval(3)
    assert.is_false(async.try_timeout(1, interval.wait, interval))
    assert.same({ 1, 0 }, { interval:wait() })
    assert.equal(3, async.now())
  end)

  it("can be made where no runtime runs; it starts at its first wait", function()
    local interval = async.interval(1)
    run(function()
      async.sleep(5)
      assert.same({ 1, 0 }, { interval:wait() })
      assert.equal(6, async.now())
    end)
  end)

  testing.it("of for ever never ticks", function()
    assert.is_false(async.try_timeout(1000, function() async.interval(math.huge):wait() end))
  end)

  it("shows itself", function()
    local interval = async.interval(0.25)
    assert.equal("interval of 0.25 s (tick 0)", tostring(interval))
    assert.equal("asyncrt.interval", getmetatable(interval).__name)
    assert.equal("table", type(getmetatable(interval).__index))
  end)

  it("refuses what is no period, with the caller's position", function()
    assert.equal(here(1) .. ": bad argument #1 to 'interval' (number expected, got no value)",
      error_of(function() async.interval() end))
    assert.equal(here(1) .. ": bad argument #1 to 'interval' (number expected, got asyncrt.future)",
      error_of(function() async.interval(async.future()) end))
    assert.equal(here(1) .. ": bad argument #1 to 'interval' (number of seconds is NaN)",
      error_of(function() async.interval(0 / 0) end))
    for _, period in ipairs { 0, -1, 1e-10, -math.huge } do
      assert.equal(here(1) .. ": bad argument #1 to 'interval' (period must be at least a nanosecond)",
        error_of(function() async.interval(period) end))
    end
  end)

  it("is waited for in a task, through the interval", function()
    local interval = async.interval(1)
    assert.equal(here() .. ": 'wait' called outside a task", error_of(function() interval:wait() end))
    assert.equal(here(1) .. ": 'interval' called outside a task",
      error_of(function() for _ in interval do error "ran" end end))
    assert.equal(here(1) .. ": bad argument #1 to 'wait' (asyncrt.interval expected, got table)",
      error_of(function() interval.wait({}) end))
    local mine = setmetatable({ wait = interval.wait }, { __name = "mine" })
    assert.equal(here(1) .. ": calling 'wait' on bad self (asyncrt.interval expected, got mine)",
      error_of(function() mine:wait() end))
  end)
end)

describe("seeds", function()
  it("shuffle equal deadlines, reproducibly, and no others", function()
    local function order(seed)
      local rt <close> = async.runtime { clock = "virtual", seed = seed }
      return rt:run(function()
        return table.concat(order_of(async.sleep, { 2, 1, 1, 1, 1, 1, 1, 2, 0.5, 2, 2 }), " ")
      end)
    end
    local different = {}
    for seed = 1, 30 do
      local one = order(seed)
      assert.equal(one, order(seed))
      assert.truthy(one:find("^9 [2-7] [2-7] [2-7] [2-7] [2-7] [2-7] "))
      different[one] = true
    end
    assert.is_truthy(next(different, next(different)))
  end)
end)

describe("a clock hold", function()
  it("keeps a virtual clock from jumping until it is closed, while I/O goes on", function()
    local rt <close> = async.runtime { clock = "virtual" }
    rt:run(function()
      local listener <close> = async.check(async.net.listen("127.0.0.1", 0))
      local hold = async.clock_hold()
      assert.equal("clock hold (open)", tostring(hold))
      local woke = false
      local sleeper = async.spawn(function()
        async.sleep(60)
        woke = true
      end)
      local _, port = listener:address()
      -- a peer of which the runtime knows nothing
      local peer <close> = io.popen(("bash -c 'echo hello >/dev/tcp/127.0.0.1/%d'"):format(port))
      local stream <close> = async.check(listener:accept())
      assert.equal("hello", stream:read("l"))
      assert.is_nil(peer:read("l"))
      assert.is_false(woke)
      assert.equal(0.0, async.now())
      hold:close()
      hold:close()
      assert.equal("clock hold (closed)", tostring(hold))
      sleeper:await()
      assert.equal(60.0, async.now())
    end)
  end)

  it("is one of several, and ends with its block or its runtime", function()
    local kept
    local rt <close> = async.runtime { clock = "virtual" }
    rt:run(function()
      do
        local a <close> = async.clock_hold()
        local b <close> = async.clock_hold()
        assert.are_not.equal(a, b)
      end
      async.sleep(1)
      assert.equal(1.0, async.now())
      kept = async.clock_hold()
    end)
    rt:close()
    assert.equal("clock hold (closed)", tostring(kept))
    kept:close()
  end)

  it("and nothing else to wait for is a deadlock", function()
    local rt <close> = async.runtime { clock = "virtual" }
    local err = helper.error_of(rt.run, rt, function()
      local _ <close> = async.clock_hold()
      async.sleep(1)
    end)
    assert.equal("deadlock", err.kind)
  end)
end)
