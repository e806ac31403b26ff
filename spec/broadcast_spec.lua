local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, error_of, settle = helper.run, helper.error_of, helper.settle

local CLOSED = { nil, "closed", "closed", n = 3 }

-- What is there, without waiting.
local function drain(subscription)
  local got = {}
  while true do
    local v = subscription:try_recv()
    if v == nil then return got end
    got[#got + 1] = v
  end
end

describe("a broadcast", function()
  it("gives each message to all who have subscribed before it", function()
    run(function()
      local b = async.broadcast(8)
      assert.is_true(b:send("to nobody"))
      local one = b:subscribe()
      b:send(1, nil, "more")
      local two = b:subscribe()
      b:send(false)
      assert.same({ 1, nil, "more", n = 3 }, table.pack(one:recv()))
      assert.same({ false, n = 1 }, table.pack(one:recv()))
      assert.same({ false, n = 1 }, table.pack(two:recv()))
      assert.equal(0, #one)
    end)
  end)

  it("wakes those who wait, in the order in which they subscribed", function()
    run(function()
      local b, got = async.broadcast(1), {}
      for i = 1, 4 do
        local subscription = b:subscribe()
        async.spawn(function()
          for v in subscription do got[#got + 1] = v .. i end
        end)
      end
      settle()
      b:send("a")
      settle()
      b:send("b")
      b:close()
      settle()
      assert.same({ "a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4" }, got)
    end)
  end)

  it("waits for nobody: who is too slow misses the oldest, and can know how many", function()
    run(function()
      local b = async.broadcast(3)
      local slow, quick = b:subscribe(), b:subscribe()
      for i = 1, 10 do
        b:send(i)
        assert.equal(i, quick:recv())
      end
      assert.equal(7, slow:lost())
      assert.equal(0, quick:lost())
      assert.same({ 8, 9, 10 }, drain(slow))
      b:send(11)
      assert.equal(11, slow:recv())
      assert.equal(7, slow:lost())
    end)
  end)

  it("that is closed still delivers what was sent", function()
    run(function()
      local b = async.broadcast(2)
      local subscription, waiting = b:subscribe(), b:subscribe()
      b:send(1)
      waiting:recv()
      local task = async.spawn(function() return waiting:recv() end)
      settle()
      b:close()
      b:close()
      assert.same(CLOSED, table.pack(task:await()))
      assert.same(CLOSED, table.pack(b:send(2)))
      assert.equal(1, subscription:recv())
      assert.same(CLOSED, table.pack(subscription:recv()))
      assert.same(CLOSED, table.pack(b:subscribe():recv()))
    end)
  end)

  it("forgets subscriptions that were closed or collected", function()
    run(function()
      local b = async.broadcast(1)
      local kept = b:subscribe()
      do
        local closed <close> = b:subscribe()
        b:send(1)
        assert.equal(1, closed:recv())
      end
      local weak = setmetatable({ b:subscribe() }, { __mode = "v" })
      helper.collect()
      assert.is_nil(weak[1])
      b:send(2)
      assert.same({ 2 }, drain(kept))
      assert.equal(1, kept:lost())
      assert.equal(1, b.last)
    end)
  end)

  it("can be used where no runtime runs, and by finalisers", function()
    local b = async.broadcast(1000)
    local one, two = b:subscribe(), b:subscribe()
    local sent = 0
    for _ = 1, 2000 do
      setmetatable({}, { __gc = function()
        b:send("from a finaliser")
        sent = sent + 1
      end })
      b:send({})
      sent = sent + 1
    end
    collectgarbage()
    b:close()
    assert.equal(sent, #drain(one) + one:lost())
    assert.equal(sent, #drain(two) + two:lost())
  end)

  it("is a case of select through its subscriptions", function()
    run(function()
      local b = async.broadcast(1)
      local one, two = b:subscribe(), b:subscribe()
      b:send("x", 1)
      one:recv()
      assert.same({ 2, "x", 1, n = 3 }, table.pack(async.select(one, two)))
      async.spawn(function() b:send("y") end)
      assert.equal("y", select(2, async.select(one, two)))
      assert.equal(1, #one + #two)
      b:close()
    end)
  end)

  it("loses nothing to a cancel", function()
    run(function()
      local b = async.broadcast(4)
      local subscription, got = b:subscribe(), nil
      local task = async.spawn(function() got = subscription:recv() end)
      settle()
      task:cancel()
      b:send("kept")
      task:join()
      assert.is_nil(got)
      assert.equal("kept", subscription:try_recv())
    end)
  end)

  it("says what it is and what is wrong", function()
    local b = async.broadcast(1)
    assert.equal("broadcast", tostring(b))
    assert.equal("subscription (0 messages)", tostring(b:subscribe()))
    b:close()
    assert.equal("broadcast (closed)", tostring(b))
    assert.equal("subscription (0 messages, closed)", tostring(b:subscribe()))
    assert.matches("bad argument #1 to 'broadcast' %(0 is not in 1..2147483647%)",
      error_of(function() async.broadcast(0) end))
    assert.matches("bad argument #1 to 'send' %(value expected, got nil%)", error_of(function() b:send(nil) end))
  end)
end)

describe("a watch", function()
  it("gives the value as it is, then the latest after each change", function()
    run(function()
      local w = async.watch("first")
      local subscription = w:subscribe()
      assert.equal("first", w:get())
      assert.equal("first", subscription:recv())
      local task = async.spawn(function() return subscription:recv() end)
      settle()
      w:set("second")
      assert.equal("second", task:await())
      for i = 1, 5 do w:set(i) end
      assert.equal(5, subscription:recv())
      assert.equal(4, subscription:lost())
      assert.equal(5, w:get())
      assert.equal(5, w:subscribe():recv())
    end)
  end)

  it("can be false, and not nil", function()
    local w = async.watch(false)
    assert.is_false(w:get())
    assert.is_false(w:subscribe():try_recv())
    assert.matches("bad argument #1 to 'watch' %(value expected, got nil%)", error_of(function() async.watch(nil) end))
    assert.matches("bad argument #1 to 'set' %(value expected, got no value%)", error_of(function() w:set() end))
  end)

  it("that is closed keeps its value, and ends the loops of those who watch", function()
    run(function()
      local w, got = async.watch(1), {}
      local subscription = w:subscribe()
      local task = async.spawn(function()
        for v in subscription do got[#got + 1] = v end
      end)
      settle()
      w:set(2)
      w:close()
      task:await()
      assert.same({ 1, 2 }, got)
      assert.equal(2, w:get())
      assert.same(CLOSED, table.pack(w:set(3)))
      assert.equal(2, w:get())
      assert.equal(2, w:subscribe():recv())
      assert.equal("watch (closed)", tostring(w))
    end)
  end)
end)
