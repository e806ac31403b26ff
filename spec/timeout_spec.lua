local async = require "asyncrt"
local testing = require "asyncrt.testing"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, defer, here, error_of = helper.run, helper.try_run, helper.defer, helper.here, helper.error_of

local function slowly(seconds, ...)
  async.sleep(seconds)
  return ...
end

describe("timeout", function()
  testing.it("gives the function's values if it is in time", function()
    assert.same({ 1, nil, n = 2 }, table.pack(async.timeout(2, slowly, 1, 1, nil)))
    assert.same({ true, 1, nil, n = 3 }, table.pack(async.try_timeout(2, slowly, 1, 1, nil)))
    assert.same({ n = 0 }, table.pack(async.timeout(2, slowly, 0)))
    assert.same({ true, n = 1 }, table.pack(async.try_timeout(2, slowly, 0)))
    assert.equal(2, async.now())
  end)

  testing.it("raises an error of kind timeout otherwise", function()
    local err = error_of(async.timeout, 1, slowly, 5)
    assert.same({ "timeout", "timeout", "timeout" }, { err.kind, err.message, tostring(err) })
    assert.is_true(async.is_timeout(err))
    assert.is_false(async.is_cancelled(err))
    assert.equal(1, async.now())
  end)

  testing.it("tried gives false alone", function()
    assert.same({ false, n = 1 }, table.pack(async.try_timeout(1, slowly, 5)))
    assert.equal(1, async.now())
  end)

  testing.it("answers after the function has unwound", function()
    local closed
    assert.is_false(async.try_timeout(1, function()
      local _ <close> = defer(function(e)
        async.shield(async.sleep, 2)
        closed = e.reason
      end)
      async.sleep(10)
    end))
    assert.same({ "timeout", 3 }, { closed, async.now() })
  end)

  testing.it("lets the function's own return win", function()
    assert.equal("late", async.timeout(1, function()
      async.shield(async.sleep, 5)
      return "late"
    end))
    assert.same({ true, "caught" }, { async.try_timeout(1, function()
      pcall(async.sleep, 5)
      return "caught"
    end) })
    assert.equal(6, async.now())
  end)

  testing.it("lets the function's own error win", function()
    local original = {}
    assert.is_true(rawequal(original, error_of(async.timeout, 1, function()
      pcall(async.sleep, 5)
      error(original)
    end)))
    assert.is_true(rawequal(original, error_of(async.try_timeout, 5, error, original)))
  end)

  testing.it("of 0 runs the function to its first checkpoint", function()
    local reached
    assert.is_true(async.is_timeout(error_of(async.timeout, 0, function()
      reached = "before"
      async.yield()
      reached = "after"
    end)))
    assert.equal("before", reached)
    assert.equal("value", async.timeout(0, function() return "value" end))
    assert.same({ true, "value" }, { async.try_timeout(0, function() return "value" end) })
  end)

  testing.it("that is negative counts as 0", function()
    for _, seconds in ipairs { -1, -0.0, -math.huge, math.mininteger } do
      assert.is_false(async.try_timeout(seconds, async.yield))
      assert.is_true(async.try_timeout(seconds, function() end))
    end
  end)

  testing.it("that is huge never comes", function()
    for i, seconds in ipairs { math.huge, 2 ^ 62 / 1e9, 1e300, math.maxinteger } do
      assert.is_true(async.try_timeout(seconds, slowly, 100))
      assert.equal(100 * i, async.now())
    end
    assert.is_false(async.try_timeout(1e9, async.sleep, math.huge))
    assert.equal(400 + 1e9, async.now())
  end)

  it("is given in numbers that are some", function()
    run(function()
      assert.equal(here(1) .. ": bad argument #1 to 'timeout' (number of seconds is NaN)",
        error_of(function() async.timeout(0 / 0, print) end))
      assert.equal(here(1) .. ": bad argument #1 to 'try_timeout' (number expected, got string)",
        error_of(function() async.try_timeout("1", print) end))
      assert.equal(here(1) .. ": bad argument #2 to 'timeout' (function expected, got no value)",
        error_of(function() async.timeout(1) end))
    end)
    assert.equal(here(1) .. ": 'timeout' called outside a task",
      error_of(function() async.timeout(1, print) end))
  end)

  testing.it("is for tasks spawned inside as well", function()
    local child
    assert.same({ true, "its own return" }, { async.try_timeout(1, function()
      child = async.spawn(async.sleep, 5)
      return "its own return"
    end) })
    assert.same({ 1, "cancelled" }, { async.now(), child:status() })
    assert.same({ true, "body" }, { async.try_timeout(5, function()
      async.spawn(async.sleep, 2)
      return "body"
    end) })
    assert.equal(3, async.now())
  end)

  testing.it("raises the failure of a task spawned inside", function()
    assert.equal("child", error_of(async.try_timeout, 5, function()
      async.spawn(error, "child", 0)
      async.park()
    end))
  end)

  it("leaves no timer behind", function()
    local core = require "asyncrt.core"
    local rt <close> = async.runtime { clock = "virtual" }
    rt:run(function()
      for _ = 1, 1000 do async.timeout(100, function() end) end
      assert.equal(0, core.counts(rt).timers)
    end)
  end)

  testing.it("can be left by nobody but its task", function()
    local inside
    local other = async.spawn(async.try_timeout, 2, function()
      inside = async.current()
      async.park()
    end)
    assert.is_true(async.try_timeout(3, async.sleep, 2.5))
    assert.same({ other, "done" }, { inside, other:status() })
  end)
end)

describe("of nested timeouts", function()
  testing.it("the inner one answers if it is shorter, and the outer one goes on", function()
    assert.same({ true, false, 3 }, { async.try_timeout(5, function()
      local inner = async.try_timeout(1, async.park)
      async.sleep(2)
      return inner, async.now()
    end) })
  end)

  testing.it("the outer one answers if it is shorter", function()
    local reached = false
    assert.is_false(async.try_timeout(1, function()
      async.try_timeout(5, async.park)
      reached = true
    end))
    assert.same({ false, 1 }, { reached, async.now() })
  end)

  it("the outer one answers if they are equal", function()
    for seed = 0, 20 do
      local rt <close> = async.runtime { clock = "virtual", seed = seed }
      rt:run(function()
        local reached = false
        assert.is_false(async.try_timeout(2, function()
          async.sleep(1)
          async.try_timeout(1, async.park)
          reached = true
        end))
        assert.same({ false, 2 }, { reached, async.now() })
      end)
    end
  end)

  testing.it("the outer one answers if it expires while the inner one unwinds", function()
    local reached = false
    assert.is_false(async.try_timeout(2, function()
      async.try_timeout(1, function()
        local _ <close> = defer(function() async.shield(async.sleep, 5) end)
        async.park()
      end)
      reached = true
    end))
    assert.same({ false, 6 }, { reached, async.now() })
  end)

  testing.it("the outermost of three that have expired answers", function()
    local story = {}
    local function nest(n)
      if n == 0 then
        async.shield(async.sleep, 10)
        async.yield()
      else
        local ok = async.try_timeout(n, nest, n - 1)
        story[#story + 1] = { n, ok }
      end
    end
    nest(3)
    assert.same({ { 3, false } }, story)
  end)

  testing.it("a cancel further out answers for an expired one", function()
    local reached = false
    local _, what = async.scope(function(s)
      async.try_timeout(1, function()
        local _ <close> = defer(function() s:cancel() end)
        async.park()
      end)
      reached = true
    end)
    assert.same({ false, "cancelled" }, { reached, what })
  end)
end)

describe("a timeout under way", function()
  testing.it("does not outlive a cancel of its task", function()
    local task = async.spawn(async.timeout, 100, async.park)
    async.sleep(1)
    task:cancel("why")
    local _, err = task:join()
    assert.same({ "task_cancelled", "why", 1 }, { err.kind, err.reason, async.now() })
  end)

  it("fails its task like any error if nobody catches it", function()
    local reports, ok, err = try_run(function()
      async.spawn(async.timeout, 1, async.park)
      async.park()
    end)
    assert.same({ 0, false }, { #reports, ok })
    assert.is_true(async.is_timeout(err))
  end)

  testing.it("can be many at once", function()
    local expired = 0
    for i = 1, 1000 do
      async.spawn(function()
        if not async.try_timeout(i % 10, async.sleep, 5) then expired = expired + 1 end
      end)
    end
    async.sleep(20)
    assert.equal(600, expired)
  end)
end)
