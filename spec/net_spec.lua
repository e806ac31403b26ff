local async = require "asyncrt"
local core = require "asyncrt.core"
local lfs = require "lfs"
local helper = require "spec.helper"
local sockets = require "spec.sockets"

local run = helper.run
local net = async.net
local CLOSED = { nil, "closed", "closed", n = 3 }

-- The core's functions of these names for the time of a block.
local function instead(functions)
  local before = {}
  for name, fn in pairs(functions) do before[name], core[name] = core[name], fn end
  return helper.defer(function()
    for name, fn in pairs(before) do core[name] = fn end
  end)
end

describe("a listener", function()
  helper.watch(setup, teardown)

  it("accepts in the order of coming", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local host, port = listener:address()
      assert.equal("127.0.0.1", host)
      for i = 1, 5 do assert(net.connect(host, port)):write(i, "\n") end
      for i = 1, 5 do assert.equal(tostring(i), listener:accept():read()) end
    end)
  end)

  it("has its acceptors take turns", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local order = {}
      for i = 1, 3 do
        async.spawn(function()
          listener:accept()
          order[#order + 1] = i
        end)
      end
      async.sleep(1)
      for _ = 1, 3 do net.connect(listener:address()) end
      async.sleep(1)
      assert.same({ 1, 2, 3 }, order)
    end)
  end)

  it("loses no connection to an acceptor that is cancelled, nor its turn", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local first = async.spawn(listener.accept, listener)
      local second = async.spawn(listener.accept, listener)
      local third = async.spawn(listener.accept, listener)
      async.sleep(1)
      assert.equal("accept", first:waiting_on())
      assert.equal("its turn to accept", third:waiting_on())
      first:cancel()
      second:cancel()
      assert.is_false(first:join())
      local client = net.connect(listener:address())
      assert.same({ client:address() }, { third:await():peer() })
    end)
  end)

  it("tells all who wait when it is closed", function()
    run(function()
      local listener = assert(net.listen("127.0.0.1", 0))
      local tasks = {}
      for i = 1, 3 do tasks[i] = async.spawn(listener.accept, listener) end
      local loop = async.spawn(function()
        for _ in listener:accepts() do error("nobody came") end
        return "ended"
      end)
      async.sleep(1)
      listener:close()
      listener:close()
      for i = 1, 3 do assert.same(CLOSED, table.pack(tasks[i]:await())) end
      assert.equal("ended", loop:await())
      assert.same(CLOSED, table.pack(listener:accept()))
      assert.same(CLOSED, table.pack(listener:address()))
      assert.equal("listener (closed)", tostring(listener))
    end)
  end)

  it("can be made outside of a task, and is closed with the runtime that it served", function()
    local listener = assert(net.listen("127.0.0.1", 0))
    local host, port = listener:address()
    assert.equal(("listener %s:%d"):format(host, port), tostring(listener))
    run(function()
      local client = assert(net.connect(host, port))
      assert.same({ client:address() }, { listener:accept():peer() })
    end)
    assert.equal("listener (closed)", tostring(listener))
  end)

  it("is closed by the collector if it never served", function()
    local _, port = assert(net.listen("127.0.0.1", 0)):address()
    helper.collect()
    run(function() assert.equal("ECONNREFUSED", select(3, net.connect("127.0.0.1", port))) end)
  end)

  it("that nobody can make says why", function()
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      local host, port = listener:address()
      local v, message, code = net.listen(host, port)
      assert.is_nil(v)
      assert.equal(("listen %s:%d: Address already in use"):format(host, port), message)
      assert.equal("EADDRINUSE", code)
      assert.equal("EADDRNOTAVAIL", select(3, net.listen("192.0.2.1", 0)))
      local one <close> = assert(net.listen(host, 0, { reuseport = true }))
      local other <close> = assert(net.listen(host, select(2, one:address()), { reuseport = true, backlog = 5 }))
      assert.same({ one:address() }, { other:address() })
    end)
  end)

  it("listens on every interface and in every family", function()
    run(function()
      local listener <close> = assert(net.listen("*", 0))
      local _, port = listener:address()
      local client = assert(net.connect("127.0.0.1", port))
      local host = listener:accept():peer()
      assert.equal("127.0.0.1", host)
      assert.equal("127.0.0.1", (client:peer()))
      if sockets.has_ipv6() then
        assert(net.connect("::1", port))
        assert.equal("::1", (listener:accept():peer()))
      end
    end)
  end)
end)

-- Every descriptor is taken but those that are given back one by one.
local SHORTAGE = [[
local async = require "asyncrt"
local rt = async.runtime { clock = "virtual" }
rt:run(function()
  local listener = assert(async.net.listen("127.0.0.1", 0))
  local acceptor = async.spawn(listener.accept, listener)
  async.yield()
  local files = {}
  repeat
    local file = io.open("/dev/null")
    files[#files + 1] = file
  until not file
  print(select(3, async.net.connect(listener:address())))
  table.remove(files):close()
  local client = assert(async.net.connect(listener:address()))
  async.sleep(10.01)
  print(acceptor:status(), (acceptor:waiting_on()))
  table.remove(files):close()
  local stream = assert(acceptor:await())
  print(stream:peer() == client:address())
  local late = async.spawn(listener.accept, listener)
  table.remove(files):close()
  client = assert(async.net.connect(listener:address()))
  async.sleep(10.01)
  print((late:waiting_on()))
  late:cancel()
  print((late:join()))
  late = async.spawn(listener.accept, listener)
  async.sleep(10.01)
  listener:close()
  print(late:await())
end)
rt:close()
]]

describe("accept without descriptors", function()
  helper.watch(setup, teardown)

  it("waits until there are some", function()
    local output = helper.child(SHORTAGE)
    assert.equal(table.concat({
      "EMFILE",
      "waiting\tfree descriptors to accept with",
      "true",
      "free descriptors to accept with",
      "false",
      "nil\tclosed\tclosed",
      "",
    }, "\n"), output)
  end)
end)

describe("connect", function()
  helper.watch(setup, teardown)

  it("reaches what listens there", function()
    run(function()
      local a, b = sockets.pair()
      a:write("there\n")
      assert.equal("there", b:read())
      b:write("back\n")
      assert.equal("back", a:read())
    end)
  end)

  it("that is refused names the place", function()
    run(function()
      local listener = assert(net.listen("127.0.0.1", 0))
      local host, port = listener:address()
      listener:close()
      local message = ("connect %s:%d: Connection refused"):format(host, port)
      assert.same({ nil, message, "ECONNREFUSED", n = 3 }, table.pack(net.connect(host, port)))
      if not sockets.has_localhost() then return print("skipped in part: no localhost here") end
      message = ("connect localhost:%d: Connection refused"):format(port)
      assert.same({ nil, message, "ECONNREFUSED", n = 3 }, table.pack(net.connect("localhost", port)))
    end)
  end)

  it("works with IPv6", function()
    if not sockets.has_ipv6() then return print("skipped: no IPv6 here") end
    run(function()
      local a, b = sockets.pair("::1")
      local host, port = b:address()
      assert.equal("::1", host)
      assert.equal(("stream [::1]:%d"):format(port), tostring(a))
      a:write("six\n")
      assert.equal("six", b:read())
    end)
  end)

  it("takes names", function()
    if not sockets.has_localhost() then return print("skipped: no localhost here") end
    run(function()
      local listener <close> = assert(net.listen("localhost", 0))
      local host, port = listener:address()
      assert.equal("127.0.0.1", host)
      local a = assert(net.connect("localhost", port))
      local b = assert(listener:accept())
      a:write("by name\n")
      assert.equal("by name", b:read())
    end)
  end)

  it("tells that there is no such name", function()
    run(function()
      local v, message, code = net.connect("no such name.invalid", 80)
      assert.is_nil(v)
      assert.matches("^lookup no such name.invalid: ", message)
      assert.matches("^eai_", code)
    end)
  end)

  it("can be cancelled while it looks a name up", function()
    run(function()
      local task = async.spawn(net.connect, "localhost", 1)
      repeat async.yield() until task:waiting_on() == "lookup"
      task:cancel()
      assert.is_false(task:join())
    end)
  end)

  it("tries the next address of a name when one takes its time, and the first to answer is it", function()
    local tried, a, b, c = {}, nil, nil, nil
    local _ <close> = instead {
      resolve = function() return { "192.0.2.1", "192.0.2.2", "192.0.2.3" } end,
      connect = function(host, port, opts, name)
        tried[#tried + 1] = ("%s %d %s at %.2f"):format(host, port, name, async.now())
        async.sleep(({ ["192.0.2.1"] = 9, ["192.0.2.2"] = 9, ["192.0.2.3"] = 0.1 })[host])
        return host == "192.0.2.1" and a or host == "192.0.2.2" and b or c
      end,
    }
    run(function()
      a, b, c = { close = error }, { close = error }, { close = error }
      assert.equal(c, net.connect("name", 80))
      assert.equal(0.6, async.now())
    end)
    assert.same({
      "192.0.2.1 80 name:80 at 0.00",
      "192.0.2.2 80 name:80 at 0.25",
      "192.0.2.3 80 name:80 at 0.50",
    }, tried)
  end)

  it("tries the next address of a name at once when one fails", function()
    local tried = {}
    local _ <close> = instead {
      resolve = function() return { "192.0.2.1", "192.0.2.2", "192.0.2.3" } end,
      connect = function(host)
        tried[#tried + 1] = host
        async.sleep(0.01)
        return nil, "connect: refused " .. host, "ECONNREFUSED"
      end,
    }
    run(function()
      assert.same({ nil, "connect: refused 192.0.2.3", "ECONNREFUSED", n = 3 }, table.pack(net.connect("name", 80)))
      assert.equal(0.03, async.now())
    end)
    assert.equal(3, #tried)
  end)

  it("closes what comes too late", function()
    local closed = 0
    local _ <close> = instead {
      resolve = function() return { "192.0.2.1", "192.0.2.2" } end,
      connect = function(host)
        async.shield(async.sleep, host == "192.0.2.1" and 1 or 0.75) -- both answer at 1 s, whatever is asked of them
        return { close = function() closed = closed + 1 end }
      end,
    }
    run(function() assert.is_table(net.connect("name", 80)) end)
    assert.equal(1, closed)
  end)

  it("closes what it will not give because it fails", function()
    local closed = 0
    local _ <close> = instead {
      resolve = function() return { "192.0.2.1", "192.0.2.2" } end,
      connect = function(host)
        if host == "192.0.2.2" then return { close = function() closed = closed + 1 end } end
        pcall(async.sleep, 1)
        error("foreign", 0)
      end,
    }
    run(function() assert.equal("foreign", helper.error_of(net.connect, "name", 80)) end)
    assert.equal(1, closed)
  end)

  it("holds a virtual clock", function()
    if not sockets.has_localhost() then return print("skipped: no localhost here") end
    run(function()
      local listener <close> = assert(net.listen("127.0.0.1", 0))
      async.timeout(1, function()
        for _ = 1, 20 do assert(net.connect("localhost", select(2, listener:address()))) end
      end)
      assert.is_true(async.now() < 1)
    end)
  end)

  it("is a checkpoint and needs a task", function()
    assert.matches("'connect'", helper.error_of(net.connect, "127.0.0.1", 80), 1, true)
    run(function()
      async.scope(function(scope)
        scope:cancel()
        assert.is_true(async.is_cancelled(helper.error_of(net.connect, "127.0.0.1", 80)))
        assert.is_true(async.is_cancelled(helper.error_of(net.connect, "localhost", 80)))
        assert(net.listen("127.0.0.1", 0)):close() -- suspends for names only
        assert.is_true(async.is_cancelled(helper.error_of(net.listen, "localhost", 0)))
      end)
    end)
  end)
end)

describe("a path", function()
  helper.watch(setup, teardown)

  it("is connected and listened to, and goes with its listener", function()
    run(function()
      local path = sockets.path()
      local listener = assert(net.listen(path))
      assert.same({ path, n = 2 }, table.pack(listener:address()))
      local a = assert(net.connect(path, { keepalive = true }))
      local b = assert(listener:accept())
      assert.equal("stream " .. path, tostring(a))
      assert.equal(path, (b:address()))
      a:write("local\n")
      assert.equal("local", b:read())
      assert.is_table(lfs.attributes(path:sub(6)))
      listener:close()
      assert.is_nil(lfs.attributes(path:sub(6)))
      assert.same({ nil, ("connect %s: No such file or directory"):format(path), "ENOENT", n = 3 },
        table.pack(net.connect(path)))
    end)
  end)

  it("that is somebody else's by now stays", function()
    run(function()
      local path = sockets.path()
      local old = assert(net.listen(path))
      os.remove(path:sub(6))
      local new <close> = assert(net.listen(path))
      old:close()
      assert(net.connect(path))
      assert(new:accept())
    end)
  end)

  it("that no socket can have is refused", function()
    run(function()
      local path = "unix:/" .. ("x"):rep(200)
      assert.equal("ENAMETOOLONG", select(3, net.connect(path)))
      assert.equal("ENAMETOOLONG", select(3, net.listen(path)))
    end)
  end)
end)

describe("net", function()
  helper.watch(setup, teardown)

  it("checks what it is given", function()
    local function message(fn, ...)
      return (helper.error_of(fn, ...):gsub("^.-:%d+: ", ""))
    end
    assert.equal("bad argument #1 to 'connect' (string expected, got no value)", message(net.connect))
    assert.equal("bad argument #1 to 'connect' ('*' is for listen)", message(net.connect, "*", 80))
    assert.equal("bad argument #2 to 'connect' (number expected, got no value)", message(net.connect, "::1"))
    assert.equal("bad argument #2 to 'connect' (65536 is not in 0..65535)", message(net.connect, "::1", 65536))
    assert.equal("bad argument #3 to 'connect' (table expected, got number)", message(net.connect, "::1", 1, 2))
    assert.equal("bad argument #2 to 'connect' (table expected, got number)", message(net.connect, "unix:/x", 2))
    assert.equal("bad argument #3 to 'connect' (unknown option 'backlog')",
      message(net.connect, "::1", 1, { backlog = 5 }))
    assert.equal("bad argument #3 to 'listen' (field 'backlog' must be a positive integer)",
      message(net.listen, "::1", 1, { backlog = 0 }))
    assert.equal("bad argument #3 to 'listen' (field 'nodelay' must be a boolean)",
      message(net.listen, "::1", 1, { nodelay = 1 }))
    assert.equal("bad argument #3 to 'serve' (function expected, got no value)", message(net.serve, "::1", 1))
    assert.equal("bad argument #4 to 'serve' (field 'grace' must be a number of seconds)",
      message(net.serve, "::1", 1, print, { grace = "1" }))
    assert.equal("bad argument #3 to 'serve' (unknown option 'limits')",
      message(net.serve, "unix:/x", print, { limits = 1 }))
  end)
end)
