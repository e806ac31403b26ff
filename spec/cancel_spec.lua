local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, defer, error_of = helper.run, helper.try_run, helper.defer, helper.error_of

-- Runs fn where a cancel of a scope around it is in force; what the scope gives.
local function cancelled(fn, reason)
  return async.scope(function(s)
    s:cancel(reason)
    return fn(s)
  end)
end

describe("a cancel in force", function()
  local ended, future
  local checkpoints = {
    sleep = function() async.sleep(0) end,
    sleep_until = function() async.sleep_until(0) end,
    yield = function() async.yield() end,
    park = function() async.park() end,
    poll = function() async.poll(function() error "was called" end) end,
    scope = function() async.scope(function() error "was called" end) end,
    block = function() async.scope() end,
    timeout = function() async.timeout(1, function() error "was called" end) end,
    try_timeout = function() async.try_timeout(1, function() error "was called" end) end,
    await = function() ended:await() end,
    join = function() ended:join() end,
    ["join for a time"] = function() ended:join(1) end,
    ["a future's await"] = function() future:await() end,
    interval = function() async.interval(1):wait() end,
    ["interval as iterator"] = function() for _ in async.interval(1) do error "was called" end end,
  }

  for name, call in pairs(checkpoints) do
    it("raises at " .. name .. ", again and again", function()
      run(function()
        ended, future = async.spawn(function() end), async.future()
        ended:await()
        future:resolve()
        cancelled(function()
          for _ = 1, 3 do
            local err = error_of(call)
            assert.is_true(async.is_cancelled(err))
            assert.equal("stop", err.reason)
          end
        end, "stop")
        assert.equal(0, async.now())
      end)
    end)
  end

  it("does not stop what does not suspend", function()
    run(function()
      local waker = async.waker()
      assert.equal("came through", cancelled(function(s)
        local task = async.spawn(async.park)
        s:spawn(async.park)
        async.try_spawn(async.park)
        async.spawn_with({ name = "x" }, async.park)
        task:cancel()
        waker:wake()
        async.future():resolve(1)
        assert.equal("why", async.cancelling())
        async.shield(function() end)
        return "came through"
      end, "why"))
    end)
  end)

  it("takes nothing: a park keeps its permit, an interval its tick", function()
    run(function()
      local interval = async.interval(1)
      async.sleep(1)
      async.waker():wake()
      cancelled(function()
        pcall(async.park)
        pcall(interval.wait, interval)
      end)
      assert.is_true(async.try_timeout(0.5, async.park))
      assert.same({ 1, 0 }, { interval:wait() })
      assert.equal(1, async.now())
    end)
  end)

  it("is only delayed by a pcall that swallows it", function()
    run(function()
      local reached
      assert.equal("cancelled", select(2, cancelled(function()
        reached = not pcall(async.sleep, 1) and "behind the pcall"
        async.sleep(1)
        reached = "too far"
      end)))
      assert.equal("behind the pcall", reached)
    end)
  end)

  it("ends with its boundary", function()
    run(function()
      cancelled(async.yield)
      async.sleep(1)
      assert.is_nil(async.cancelling())
      assert.equal(1, async.now())
    end)
  end)

  it("comes through whatever its reason is", function()
    run(function()
      local unprintable = setmetatable({}, { __tostring = function() error "no words" end })
      for _, reason in ipairs { unprintable, false, 12, print } do
        cancelled(function()
          local err = error_of(async.yield)
          assert.is_true(rawequal(reason, err.reason))
          assert.truthy(tostring(err):find("^cancelled: "))
        end, reason)
        local task = async.spawn(async.park)
        task:cancel(reason)
        assert.is_true(rawequal(reason, select(2, task:join()).reason))
      end
    end)
  end)

  it("comes as an error with kind, message, reason and task", function()
    run(function()
      local reason = setmetatable({}, { __tostring = function() return "in words" end })
      cancelled(function()
        local err = error_of(async.yield)
        assert.same({ "cancelled", "cancelled: in words", "cancelled: in words" },
          { err.kind, err.message, tostring(err) })
        assert.equal(reason, err.reason)
        assert.equal(async.current(), err.task)
        assert.equal("asyncrt.error", getmetatable(err).__name)
      end, reason)
      cancelled(function()
        local err = error_of(async.yield)
        assert.same({ "cancelled" }, { tostring(err) })
        assert.is_nil(err.reason)
        assert.equal("cancelled", async.cancelling())
      end)
    end)
  end)
end)

describe("a boundary", function()
  it("absorbs its own cancel only", function()
    run(function()
      local inner_returned = false
      local _, what, reason = async.scope(function(outer)
        async.scope(function()
          outer:cancel("outer's")
          async.sleep(1)
        end)
        inner_returned = true
      end)
      assert.same({ false, "cancelled", "outer's" }, { inner_returned, what, reason })
    end)
  end)

  it("does not take another task's cancel for its own", function()
    run(function()
      local task = async.spawn(function()
        return async.scope(function() async.park() end)
      end)
      async.yield()
      task:cancel("task's")
      local _, err = task:join()
      assert.same({ "task_cancelled", "task's" }, { err.kind, err.reason })
    end)
  end)

  it("gives way to one further out that is in force, too", function()
    run(function()
      local story = {}
      local outer_gave = table.pack(async.scope(function(outer)
        async.scope(function(inner)
          inner:cancel("inner's")
          outer:cancel("outer's")
          story[1] = async.cancelling()
          async.yield()
        end)
        story[2] = "not reached"
      end))
      assert.same({ "outer's" }, story)
      assert.same({ nil, "cancelled", "outer's", n = 3 }, outer_gave)
    end)
  end)

  it("gives way to one further out that came while it unwound", function()
    run(function()
      local story = {}
      local _, _, reason = async.scope(function(outer)
        async.scope(function(s)
          s:cancel("inner's")
          local _ <close> = defer(function() outer:cancel("outer's") end)
          async.yield()
        end)
        story[#story + 1] = "not reached"
      end)
      assert.same({}, story)
      assert.equal("outer's", reason)
    end)
  end)

  it("passes on a cancel error of another time or place as the failure that it is", function()
    run(function()
      local old
      cancelled(function() old = error_of(async.yield) error(old) end)
      assert.is_true(async.is_cancelled(old))
      assert.is_true(rawequal(old, error_of(async.scope, function() error(old) end)))
      assert.is_true(rawequal(old, error_of(async.timeout, 1, function() error(old) end)))
      assert.is_true(rawequal(old, error_of(cancelled, function() error(old) end)))
      local task = async.try_spawn(error, old)
      local ok, err = task:join()
      assert.same({ false, "failed" }, { ok, task:status() })
      assert.is_true(rawequal(old, err))
    end)
  end)
end)

describe("a foreign error wins", function()
  local cases = {
    ["raised in the body"] = function()
      pcall(async.park)
      error("foreign", 0)
    end,
    ["raised by a closer"] = function()
      local _ <close> = defer(function() error("foreign", 0) end)
      async.park()
    end,
    ["raised by a closer of the innermost of several calls"] = function()
      local _ <close> = defer(function() end)
      local function inner()
        local _ <close> = defer(function()
          async.shield(async.sleep, 1)
          error("foreign", 0)
        end)
        async.park()
      end
      inner()
    end,
  }
  for name, body in pairs(cases) do
    it("over a scope's cancel, " .. name, function()
      run(function()
        assert.equal("foreign", error_of(cancelled, body))
      end)
    end)

    it("over a timeout, " .. name, function()
      run(function()
        assert.equal("foreign", error_of(async.timeout, 1, body))
        assert.equal("foreign", error_of(async.try_timeout, 1, body))
        assert.equal("foreign", error_of(async.timeout, 0, body))
      end)
    end)

    it("over a task's cancel, which makes it failed, " .. name, function()
      run(function()
        local task = async.try_spawn(body)
        async.yield()
        task:cancel()
        assert.same({ false, "foreign" }, { task:join() })
        assert.equal("failed", task:status())
      end)
    end)
  end

  it("but not one that was caught before, whatever it came through", function()
    run(function()
      local raise = async.critical(function() error("old", 0) end)
      local stopped = async.critical(function()
        local _ <close> = defer(function() error("old", 0) end)
        coroutine.yield()
      end)
      local ways = {
        function() pcall(raise) end,
        function() xpcall(raise, function(e) return e end) end,
        function() coroutine.resume(coroutine.create(raise)) end,
        function() pcall(coroutine.wrap(raise)) end,
        function()
          local co = coroutine.create(stopped)
          coroutine.resume(co)
          coroutine.close(co)
        end,
        function() load(raise) end,
        function() load(function() error("old", 0) end) end,
        function() load(function() return {} end) end,
        function() load(function() async.sleep(1) end) end,
        function() load(function() table.sort({ 1, 2 }, function() error("old", 0) end) end) end,
      }
      for i, way in ipairs(ways) do
        local function body()
          way()
          async.sleep(60)
        end
        assert.is_false(async.try_timeout(1, body), i)
        local task = async.try_spawn(body)
        async.sleep(1)
        task:cancel()
        task:join()
        assert.equal("cancelled", task:status(), i)
      end
    end)
  end)

  it("also where the error was raised in what Lua cannot yield across", function()
    run(function()
      local err = error_of(async.timeout, 1, function()
        local _ <close> = defer(function() async.sleep(60) end)
        table.sort({ 1, 2 }, function() error("foreign", 0) end)
      end)
      assert.equal("foreign", err)
    end)
  end)

  it("leaves nothing behind where it was caught", function()
    run(function()
      local raise = async.critical(function() error({}, 0) end)
      local function rounds(n)
        for _ = 1, n do async.timeout(1, function() pcall(raise) end) end
        collectgarbage()
        return collectgarbage("count")
      end
      local before = rounds(100)
      assert.is_true(rounds(10000) < before + 100)
    end)
  end)

  it("also where it is task_cancelled of an awaited task", function()
    run(function()
      local other = async.spawn(async.park)
      other:cancel("other")
      local err = error_of(cancelled, function()
        pcall(async.yield)
        async.shield(other.await, other)
      end)
      assert.same({ "task_cancelled", "other" }, { err.kind, err.reason })
    end)
  end)
end)

describe("closers", function()
  local function story_of(leave)
    local story = {}
    local function note(name, call, ...)
      local ok, err = pcall(call, ...)
      story[#story + 1] = ok and name or name .. ": " .. (err.kind or err)
      if not ok then error(err, 0) end
    end
    local function body()
      local _ <close> = defer(function(e) note("outer", async.shield, async.sleep, 1) story.error = e end)
      local _ <close> = defer(function() note("bare", async.sleep, 1) end)
      local _ <close> = defer(function() note("inner", async.shield, async.sleep, 1) end)
      return leave()
    end
    return story, body
  end

  it("suspend in order on a return", function()
    run(function()
      local story, body = story_of(function() return "value" end)
      assert.equal("value", body())
      assert.same({ "inner", "bare", "outer" }, story)
      assert.equal(3, async.now())
    end)
  end)

  it("suspend in order on an error, which goes on untouched", function()
    run(function()
      local original = {}
      local story, body = story_of(function() error(original) end)
      assert.is_true(rawequal(original, error_of(body)))
      assert.is_true(rawequal(original, story.error))
      assert.same({ 3, "inner", "bare", "outer" }, { async.now(), table.unpack(story) })
    end)
  end)

  it("suspend on a cancel under a shield only, and all run", function()
    run(function()
      local story, body = story_of(async.park)
      assert.equal("cancelled", select(2, cancelled(body)))
      assert.is_true(async.is_cancelled(story.error))
      assert.same({ 2, "inner", "bare: cancelled", "outer" }, { async.now(), table.unpack(story) })
    end)
  end)

  it("run when their task is cancelled, before who joins it goes on", function()
    run(function()
      local story, body = story_of(async.park)
      local task = async.spawn(body)
      async.yield()
      task:cancel()
      task:join()
      assert.same({ 2, "inner", "bare: cancelled", "outer" }, { async.now(), table.unpack(story) })
      assert.equal("cancelled", task:status())
    end)
  end)

  it("may replace an error by one of their own", function()
    run(function()
      assert.equal("second", error_of(function()
        local _ <close> = defer(function(e) error(e == "first" and "second" or e, 0) end)
        error("first", 0)
      end))
    end)
  end)

  it("may spawn and wait for that", function()
    run(function()
      local done = 0
      cancelled(function()
        local _ <close> = defer(function()
          async.shield(function()
            for _ = 1, 3 do async.spawn(function() async.sleep(1) done = done + 1 end) end
          end)
        end)
        async.park()
      end)
      assert.equal(3, done)
    end)
  end)
end)

describe("a shield", function()
  it("keeps cancels from outside until the first checkpoint after it", function()
    run(function()
      local story = {}
      local task = async.spawn(function()
        local value = async.shield(function(x)
          async.sleep(2)
          story[#story + 1] = tostring(async.cancelling())
          return x
        end, "value")
        story[#story + 1] = value
        story[#story + 1] = async.cancelling()
        async.yield()
        story[#story + 1] = "not reached"
      end)
      async.sleep(1)
      task:cancel("why")
      task:join()
      assert.same({ "nil", "value", "why" }, story)
      assert.same({ 2, "cancelled" }, { async.now(), task:status() })
    end)
  end)

  it("holds for tasks spawned inside, and waits for them", function()
    run(function()
      local done
      local task = async.spawn(function()
        async.shield(function()
          async.spawn(function()
            async.sleep(5)
            done = true
          end)
        end)
      end)
      async.sleep(1)
      task:cancel()
      task:join()
      assert.same({ true, 5 }, { done, async.now() })
    end)
  end)

  it("lets timeouts and cancels inside it work", function()
    run(function()
      cancelled(function()
        async.shield(function()
          assert.is_false(async.try_timeout(1, async.park))
          assert.equal("cancelled", select(2, cancelled(async.yield)))
          local task = async.spawn(async.park)
          task:cancel("inside")
          assert.equal("inside", select(2, task:join()).reason)
        end)
      end)
      assert.equal(1, async.now())
    end)
  end)

  it("passes errors on, and is none for its children's failures", function()
    run(function()
      assert.equal("body", error_of(async.shield, function() error("body", 0) end))
      assert.equal("child", error_of(async.shield, function()
        async.spawn(function() error("child", 0) end)
        async.park()
      end))
    end)
  end)

  it("can be in a shield", function()
    run(function()
      local story = {}
      local task = async.spawn(async.shield, function()
        async.shield(async.sleep, 2)
        story[#story + 1] = async.now()
        async.sleep(2)
        story[#story + 1] = async.now()
      end)
      async.sleep(1)
      task:cancel()
      task:join()
      assert.same({ 2.0, 4.0 }, story)
    end)
  end)

  it("needs a task and a function", function()
    local here = helper.here
    assert.equal(here(1) .. ": 'shield' called outside a task",
      error_of(function() async.shield(print) end))
    run(function()
      assert.equal(here(1) .. ": bad argument #1 to 'shield' (function expected, got no value)",
        error_of(function() async.shield() end))
    end)
  end)
end)

describe("a cancel in the turn of a wake", function()
  it("comes too late for a sleep that is over, and shows at the next checkpoint", function()
    run(function()
      local slept, after
      local task
      async.spawn(function()
        async.sleep(1)
        task:cancel()
      end)
      task = async.spawn(function()
        async.sleep(1)
        slept = true
        after = error_of(async.sleep, 1)
        error(after)
      end)
      task:join()
      assert.is_true(slept)
      assert.is_true(async.is_cancelled(after))
      assert.equal(1, async.now())
    end)
  end)

  it("comes too late for a future that is set and for a task that has ended", function()
    run(function()
      local future, got = async.future(), {}
      local source = async.spawn(function() return future:await() end)
      local on_future = async.spawn(function() got[1] = future:await() end)
      local on_task = async.spawn(function() got[2] = source:await() end)
      async.yield()
      future:resolve("value")
      on_future:cancel()
      on_future:join()
      source:join()
      on_task:cancel()
      on_task:join()
      assert.same({ "value", "value" }, got)
    end)
  end)

  it("is not lost on a task that was woken for nothing", function()
    run(function()
      local sleeper = async.spawn(function()
        async.spawn(async.yield) -- its end is a hint for who sleeps
        async.sleep(100)
      end)
      async.yield()
      async.yield()
      async.yield()
      sleeper:cancel()
      sleeper:join()
      assert.same({ 0, "cancelled" }, { async.now(), sleeper:status() })
    end)
  end)

  it("leaves nothing of the wait behind", function()
    local reports, ok = try_run(function()
      local future = async.future()
      for _ = 1, 100 do
        local waits = { async.sleep, future.await, async.park }
        for i, wait in ipairs(waits) do
          local task = async.spawn(wait, i == 2 and future or 10)
          async.yield()
          task:cancel()
          task:join()
        end
      end
      future:resolve()
    end)
    assert.same({ 0, true }, { #reports, ok })
  end)
end)

describe("seeds", function()
  it("change no outcome of a race between a cancel and an end", function()
    for seed = 1, 50 do
      local rt <close> = async.runtime { clock = "virtual", seed = seed }
      rt:run(function()
        local future = async.future()
        local task = async.spawn(function()
          local _ <close> = defer(function() async.shield(async.sleep, 1) end)
          return future:await()
        end)
        async.spawn(function() async.sleep(1) task:cancel("r") end)
        async.spawn(function() async.sleep(1) future:resolve("v") end)
        local ok, value = task:join()
        assert.is_true(ok and value == "v" or not ok and value.reason == "r")
        assert.equal(2, async.now())
      end)
    end
  end)
end)
