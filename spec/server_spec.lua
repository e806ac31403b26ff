local async = require "asyncrt"
local helper = require "spec.helper"
local sockets = require "spec.sockets"

local run = helper.run
local net = async.net

local function echo(stream)
  for line in stream:lines("L") do stream:write(line) end
end

local function serve(handler, opts)
  return assert(net.serve("127.0.0.1", 0, handler, opts))
end

local function connect(server)
  return assert(net.connect(server:address()))
end

describe("serve", function()
  helper.watch(setup, teardown)

  it("runs the handler for every connection and closes the streams after it", function()
    run(function()
      local kept = {}
      local server <close> = serve(function(stream)
        kept[#kept + 1] = stream
        stream:write(stream:read("L"))
      end)
      for i = 1, 3 do
        local client <close> = connect(server)
        client:write(i, "\n")
        assert.equal(i .. "\n", client:read("a"))
      end
      for i = 1, 3 do assert.equal("stream (closed)", tostring(kept[i])) end
    end)
  end)

  it("serves 500 clients at the same time", function()
    run(function()
      local server <close> = serve(echo)
      local together, done = 0, 0
      async.scope(function(scope)
        for i = 1, 500 do
          scope:spawn(function()
            local client <close> = connect(server)
            for round = 1, 3 do
              client:write(i, " ", round, "\n")
              assert.equal(("%d %d"):format(i, round), client:read())
              together = math.max(together, server.active)
            end
            done = done + 1
          end)
        end
      end)
      assert.equal(500, done)
      assert.is_true(together > 100)
    end)
  end)

  it("goes on when a handler fails, and on_error learns of it", function()
    local reports = helper.try_run(function()
      local server <close> = serve(function(stream)
        local line = stream:read()
        if line == "fail" then error("as asked", 0) end
        stream:write(line)
      end)
      for _ = 1, 2 do
        local client <close> = connect(server)
        client:write("fail\n")
        assert.equal("", client:read("a"))
      end
      local client <close> = connect(server)
      client:write("fine\n")
      assert.equal("fine", client:read("a"))
    end)
    assert.equal(2, #reports)
    assert.equal("as asked", reports[1].err)
  end)

  it("has at most so many handlers; who comes later waits", function()
    run(function()
      local running, most = 0, 0
      local server <close> = serve(function(stream)
        running = running + 1
        most = math.max(most, running)
        stream:write("hello\n")
        stream:read()
        running = running - 1
      end, { limit = 2 })
      local clients = {}
      for i = 1, 4 do clients[i] = connect(server) end
      assert.equal("hello", clients[1]:read())
      assert.equal("hello", clients[2]:read())
      clients[3]:settimeout(1)
      assert.equal("timeout", select(3, clients[3]:read()))
      clients[1]:close()
      assert.equal("hello", clients[3]:read())
      clients[2]:close()
      assert.equal("hello", clients[4]:read())
      for i = 3, 4 do clients[i]:close() end
      assert.equal(2, most)
    end)
  end)

  it("works with a path", function()
    run(function()
      local path = sockets.path()
      local server <close> = assert(net.serve(path, echo, { limit = 1 }))
      assert.same({ path, n = 2 }, table.pack(server:address()))
      assert.equal(("server %s (0 connections)"):format(path), tostring(server))
      local client <close> = assert(net.connect(path))
      client:write("local\n")
      assert.equal("local", client:read())
    end)
  end)

  it("says why it cannot", function()
    run(function()
      local server <close> = serve(echo)
      local host, port = server:address()
      assert.equal(("server %s:%d (0 connections)"):format(host, port), tostring(server))
      assert.equal("EADDRINUSE", select(3, net.serve(host, port, echo)))
    end)
  end)
end)

describe("a server that stops", function()
  helper.watch(setup, teardown)

  it("accepts no more and lets its handlers finish", function()
    run(function()
      local server = serve(echo, { grace = 60 })
      local client <close> = connect(server)
      client:write("one\n")
      assert.equal("one", client:read())
      async.spawn(function()
        async.sleep(3)
        assert.equal("ECONNREFUSED", select(3, net.connect(server:address())))
        client:write("two\n")
        assert.equal("two", client:read())
        client:close()
      end)
      assert.is_true(server:stop())
      assert.equal(3, async.now())
      assert.is_true(server:stop())
      server:wait()
      server:close()
    end)
  end)

  it("cancels those that are not done after the grace", function()
    run(function()
      local ended
      local server = serve(function(stream)
        local _ <close> = helper.defer(function() ended = async.now() end)
        stream:read()
      end)
      local client <close> = connect(server)
      async.sleep(1)
      assert.is_false(server:stop(2))
      assert.equal(3, ended)
      assert.equal("eof", select(3, client:read()))
    end)
  end)

  it("closes the streams whose handler never ran", function()
    run(function()
      local a, b = sockets.pair()
      local server = serve(function() end)
      async.spawn(function()
        b:read()
        server:close() -- without a seed: the handler has just been spawned
      end)
      async.sleep(1)
      local connecting = async.spawn(connect, server)
      async.spawn(a.write, a, "now\n")
      local client = connecting:await()
      server:wait()
      assert.is_not.equal("timeout", select(3, client:read()))
    end)
  end)

  it("by close cancels at once", function()
    run(function()
      local server = serve(echo)
      local client <close> = connect(server)
      client:write("one\n")
      assert.equal("one", client:read())
      local waiter = async.spawn(server.wait, server)
      server:close()
      server:close()
      waiter:await()
      assert.equal("eof", select(3, client:read()))
      assert.equal(0, async.now())
    end)
  end)

  it("by the end of its block leaves the grace, by an error none", function()
    run(function()
      local client
      do
        local server <close> = serve(echo, { grace = 7 })
        client = connect(server)
        client:write("one\n")
        assert.equal("one", client:read())
      end
      assert.equal(7, async.now())
      assert.equal("eof", select(3, client:read()))
      local err = helper.error_of(function()
        local server <close> = serve(echo, { grace = 7 })
        client = connect(server)
        client:write("one\n")
        assert.equal("one", client:read())
        error("enough", 0)
      end)
      assert.equal("enough", err)
      assert.equal(7, async.now())
      assert.equal("eof", select(3, client:read()))
    end)
  end)

  it("by the cancel of its scope ends with it", function()
    run(function()
      local client
      async.scope(function(scope)
        local server <close> = serve(echo, { grace = 7 })
        client = connect(server)
        client:write("one\n")
        assert.equal("one", client:read())
        scope:cancel()
        async.sleep(1)
      end)
      assert.equal(0, async.now())
      assert.equal("eof", select(3, client:read()))
    end)
  end)

  it("keeps its scope open until then", function()
    run(function()
      local server
      async.scope(function(scope)
        server = serve(echo)
        scope:spawn(function()
          async.sleep(2)
          server:close()
        end)
      end)
      assert.equal(2, async.now())
    end)
  end)

  it("is told that a handler cannot wait for its own server", function()
    local reports = helper.try_run(function()
      local server
      server = serve(function() server:stop() end)
      connect(server)
      server:wait()
    end)
    assert.equal(1, #reports)
    assert.equal("deadlock", reports[1].err.kind)
  end)

  it("checks what it is given", function()
    run(function()
      local server <close> = serve(echo)
      local err = helper.error_of(function() server:stop("1") end)
      assert.matches("server_spec.lua:%d+: bad argument #1 to 'stop' %(number expected, got string%)", err)
      err = helper.error_of(function() server.wait({}) end)
      assert.matches("bad argument #1 to 'wait' %(asyncrt.server expected, got table%)", err)
    end)
  end)
end)
