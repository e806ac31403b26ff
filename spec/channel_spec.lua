local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, error_of, settle = helper.run, helper.try_run, helper.error_of, helper.settle

local CLOSED = { nil, "closed", "closed", n = 3 }

local function pack_recv(ch)
  return table.pack(ch:recv())
end

describe("a channel", function()
  it("hands a message over to who waits for it, and makes the sender wait for who takes it", function()
    run(function()
      local ch, log = async.channel(), {}
      async.spawn(function()
        for i = 1, 3 do
          assert.is_true(ch:send(i))
          log[#log + 1] = "sent " .. i
        end
      end)
      async.sleep(1)
      assert.same({}, log)
      for i = 1, 3 do
        assert.equal(i, ch:recv())
        async.sleep(1)
      end
      assert.same({ "sent 1", "sent 2", "sent 3" }, log)
    end)
  end)

  it("keeps as many messages as it has room for", function()
    run(function()
      local ch = async.channel(2)
      ch:send("a")
      ch:send("b")
      assert.equal(2, #ch)
      local sender = async.spawn(function() ch:send("c") end)
      settle()
      assert.equal("waiting", sender:status())
      assert.equal("channel send", sender:waiting_on())
      assert.equal("a", ch:recv())
      settle()
      assert.equal("done", sender:status())
      assert.equal("b", ch:recv())
      assert.equal("c", ch:recv())
      assert.equal(0, #ch)
    end)
  end)

  it("without a limit never makes a sender wait", function()
    run(function()
      local ch = async.channel(math.huge)
      for i = 1, 5000 do assert.is_true(ch:try_send(i)) end
      assert.equal(5000, #ch)
      for i = 1, 5000 do assert.equal(i, ch:recv()) end
    end)
  end)

  it("takes no memory for room that is not used", function()
    collectgarbage()
    local before = collectgarbage("count")
    local channels = {}
    for i = 1, 100 do channels[i] = async.channel(2147483648) end
    assert.is_true(collectgarbage("count") - before < 64)
    assert.equal(100, #channels)
  end)

  it("carries several values, false and nil among them, by reference", function()
    run(function()
      for _, capacity in ipairs { 0, 1, 3, math.huge } do
        local ch, thing = async.channel(capacity), {}
        async.spawn(function()
          ch:send(thing, nil, false, nil)
          ch:send(false)
          ch:send(table.unpack({ "many" }, 1, 3000))
          ch:send("last")
        end)
        settle()
        local got = pack_recv(ch)
        assert.equal(4, got.n)
        assert.is_true(rawequal(thing, got[1]))
        assert.same({ nil, false, nil }, { got[2], got[3], got[4] })
        assert.same({ false, n = 1 }, pack_recv(ch))
        assert.equal(3000, pack_recv(ch).n)
        assert.same({ "last", n = 1 }, pack_recv(ch))
      end
    end)
  end)

  it("hands several values over to a receiver that waits", function()
    run(function()
      local ch = async.channel()
      local receiver = async.spawn(function() return pack_recv(ch), pack_recv(ch) end)
      settle()
      ch:send(1, nil, nil)
      ch:send(table.unpack({ "many" }, 1, 3000))
      local first, second = receiver:await()
      assert.same({ 1, n = 3 }, first)
      assert.equal(3000, second.n)
    end)
  end)

  it("refuses nil, for that is how a receiver learns of the end", function()
    run(function()
      local ch = async.channel(1)
      assert.matches("bad argument #1 to 'send' %(value expected, got nil%)",
        error_of(function() ch:send(nil, 1) end))
      assert.matches("bad argument #1 to 'send' %(value expected, got no value%)", error_of(function() ch:send() end))
      assert.matches("bad argument #1 to 'try_send' %(value expected, got nil%)",
        error_of(function() ch:try_send(nil) end))
      assert.equal(0, #ch)
    end)
  end)

  it("is made with a capacity or nothing", function()
    assert.matches("bad argument #1 to 'channel' %(number expected, got string%)",
      error_of(function() async.channel("1") end))
    assert.matches("not in 0..2147483648", error_of(async.channel, -1))
    assert.matches("not in 0..2147483648", error_of(async.channel, 2147483649))
    assert.matches("no integer representation", error_of(async.channel, 0.5))
    assert.matches("no integer representation", error_of(async.channel, -math.huge))
    assert.matches("no integer representation", error_of(async.channel, 0 / 0))
  end)

  it("serves those who wait in the order in which they came, on both sides", function()
    run(function()
      local ch, got, sent = async.channel(), {}, {}
      for i = 1, 5 do
        async.spawn(function()
          local message = ch:recv()
          got[#got + 1] = i .. message
        end)
      end
      settle()
      for _, letter in ipairs { "a", "b", "c", "d", "e" } do ch:send(letter) end
      settle()
      assert.same({ "1a", "2b", "3c", "4d", "5e" }, got)
      for i = 1, 5 do
        async.spawn(function()
          ch:send(i)
          sent[#sent + 1] = i
        end)
      end
      settle()
      for i = 1, 5 do assert.equal(i, ch:recv()) end
      settle()
      assert.same({ 1, 2, 3, 4, 5 }, sent)
    end)
  end)

  it("is an iterator, and ends when it is closed", function()
    run(function()
      local ch, got = async.channel(1), {}
      async.spawn(function()
        for _, v in ipairs { 1, false, "x" } do ch:send(v, "second") end
        ch:close()
      end)
      for v, second in ch do
        got[#got + 1] = v
        assert.equal("second", second)
      end
      assert.same({ 1, false, "x" }, got)
      for _ in ch do error("nothing is left") end
    end)
  end)

  it("never waits in try_send and try_recv, which work outside a task", function()
    local ch = async.channel(1)
    assert.same({ nil, "empty", "empty", n = 3 }, table.pack(ch:try_recv()))
    assert.is_true(ch:try_send(1, 2))
    assert.same({ nil, "full", "full", n = 3 }, table.pack(ch:try_send(3)))
    assert.equal(1, #ch)
    assert.same({ 1, 2, n = 2 }, table.pack(ch:try_recv()))
    ch:close()
    assert.same(CLOSED, table.pack(ch:try_send(1)))
    assert.same(CLOSED, table.pack(ch:try_recv()))
    assert.matches("'recv' called outside a task", error_of(ch.recv, ch))
    assert.matches("'send' called outside a task", error_of(ch.send, ch, 1))
  end)

  it("at a rendezvous tries only whether the other side waits", function()
    run(function()
      local ch = async.channel()
      assert.equal("full", select(3, ch:try_send(1)))
      assert.equal("empty", select(3, ch:try_recv()))
      local receiver = async.spawn(function() return ch:recv() end)
      settle()
      assert.is_true(ch:try_send("one"))
      assert.equal("full", select(3, ch:try_send("two")))
      assert.equal("one", receiver:await())
      local sender = async.spawn(function() return ch:send("three") end)
      settle()
      assert.equal("three", ch:try_recv())
      assert.is_true(sender:await())
    end)
  end)

  it("has a name and says what it is", function()
    local ch = async.channel(3)
    assert.equal("channel (0 messages)", tostring(ch))
    assert.is_nil(ch:name())
    assert.equal("jobs", ch:name("jobs"))
    assert.equal("jobs", ch:name())
    ch:try_send(1)
    ch:close()
    assert.equal("channel 'jobs' (1 messages, closed)", tostring(ch))
    assert.matches("bad argument #1 to 'name'", error_of(function() ch:name(1) end))
  end)

  it("lets go of what was taken", function()
    run(function()
      local ch, weak = async.channel(4), setmetatable({}, { __mode = "v" })
      for i = 1, 3 do
        weak[i] = {}
        ch:send(weak[i], weak[i])
      end
      for _ = 1, 3 do ch:recv() end
      helper.collect()
      assert.is_nil(next(weak))
    end)
  end)

  it("refuses messages of which two would not fit on a stack", function()
    run(function()
      local ch, values = async.channel(1), {}
      for i = 1, 250001 do values[i] = i end
      assert.has_error(function() ch:send(table.unpack(values)) end, "too many values in a message")
      values[250001] = nil
      assert.is_true(ch:send(table.unpack(values)))
      local sender = async.spawn(function() return ch:send(table.unpack(values)) end)
      settle()
      for _ = 1, 2 do assert.equal(250000, select("#", ch:recv())) end
      assert.is_true(sender:await())
    end)
  end)

  it("lets go of what was taken when messages are of several values, too", function()
    for _, capacity in ipairs { 1, 8, math.huge } do
      local ch, weak = async.channel(capacity), setmetatable({}, { __mode = "v" })
      weak[1], weak[2] = {}, {}
      ch:try_send(weak[1], weak[2])
      ch:try_recv()
      weak[3] = {}
      ch:try_send(weak[3])
      ch:try_recv()
      collectgarbage()
      assert.is_nil(next(weak))
    end
  end)

  it("keeps messages of any length in order, however many and of whatever capacity", function()
    local state = 1
    local function random(n)
      state = (state * 1103515245 + 12345) % 2147483648
      return state // 65536 % n + 1
    end
    for _, capacity in ipairs { 1, 2, 3, 8, 9, 63, 64, 65, 5000, math.huge } do
      local ch, model, first, sent = async.channel(capacity), {}, 1, 0
      for round = 1, 60 do
        local longest = random(3)
        for _ = 1, random(round % 20 == 0 and 3000 or 40) do
          local message = {}
          for i = 1, random(longest) do message[i] = sent * 10 + i end
          local has_room = sent - first + 1 < capacity
          assert.equal(has_room or nil, (ch:try_send(table.unpack(message))))
          if has_room then
            sent = sent + 1
            model[sent] = message
          end
        end
        assert.equal(sent - first + 1, #ch)
        for _ = 1, random(round % 10 == 0 and 4000 or 40) do
          if first > sent then break end
          assert.same(model[first], { ch:try_recv() })
          model[first], first = nil, first + 1
        end
      end
    end
  end)

  it("lets others run now and then, though it never has to wait", function()
    run(function()
      local ch, others = async.channel(math.huge), 0
      local other = async.spawn_with({ daemon = true }, function()
        while true do
          others = others + 1
          async.yield()
        end
      end)
      for i = 1, 2000 do ch:send(i) end
      for i = 1, 2000 do assert.equal(i, ch:recv()) end
      assert.is_true(others > 10)
      other:cancel()
    end)
  end)

  it("joins tasks of two runtimes", function()
    local ch, got = async.channel(), {}
    local one <close> = async.runtime { clock = "manual" }
    local two <close> = async.runtime { clock = "manual" }
    one:spawn(function()
      for i = 1, 3 do ch:send(i) end
      ch:close()
    end)
    two:spawn(function()
      for v in ch do got[#got + 1] = v end
    end)
    for _ = 1, 5 do
      one:tick()
      two:tick()
    end
    assert.same({ 1, 2, 3 }, got)
  end)

  it("does not know those who waited in a runtime that is no more", function()
    local ch = async.channel()
    do
      local rt = async.runtime { clock = "manual" }
      rt:spawn(function() ch:recv() end)
      rt:spawn(function() async.channel():send(ch) end)
      rt:tick()
    end
    helper.collect()
    helper.expect_lost(2)
    assert.equal("full", select(3, ch:try_send(1)))
    ch:close()
  end)

  it("can be used by finalisers that run while it makes room", function()
    run(function()
      local ch, sent, got = async.channel(math.huge), 0, 0
      local function litter()
        setmetatable({}, { __gc = function()
          if ch:try_send(-1, "from a finaliser") then sent = sent + 1 end
          if sent % 3 == 0 and ch:try_recv() then got = got + 1 end
        end })
      end
      for i = 1, 20000 do
        litter()
        ch:send(i, i)
        sent = sent + 1
      end
      collectgarbage()
      ch:close()
      for _ in ch do got = got + 1 end
      assert.equal(sent, got)
    end)
  end)

  it("whose other side never comes is a deadlock", function()
    local _, ok, err = try_run(function() async.channel():recv() end)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
    local _, sent, err_of_send = try_run(function() async.channel():send(1) end)
    assert.is_false(sent)
    assert.equal("deadlock", err_of_send.kind)
  end)
end)

describe("a channel that is closed", function()
  it("still delivers what it has, then says so", function()
    run(function()
      local ch = async.channel(3)
      ch:send(1)
      ch:send(2, "two")
      ch:close()
      ch:close()
      assert.same(CLOSED, table.pack(ch:send(3)))
      assert.same({ 1, n = 1 }, pack_recv(ch))
      assert.same({ 2, "two", n = 2 }, pack_recv(ch))
      assert.same(CLOSED, pack_recv(ch))
      assert.same(CLOSED, pack_recv(ch))
    end)
  end)

  it("tells those who wait to send, and does not deliver their messages", function()
    run(function()
      for _, capacity in ipairs { 0, 1 } do
        local ch = async.channel(capacity)
        if capacity == 1 then ch:send("buffered") end
        local senders = {}
        for i = 1, 3 do senders[i] = async.spawn(function() return ch:send(i) end) end
        settle()
        ch:close()
        for i = 1, 3 do assert.same(CLOSED, table.pack(senders[i]:await())) end
        if capacity == 1 then assert.equal("buffered", ch:recv()) end
        assert.same(CLOSED, pack_recv(ch))
      end
    end)
  end)

  it("tells those who wait to receive, and ends their loops", function()
    run(function()
      local ch = async.channel(2)
      local receiver = async.spawn(function() return ch:recv() end)
      local loop = async.spawn(function()
        for _ in ch do error("no message was sent") end
        return "ended"
      end)
      settle()
      ch:close()
      assert.same(CLOSED, table.pack(receiver:await()))
      assert.equal("ended", loop:await())
    end)
  end)

  it("is closed by its block", function()
    run(function()
      local outer
      do
        local ch <close> = async.channel(1)
        outer = ch
      end
      assert.equal("closed", select(3, outer:send(1)))
    end)
  end)
end)

describe("a cancel of who", function()
  it("waits to receive takes no message", function()
    run(function()
      local ch = async.channel()
      local receiver = async.spawn(function() ch:recv() end)
      settle()
      receiver:cancel()
      settle()
      assert.equal("cancelled", receiver:status())
      assert.equal("full", select(3, ch:try_send("kept")))
    end)
  end)

  it("waits to send delivers none", function()
    run(function()
      local ch = async.channel()
      local sender = async.spawn(function() ch:send("never") end)
      settle()
      sender:cancel()
      settle()
      assert.equal("cancelled", sender:status())
      assert.equal("empty", select(3, ch:try_recv()))
    end)
  end)

  it("is about to begin comes before any effect, though it could be done at once", function()
    run(function()
      local ch = async.channel(2)
      ch:send("here")
      local task = async.spawn(function()
        async.current():cancel()
        assert.is_true(async.is_cancelled(error_of(ch.recv, ch)))
        assert.is_true(async.is_cancelled(error_of(ch.send, ch, 1)))
        assert.is_true(async.is_cancelled(error_of(function() for _ in ch do error "taken" end end)))
        assert.equal("here", ch:try_recv())
        assert.is_true(ch:try_send("there"))
      end)
      task:join()
      assert.equal("there", ch:recv())
    end)
  end)

  it("was handed a message comes too late: the next checkpoint raises", function()
    run(function()
      local ch, got, sent, raised = async.channel(), nil, nil, 0
      local receiver = async.spawn(function()
        got = ch:recv()
        raised = raised + (async.is_cancelled(error_of(async.yield)) and 1 or 0)
      end)
      settle()
      ch:send("message")
      receiver:cancel()
      receiver:join()
      assert.equal("message", got)
      local sender = async.spawn(function()
        sent = ch:send("another")
        raised = raised + (async.is_cancelled(error_of(async.yield)) and 1 or 0)
      end)
      settle()
      assert.equal("another", ch:recv())
      sender:cancel()
      sender:join()
      assert.is_true(sent)
      assert.equal(2, raised)
    end)
  end)

  it("stands in a queue lets the others move up", function()
    run(function()
      local ch, got = async.channel(), {}
      local tasks = {}
      for i = 1, 5 do
        tasks[i] = async.spawn(function()
          local message = ch:recv()
          got[#got + 1] = i .. message
        end)
      end
      settle()
      tasks[1]:cancel()
      tasks[3]:cancel()
      for _, letter in ipairs { "a", "b", "c" } do ch:send(letter) end
      settle()
      assert.same({ "2a", "4b", "5c" }, got)
    end)
  end)

  it("waits with a deadline loses nothing", function()
    run(function()
      local ch = async.channel()
      assert.is_false(async.try_timeout(1, ch.recv, ch))
      assert.is_false(async.try_timeout(1, ch.send, ch, "late"))
      async.spawn(function() ch:send("in time") end)
      assert.same({ true, "in time" }, { async.try_timeout(1, ch.recv, ch) })
    end)
  end)
end)
