local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, here, error_of = helper.run, helper.here, helper.error_of

describe("a waker", function()
  it("is the task's own, the same every time", function()
    run(function()
      local mine = async.waker()
      assert.equal(mine, async.waker())
      local other = async.spawn(async.waker):await()
      assert.not_equal(mine, other)
      assert.equal(("waker of task %d"):format(async.current():id()), tostring(mine))
      assert.equal("asyncrt.waker", getmetatable(mine).__name)
    end)
    assert.equal(here(1) .. ": 'waker' called outside a task",
      error_of(function() async.waker() end))
  end)

  it("ends a park", function()
    run(function()
      local waker = async.waker()
      async.spawn(function()
        async.sleep(1)
        waker:wake()
      end)
      async.park()
      assert.equal(1, async.now())
    end)
  end)

  it("woken before the park is remembered, once", function()
    run(function()
      local waker = async.waker()
      for _ = 1, 5 do waker:wake() end
      async.park()
      assert.is_false(async.try_timeout(1, async.park))
    end)
  end)

  it("woken many times ends one park", function()
    run(function()
      local waker, parks = nil, 0
      local task = async.spawn(function()
        waker = async.waker()
        while true do
          async.park()
          parks = parks + 1
        end
      end)
      async.yield()
      for round = 1, 3 do
        for _ = 1, 10 do waker:wake() end
        helper.settle()
        assert.equal(round, parks)
      end
      task:cancel()
    end)
  end)

  it("woken while its task runs is not lost", function()
    run(function()
      local waker = async.waker()
      async.yield()
      waker:wake()
      async.yield()
      assert.is_true(async.try_timeout(1, async.park))
    end)
  end)

  it("ends no sleep and no await, which leave the permit alone", function()
    run(function()
      local waker, future = nil, async.future()
      local ended = {}
      local task = async.spawn(function()
        waker = async.waker()
        async.sleep(10)
        ended[1] = async.now()
        future:await()
        ended[2] = async.now()
        ended[3] = async.try_timeout(100, async.park)
      end)
      async.sleep(5)
      waker:wake()
      async.sleep(10)
      waker:wake()
      async.sleep(5)
      future:resolve()
      task:join()
      assert.same({ 10.0, 20.0, true }, ended)
    end)
  end)

  it("does nothing after the task's end", function()
    run(function()
      local waker = async.spawn(async.waker):await()
      waker:wake()
      helper.collect()
      waker:wake()
    end)
  end)

  it("outlives its runtime, which was closed", function()
    local waker
    local rt = async.runtime { clock = "virtual" }
    rt:spawn(function()
      waker = async.waker()
      async.park()
    end)
    rt:tick()
    rt:close()
    waker:wake()
  end)

  it("can be woken from outside, between two ticks", function()
    local rt <close> = async.runtime { clock = "manual" }
    local waker, woken
    rt:spawn(function()
      waker = async.waker()
      async.park()
      woken = true
    end)
    rt:tick()
    waker:wake()
    assert.is_nil(woken)
    rt:tick()
    assert.is_true(woken)
  end)

  it("can be woken by a finaliser", function()
    run(function()
      local waker = async.waker()
      setmetatable({}, { __gc = function() waker:wake() end })
      helper.collect()
      assert.is_true(async.try_timeout(1, async.park))
    end)
  end)

  it("keeps no ended task's values alive", function()
    run(function()
      local gone = setmetatable({}, { __mode = "v" })
      local waker = async.spawn(function()
        gone[1] = {}
        local kept = gone[1]
        return async.waker(), function() return kept end
      end):await()
      helper.settle()
      helper.collect()
      assert.truthy(waker)
    end)
  end)

  it("refuses misuse with the caller's position", function()
    run(function()
      local waker = async.waker()
      assert.equal(here(1) .. ": bad argument #1 to 'wake' (asyncrt.waker expected, got nil)",
        error_of(function() waker.wake(nil) end))
    end)
    assert.equal(here(1) .. ": 'park' called outside a task",
      error_of(function() async.park() end))
  end)
end)

describe("park", function()
  it("lets others run after many that need not wait", function()
    run(function()
      local waker, ran = async.waker(), false
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do
        waker:wake()
        async.park()
      end
      assert.is_true(ran)
    end)
  end)
end)

describe("poll", function()
  it("calls the function now and after each wake, until its first value is not nil", function()
    run(function()
      local polls, waker, value = 0, nil, nil
      async.spawn(function()
        for i = 1, 3 do
          async.sleep(1)
          if i == 3 then value = "ready" end
          waker:wake()
        end
      end)
      local results = table.pack(async.poll(function(w)
        polls, waker = polls + 1, w
        return value, nil, polls
      end))
      assert.same({ "ready", nil, 4, n = 3 }, results)
      assert.equal(3, async.now())
      assert.equal(async.waker(), waker)
    end)
  end)

  it("takes an answer at once", function()
    run(function()
      assert.same({ false, 2, n = 2 }, table.pack(async.poll(function() return false, 2 end)))
    end)
  end)

  it("polls again after a wake from inside the poll", function()
    run(function()
      local polls = 0
      assert.equal("done", async.poll(function(waker)
        polls = polls + 1
        waker:wake()
        if polls == 1000 then return "done" end
      end))
    end)
  end)

  it("passes errors of the function on, and lets it suspend", function()
    run(function()
      local original = {}
      assert.is_true(rawequal(original, error_of(async.poll, function() error(original) end)))
      assert.equal(2, async.poll(function()
        async.sleep(2)
        return async.now() // 1
      end))
    end)
  end)

  it("can be cancelled, and leaves nothing behind", function()
    run(function()
      assert.is_false(async.try_timeout(1, async.poll, function() end))
      async.waker():wake()
      async.park()
    end)
  end)

  it("lets others run after many that are answered at once", function()
    run(function()
      local ran = false
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do async.poll(function() return true end) end
      assert.is_true(ran)
    end)
  end)

  it("takes callables, and refuses the rest with the caller's position", function()
    run(function()
      assert.equal(5, async.poll(setmetatable({}, { __call = function() return 5 end })))
      assert.equal(here(1) .. ": bad argument #1 to 'poll' (function expected, got no value)",
        error_of(function() async.poll() end))
    end)
    assert.equal(here(1) .. ": 'poll' called outside a task",
      error_of(function() async.poll(print) end))
  end)
end)
