-- Select over what comes through sockets: connections, and something to read.
local async = require "asyncrt"
local core = require "asyncrt.core"
local helper = require "spec.helper"
local sockets = require "spec.sockets"
helper.watch(setup, teardown)

local net = async.net
local run, error_of = helper.run, helper.error_of

local CLOSED = { nil, "closed", "closed", n = 3 }

local function pack_select(...)
  return table.pack(async.select(...))
end

local function expect_closed(i, got)
  assert.same(table.pack(i, table.unpack(CLOSED, 1, 3)), got)
end

-- For a <close> variable: closes them.
local function closing(...)
  local list = { ... }
  return helper.defer(function()
    for _, stream in ipairs(list) do stream:close() end
  end)
end

local function operations(rt) return core.counts(rt).operations end

-- Runs main(rt) without a seed and under several, with either driver.
local function run_each(main)
  for _, driver in ipairs { "epoll", "poll" } do
    for seed = 0, 8 do
      local rt <close> = async.runtime { clock = "virtual", driver = driver, seed = seed > 0 and seed or nil }
      rt:run(main, rt)
    end
  end
end

describe("select over stream:readable()", function()
  it("waits for bytes and takes none", function()
    run_each(function(rt)
      local a, b = sockets.pair()
      local _ <close> = closing(a, b)
      local readable = b:readable()
      assert.same({ 2, n = 1 }, pack_select(readable, async.after(1)))
      async.spawn(function()
        async.sleep(1)
        a:write("hello\nworld")
      end)
      assert.same({ 1, true, n = 2 }, pack_select(readable, async.after(5)))
      assert.equal(2, async.now())
      assert.equal(0, operations(rt))
      assert.same({ 1, true, n = 2 }, pack_select(readable, async.after(5)))
      assert.equal("hello", b:read())
      assert.same({ 2, true, n = 2 }, pack_select(false, readable)) -- in the stream's buffer
      assert.equal("world", b:read(100))
      assert.same({ 2, n = 1 }, pack_select(readable, async.after(1)))
    end)
  end)

  it("comes at the end of the stream, for an error and for a close", function()
    run_each(function()
      local a, b = sockets.pair()
      local _ <close> = closing(b)
      local task = async.spawn(pack_select, b:readable())
      async.sleep(1)
      a:close()
      assert.same({ 1, true, n = 2 }, task:await())
      assert.equal("eof", select(3, b:read(1)))
      assert.same({ 1, true, n = 2 }, pack_select(b:readable()))

      local c, d = sockets.pair()
      local _ <close> = closing(d)
      d:write("never read")
      async.sleep(1)
      task = async.spawn(pack_select, d:readable())
      async.sleep(1)
      c:close() -- resets
      assert.same({ 1, true, n = 2 }, task:await())
      assert.equal("ECONNRESET", select(3, d:read(1)))
      assert.same({ 1, true, n = 2 }, pack_select(d:readable()))

      local e, f = sockets.pair()
      local _ <close> = closing(e)
      local readable = f:readable()
      task = async.spawn(pack_select, async.future(), readable)
      async.sleep(1)
      f:close()
      expect_closed(2, task:await())
      expect_closed(1, pack_select(readable, async.future()))
    end)
  end)

  it("is a reader: a second one is an error, until it is over", function()
    run_each(function()
      local a, b = sockets.pair()
      local _ <close> = closing(a, b)
      local ch = async.channel()
      local task = async.spawn(pack_select, b:readable(), ch)
      async.sleep(1)
      assert.matches("'read' while another task reads from the stream", error_of(b.read, b, 1))
      assert.matches("'select' while another task reads", error_of(async.select, b:readable(), async.after(1)))
      ch:send("enough")
      assert.same({ 2, "enough", n = 2 }, task:await())
      task = async.spawn(b.read, b)
      async.sleep(1)
      a:write("part of a line")
      async.sleep(1)
      assert.matches("'select' while another task reads", error_of(async.select, b:readable(), async.after(1)))
      a:write("\n")
      assert.equal("part of a line", task:await())
      task = async.spawn(pack_select, b:readable())
      async.sleep(1)
      task:cancel()
      task:join()
      a:write("x")
      assert.equal("x", b:read(1))
    end)
  end)

  it("takes the same stream twice, and several", function()
    run_each(function()
      local a, b = sockets.pair()
      local _ <close> = closing(a, b)
      local c, d = sockets.pair()
      local _ <close> = closing(c, d)
      local both = { b:readable(), b:readable(), d:readable() }
      local task = async.spawn(pack_select, both)
      async.sleep(1)
      a:write("x")
      assert.is_true(task:await()[1] <= 2)
      assert.equal("x", b:read(1))
      task = async.spawn(pack_select, both)
      async.sleep(1)
      c:write("y")
      assert.same({ 3, true, n = 2 }, task:await())
      a:write("x")
      async.sleep(1)
      local counts = { 0, 0, 0 }
      for _ = 1, 60 do
        local i = async.select(both)
        counts[i] = counts[i] + 1
      end
      for i = 1, 3 do assert.is_true(counts[i] > 5, i .. ": " .. counts[i]) end
    end)
  end)

  it("has no time limit of its own", function()
    run(function()
      local a, b = sockets.pair()
      local _ <close> = closing(a, b)
      b:settimeout(1)
      assert.same({ 2, n = 1 }, pack_select(b:readable(), async.after(9)))
      assert.equal(9, async.now())
    end)
  end)

  it("leaves nothing behind when it is cancelled, and its bytes to the next reader", function()
    run_each(function(rt)
      local a, b = sockets.pair()
      local _ <close> = closing(a, b)
      local task = async.spawn(async.select, b:readable(), async.channel(), async.after(9))
      async.sleep(1)
      assert.equal(1, operations(rt))
      a:write("kept")
      task:cancel()
      task:join()
      assert.equal(0, operations(rt))
      assert.equal(0, core.counts(rt).timers)
      assert.equal("kept", b:read(10))
    end)
  end)

  it("says what is wrong", function()
    local foreign
    local other <close> = async.runtime { clock = "virtual" }
    other:run(function()
      local a, b = sockets.pair()
      a:close()
      foreign = b
    end)
    run(function()
      assert.matches("'select' on a socket of another runtime", error_of(async.select, foreign:readable()))
      local a, b = sockets.pair()
      local _ <close> = closing(b)
      assert.matches("^readable stream 127", tostring(a:readable()))
      a:close()
      assert.equal("readable stream (closed)", tostring(a:readable()))
      assert.matches("readable stream", tostring(b:readable()))
    end)
    assert.matches("'select' called outside a task", error_of(async.select, foreign:readable()))
    foreign:close()
  end)

  it("in a runtime that is closed or collected leaves nothing behind", function()
    for _, how in ipairs { "closed", "collected", "killed" } do
      local kept
      do
        local rt = async.runtime { clock = "virtual", on_error = function() end }
        rt:run(function()
          local a, b = sockets.pair()
          rt:spawn(function()
            local function wait() async.select(b:readable(), a:readable(), async.future()) end
            if how == "killed" then pcall(async.shield, wait) else wait() end
          end)
          async.yield()
          kept = b
        end)
        if how ~= "collected" then rt:close(0) end
      end
      helper.collect()
      if how == "collected" then helper.expect_lost(1) end
      assert.equal("stream (closed)", tostring(kept))
    end
  end)
end)

describe("select over a listener", function()
  local function listen() return assert(net.listen("127.0.0.1", 0)) end

  local function connect(listener) return assert(net.connect(listener:address())) end

  it("gives the next connection as accept would", function()
    run_each(function(rt)
      local listener <close> = listen()
      assert.same({ 2, n = 1 }, pack_select(listener, async.after(1)))
      local task = async.spawn(pack_select, async.future(), listener)
      async.sleep(1)
      local client <close> = connect(listener)
      local got = task:await()
      assert.equal(2, got[1])
      local server <close> = got[2]
      assert.same({ client:address() }, { server:peer() })
      client:write("hello\n")
      assert.equal("hello", server:read())
      assert.equal(0, operations(rt))
      local second <close> = connect(listener) -- is there before the call
      async.sleep(1)
      local i, other = async.select(listener, async.future())
      assert.equal(1, i)
      assert.same({ second:address() }, { other:peer() })
      other:close()
    end)
  end)

  it("leaves what it did not take to the next accept", function()
    for seed = 1, 60 do
      local rt <close> = async.runtime { clock = "virtual", seed = seed, driver = seed % 2 == 0 and "poll" or nil }
      rt:run(function()
        local listener <close> = listen()
        local ch, clients, accepted = async.channel(), {}, 0
        local task = async.spawn(pack_select, listener, ch, async.after(1))
        async.yield()
        async.spawn(function() clients[#clients + 1] = connect(listener) end)
        async.spawn(function() ch:try_send("message") end)
        if seed % 3 == 0 then async.spawn(task.cancel, task) end
        local ok, got = task:join()
        if ok and got[1] == 1 then
          accepted = 1
          got[2]:close()
        end
        async.sleep(1)
        for i = accepted + 1, #clients do
          local j, stream = async.select(listener, async.after(1))
          assert.equal(1, j, "connection " .. i .. " is lost")
          stream:close()
        end
        assert.same({ 2, n = 1 }, pack_select(listener, async.after(1)))
        for _, client in ipairs(clients) do client:close() end
      end)
    end
  end)

  it("takes its turn with those who accept, and passes it on", function()
    run_each(function(rt)
      local listener <close>, ch = listen(), async.channel()
      local order = {}
      local function note(name, stream)
        order[#order + 1] = name
        stream:close()
      end
      local function wait(fn)
        local task = async.spawn(fn)
        for _ = 1, 12 do async.yield() end
        return task
      end
      wait(function() note("accept", listener:accept()) end)
      local loser = wait(function() assert.equal(2, (async.select(listener, ch))) end)
      wait(function() note("select", select(2, async.select(listener, async.future()))) end)
      wait(function() note("accept again", listener:accept()) end)
      assert.equal(1, operations(rt))
      ch:send("enough")
      loser:await()
      local clients = {}
      for i = 1, 3 do
        clients[i] = connect(listener)
        async.sleep(1)
      end
      assert.same({ "accept", "select", "accept again" }, order)
      -- Who has the turn and loses passes it on.
      loser = wait(function() assert.equal(1, (async.select(ch, listener))) end)
      wait(function() note("next", listener:accept()) end)
      ch:send("enough")
      loser:await()
      clients[4] = connect(listener)
      async.sleep(1)
      assert.equal("next", order[4])
      for _, client in ipairs(clients) do client:close() end
    end)
  end)

  it("gives one connection to each, whoever waits at how many listeners", function()
    run_each(function()
      local listeners, got, clients = {}, 0, {}
      for i = 1, 3 do listeners[i] = listen() end
      local scope <close> = async.scope()
      for i = 1, 9 do
        scope:spawn(function()
          local a, b, c = listeners[i % 3 + 1], listeners[(i + 1) % 3 + 1], listeners[(i + 2) % 3 + 1]
          local _, stream = async.select(a, b, c, a)
          stream:close()
          got = got + 1
        end)
      end
      for i = 1, 9 do clients[i] = connect(listeners[(i * 2) % 3 + 1]) end
      async.sleep(1)
      assert.equal(9, got)
      for i = 1, 3 do
        assert.same({ 2, n = 1 }, pack_select(listeners[i], async.after(1)))
        listeners[i]:close()
      end
      for _, client in ipairs(clients) do client:close() end
    end)
  end)

  it("gives closed for one that is, or is closed meanwhile", function()
    run_each(function(rt)
      local listener = listen()
      local first = async.spawn(pack_select, listener)
      local second = async.spawn(pack_select, async.future(), listener) -- waits for its turn
      async.sleep(1)
      listener:close()
      expect_closed(1, first:await())
      expect_closed(2, second:await())
      expect_closed(2, pack_select(false, listener))
      assert.equal(0, operations(rt))
    end)
  end)

  it("keeps a connection that had come when the listener was closed or the task cancelled", function()
    run_each(function()
      for _, how in ipairs { "close", "cancel" } do
        local listener <close> = listen()
        local stream
        local task = async.spawn(function() stream = select(2, async.select(listener, async.future())) end)
        async.sleep(1)
        local client = connect(listener)
        repeat async.yield() until task:status() == "ready" or stream
        if how == "close" then listener:close() else task:cancel() end
        task:join()
        assert.same({ client:address() }, { stream:peer() })
        stream:close()
        client:close()
      end
    end)
  end)

  it("in a runtime that is closed or collected leaves nothing behind", function()
    for _, how in ipairs { "closed", "collected", "killed" } do
      local kept
      do
        local rt = async.runtime { clock = "virtual", on_error = function() end }
        rt:run(function()
          local listener = listen()
          for _ = 1, 2 do
            rt:spawn(function()
              local function wait() async.select(async.future(), listener) end
              if how == "killed" then pcall(async.shield, wait) else wait() end
            end)
          end
          async.yield()
          kept = listener
        end)
        if how ~= "collected" then rt:close(0) end
      end
      helper.collect()
      if how == "collected" then helper.expect_lost(2) end
      assert.equal("listener (closed)", tostring(kept))
    end
  end)

  it("is fair to the other cases that are ready", function()
    run(function()
      local listener <close>, ch = listen(), async.channel(math.huge)
      local clients, accepted = {}, 0
      for i = 1, 30 do
        clients[i] = connect(listener)
        ch:try_send(i)
      end
      for _ = 1, 30 do
        local i, what = async.select(listener, ch)
        if i == 1 then
          accepted = accepted + 1
          what:close()
        end
      end
      assert.is_true(accepted > 5 and accepted < 25, accepted .. " accepted")
      for _, client in ipairs(clients) do client:close() end
    end)
  end)

  it("waits for descriptors where there are none, and meanwhile for its other cases", function()
    local output = helper.child [[
      local async = require "asyncrt"
      local rt = async.runtime { clock = "virtual" }
      rt:run(function()
        local listener = assert(async.net.listen("127.0.0.1", 0))
        local client = assert(async.net.connect(listener:address()))
        local files = {}
        repeat
          local file = io.open("/dev/null")
          files[#files + 1] = file
        until not file
        print(async.select(listener, async.after(10.01)))
        local ch = async.channel()
        async.spawn(function()
          async.sleep(10.01)
          ch:send("message")
        end)
        print(async.select(listener, ch))
        local task = async.spawn(async.select, ch, listener)
        async.sleep(10.01)
        print(task:status())
        table.remove(files):close()
        local i, stream = task:await()
        print(i, stream:peer() == client:address())
      end)
      rt:close()
    ]]
    assert.equal("2\n2\tmessage\nwaiting\n2\ttrue\n", output)
  end)
end)
