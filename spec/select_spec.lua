local async = require "asyncrt"
local core = require "asyncrt.core"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, error_of, settle = helper.run, helper.try_run, helper.error_of, helper.settle

local function pack_select(...)
  return table.pack(async.select(...))
end

describe("select", function()
  it("gives the number of the case that came, and what its own call would", function()
    run(function()
      local ch, future = async.channel(1), async.future()
      local task = async.spawn(function()
        async.sleep(1)
        return "a", nil, "c", nil
      end)
      assert.same({ 2, "a", nil, "c", nil, n = 5 }, pack_select(ch, task, future))
      future:resolve(nil, 2)
      assert.same({ 3, nil, 2, n = 3 }, pack_select(ch, false, future))
      ch:send("x", nil)
      assert.same({ 1, "x", nil, n = 3 }, pack_select(ch, async.future()))
      assert.same({ 2, true, n = 2 }, pack_select(async.channel(), ch:sending("y", false)))
      assert.same({ "y", false, n = 2 }, table.pack(ch:recv()))
      assert.same({ 2, n = 1 }, pack_select(ch, async.after(1)))
      assert.same({ 1, n = 1 }, pack_select(async.at(0), ch))
    end)
  end)

  it("takes its cases from a list too", function()
    run(function()
      local ch = async.channel(1)
      ch:send("x")
      assert.same({ 3, "x", n = 2 }, pack_select { async.future(), false, ch })
      local many = {}
      for i = 1, 2000 do many[i] = async.channel() end
      async.spawn(function() many[1234]:send("here") end)
      assert.same({ 1234, "here", n = 2 }, pack_select(many))
    end)
  end)

  it("waits for whatever comes first", function()
    run(function()
      local ch, future = async.channel(), async.future()
      local function after(seconds, fn)
        async.spawn(function()
          async.sleep(seconds)
          fn()
        end)
      end
      after(1, function() ch:send("one", 1) end)
      assert.same({ 1, "one", 1, n = 3 }, pack_select(ch, future, async.after(2)))
      assert.equal(1, async.now())
      after(1, function() future:resolve("two") end)
      assert.same({ 2, "two", n = 2 }, pack_select(ch, future, async.after(2)))
      assert.equal(2, async.now())
      assert.same({ 2, n = 1 }, pack_select(ch, async.after(0.5)))
      assert.equal(2.5, async.now())
      after(1, function() assert.equal("out", ch:recv()) end)
      assert.same({ 2, true, n = 2 }, pack_select(async.channel(), ch:sending("out")))
      after(1, function() ch:close() end)
      assert.same({ 1, nil, "closed", "closed", n = 4 }, pack_select(ch, ch:sending(1)))
    end)
  end)

  it("gives closed at once for a channel that is", function()
    run(function()
      local ch, idle = async.channel(), async.channel()
      ch:close()
      assert.same({ 2, nil, "closed", "closed", n = 4 }, pack_select(idle, ch))
      assert.same({ 2, nil, "closed", "closed", n = 4 }, pack_select(idle, ch:sending(1)))
    end)
  end)

  it("tells both sides of an exchange between two selects", function()
    run(function()
      local ch, idle = async.channel(), async.channel()
      local sender = async.spawn(function() return async.select(idle, ch:sending("m", nil, 3)) end)
      settle()
      assert.same({ 2, "m", nil, 3, n = 4 }, pack_select(idle, ch))
      assert.same({ 2, true }, { sender:await() })
      local receiver = async.spawn(function() return async.select(idle, ch) end)
      settle()
      assert.same({ 1, true, n = 2 }, pack_select(ch:sending("n"), idle))
      assert.same({ 2, "n" }, { receiver:await() })
    end)
  end)

  it("does not match a task with itself", function()
    run(function()
      local ch = async.channel()
      assert.same({ 3, n = 1 }, pack_select(ch, ch:sending("mine"), async.after(1)))
      local both = async.spawn(function() return async.select(ch, ch:sending("mine")) end)
      settle()
      assert.equal("mine", ch:recv())
      assert.same({ 2, true }, { both:await() })
    end)
  end)

  it("lets exactly one case take effect", function()
    run(function()
      local a, b = async.channel(), async.channel()
      local task = async.spawn(function() return async.select(a, b, async.after(5)) end)
      settle()
      assert.is_true(a:try_send("first"))
      assert.equal("full", select(3, b:try_send("second")))
      assert.equal("full", select(3, a:try_send("third")))
      assert.same({ 1, "first" }, { task:await() })
    end)
  end)

  it("leaves nothing behind of the cases that did not come", function()
    local rt <close> = async.runtime { clock = "virtual" }
    rt:run(function()
      local ch, future = async.channel(), async.future()
      local task = async.spawn(async.sleep, 1)
      async.spawn(function() async.select(ch, ch:sending(1), future, async.after(9), task) end)
      local before = core.counts(rt).timers
      settle()
      assert.equal(before + 2, core.counts(rt).timers)
      task:await()
      settle()
      assert.equal(0, core.counts(rt).timers)
      assert.equal("full", select(3, ch:try_send(1)))
      assert.equal("empty", select(3, ch:try_recv()))
      future:resolve()
    end)
  end)

  it("that is cancelled leaves nothing behind and takes nothing", function()
    local rt <close> = async.runtime { clock = "virtual" }
    rt:run(function()
      local ch, told = async.channel(), false
      local future = async.future(function() told = true end)
      local task = async.spawn(function() async.select(ch, ch:sending(1), future, async.after(9)) end)
      settle()
      assert.equal("select", task:waiting_on())
      task:cancel()
      settle()
      assert.equal("cancelled", task:status())
      assert.equal(0, core.counts(rt).timers)
      assert.equal("full", select(3, ch:try_send(1)))
      assert.equal("empty", select(3, ch:try_recv()))
      assert.is_false(told)
    end)
  end)

  it("raises a cancel before anything is taken, and returns what it took before one", function()
    run(function()
      local ch = async.channel(1)
      ch:send("kept")
      async.spawn(function()
        async.current():cancel()
        assert.is_true(async.is_cancelled(error_of(async.select, ch)))
      end):join()
      assert.equal("kept", ch:try_recv())
      local got
      local task = async.spawn(function() got = pack_select(ch, async.future()) end)
      settle()
      assert.is_true(ch:try_send("handed over"))
      task:cancel()
      task:join()
      assert.same({ 1, "handed over", n = 2 }, got)
    end)
  end)

  it("raises the error of a case, with its number in ours", function()
    run(function()
      local original, idle = {}, async.channel()
      local failing = async.try_spawn(function()
        async.sleep(1)
        error(original)
      end)
      assert.is_true(rawequal(original, error_of(async.select, idle, failing)))
      assert.is_true(rawequal(original, error_of(async.select, idle, failing)))
      assert.is_nil(original.case)
      local cancelled = async.spawn(async.sleep, 10)
      cancelled:cancel("no more")
      local err = error_of(async.select, idle, false, cancelled)
      assert.equal("task_cancelled", err.kind)
      assert.equal("no more", err.reason)
      assert.equal(3, err.case)
      local future = async.future()
      async.spawn(function() future:reject("rejected") end)
      assert.equal("rejected", error_of(async.select, idle, future))
      local late = async.try_spawn(async.timeout, 1, async.sleep, 2)
      err = error_of(async.select, late, idle)
      assert.equal("timeout", err.kind)
      assert.equal(1, err.case)
    end)
  end)

  it("takes no failure away from on_error that it did not raise", function()
    local reports = try_run(function()
      local ch, future = async.channel(), async.future()
      local task = async.spawn(function() return async.select(ch, future) end)
      settle()
      ch:send("first")
      future:reject("nobody's")
      task:await()
      future = nil -- luacheck: ignore
      helper.collect()
      async.yield()
    end)
    helper.collect()
    assert.equal(1, #reports)
    assert.equal("nobody's", reports[1].err)
  end)

  it("waits for the waker of its task, whose permit it takes", function()
    run(function()
      local waker, ch = async.waker(), async.channel(1)
      waker:wake()
      assert.same({ 2, n = 1 }, pack_select(ch, waker))
      async.spawn(function() waker:wake() end)
      assert.same({ 2, n = 1 }, pack_select(ch, waker))
      async.spawn(function()
        waker:wake()
        ch:send("x")
      end)
      assert.same({ 1, "x", n = 2 }, pack_select(ch))
      assert.same({ 1, n = 1 }, pack_select(waker))
      async.spawn(function()
        assert.matches("bad argument #1 to 'select' %(waker of another task%)",
          error_of(function() async.select(waker) end))
        assert.matches("%(item 2: waker of another task%)", error_of(async.select, { ch, waker }))
      end)
      async.sleep(1)
    end)
  end)

  it("waits for events", function()
    run(function()
      local event, ch = async.event(), async.channel()
      async.spawn(function()
        async.sleep(1)
        event:set()
        event:clear()
      end)
      assert.same({ 2, n = 1 }, pack_select(ch, event))
      assert.same({ 2, n = 1 }, pack_select(event, async.after(1)))
      event:set()
      assert.same({ 1, n = 1 }, pack_select(event, async.after(1)))
    end)
  end)

  it("takes each of those that are ready now and then", function()
    for _, seed in ipairs { 0, 1, 2, 3 } do
      local rt <close> = async.runtime { clock = "virtual", seed = seed > 0 and seed or nil }
      rt:run(function()
        local cases, counts = {}, { 0, 0, 0, 0 }
        for i = 1, 4 do
          cases[i] = async.channel(math.huge)
          for _ = 1, 1000 do cases[i]:try_send(i) end
        end
        for _ = 1, 1000 do
          local i = async.select(cases)
          counts[i] = counts[i] + 1
        end
        for i = 1, 4 do assert.is_true(counts[i] > 150 and counts[i] < 350, "of " .. i .. ": " .. counts[i]) end
      end)
    end
  end)

  it("chooses the same with the same seed, and differently with others", function()
    local function choices(seed)
      local rt <close> = async.runtime { clock = "virtual", seed = seed }
      return rt:run(function()
        local a, b, text = async.channel(math.huge), async.channel(math.huge), ""
        for i = 1, 20 do
          a:try_send(i)
          b:try_send(i)
        end
        for _ = 1, 10 do text = text .. async.select(a, b) end
        for _ = 1, 10 do text = text .. async.select(async.after(1), async.after(1)) end
        return text
      end)
    end
    assert.equal(choices(7), choices(7))
    local seen, distinct = {}, 0
    for seed = 1, 20 do
      local text = choices(seed)
      if not seen[text] then distinct = distinct + 1 end
      seen[text] = true
    end
    assert.is_true(distinct > 15)
  end)

  it("lets others run now and then, though it never has to wait", function()
    run(function()
      local ch, others = async.channel(math.huge), 0
      async.spawn_with({ daemon = true }, function()
        while true do
          others = others + 1
          async.yield()
        end
      end)
      for i = 1, 2000 do ch:try_send(i) end
      for i = 1, 2000 do assert.equal(i, select(2, async.select(ch, async.future()))) end
      assert.is_true(others > 10)
    end)
  end)

  it("names what is wrong with a case", function()
    run(function()
      local ch = async.channel()
      assert.matches("bad argument #2 to 'select' %(awaitable or false expected, got nil%)",
        error_of(function() async.select(ch, nil) end))
      assert.matches("bad argument #1 to 'select' %(awaitable or false expected, got asyncrt.runtime%)",
        error_of(function() async.select(async.runtime { clock = "virtual" }) end))
      assert.matches("item 2: awaitable or false expected, got number", error_of(async.select, { ch, 1 }))
      assert.matches("bad argument #1 to 'select' %(awaitable or false expected, got no value%)",
        error_of(function() async.select() end))
      assert.matches("'select' has no case", error_of(async.select, {}))
      assert.matches("'select' has no case", error_of(async.select, false, false))
      assert.equal("deadlock", error_of(async.select, ch, async.current()).kind)
      assert.matches("value expected", error_of(function() return ch:sending(nil, 1) end))
    end)
    assert.matches("'select' called outside a task", error_of(async.select, async.channel()))
    assert.matches("bad argument #1 to 'select' %(awaitable or false expected, got asyncrt.interval%)",
      error_of(function() async.select(async.interval(1)) end))
  end)

  it("that nothing can end is a deadlock", function()
    local _, ok, err = try_run(function()
      async.select(async.channel(), async.channel():sending(1), async.after(math.huge), async.future())
    end)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
  end)

  it("in a runtime that is collected leaves nothing behind", function()
    local ch, future = async.channel(), async.future()
    do
      local rt = async.runtime { clock = "manual" }
      rt:spawn(function() async.select(ch, future, async.after(5), ch:sending(1)) end)
      rt:tick()
    end
    helper.collect()
    helper.expect_lost(1)
    assert.equal("full", select(3, ch:try_send(1)))
    future:resolve()
  end)
end)

describe("a deadline", function()
  it("stays where it is when it is used again", function()
    run(function()
      local deadline, ch, rounds = async.after(1), async.channel(), 0
      async.spawn_with({ daemon = true }, function()
        while true do
          async.sleep(0.3)
          ch:send("tick")
        end
      end)
      while async.select(ch, deadline) == 1 do rounds = rounds + 1 end
      assert.equal(3, rounds)
      assert.equal(1, async.now())
    end)
  end)

  it("made where no runtime runs counts from its first use", function()
    local deadline = async.after(2)
    assert.matches("deadline after 2", tostring(deadline))
    run(function()
      async.sleep(1)
      async.select(deadline)
      assert.equal(3, async.now())
    end)
    assert.matches("deadline at 3", tostring(deadline))
    assert.equal("deadline (never)", tostring(async.at(math.huge)))
  end)

  it("that has passed comes at once", function()
    run(function()
      async.sleep(1)
      assert.equal(1, (async.select(async.after(-1), async.channel())))
      assert.equal(2, (async.select(async.channel(), async.at(0.5))))
      assert.equal(1, async.now())
    end)
  end)

  it("is a number of seconds", function()
    assert.matches("bad argument #1 to 'after' %(number expected, got no value%)", error_of(async.after))
    assert.matches("bad argument #1 to 'at' %(number of seconds is NaN%)", error_of(async.at, 0 / 0))
  end)
end)
