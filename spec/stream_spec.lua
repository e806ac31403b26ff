local async = require "asyncrt"
local helper = require "spec.helper"
local sockets = require "spec.sockets"

local run = helper.run

-- What reading does to a stream that gets these bytes in two pieces and then ends: the results of the calls.
local function results_of(reads, bytes, split)
  return run(function()
    local from, to = sockets.pair()
    async.spawn(function()
      from:write(bytes:sub(1, split))
      async.sleep(1) -- the reader has taken what there is
      from:write(bytes:sub(split + 1))
      async.sleep(1)
      from:close()
    end)
    local results = {}
    for i, read in ipairs(reads) do results[i] = table.pack(read(to)) end
    return results
  end)
end

local function read(format)
  return function(stream) return stream:read(format) end
end

local function read_until(...)
  local arguments = table.pack(...)
  return function(stream) return stream:read_until(table.unpack(arguments, 1, arguments.n)) end
end

local function read_exactly(n)
  return function(stream) return stream:read_exactly(n) end
end

local EOF = { nil, "end of file", "eof", n = 3 }

local function values(...)
  local list = {}
  for i, value in ipairs { ... } do list[i] = type(value) == "table" and value or { value, n = 1 } end
  return list
end

describe("a stream, wherever its bytes are split", function()
  helper.watch(setup, teardown)

  local cases = {
    { "lines", "one\ntwo\r\n\nrest", { read(), read "l", read "*l", read "l", read "l" },
      values("one", "two\r", "", "rest", EOF) },
    { "whole lines", "one\n\nrest", { read "L", read "L", read "L", read "L" }, values("one\n", "\n", "rest", EOF) },
    { "all", "one\ntwo", { read "a", read "a", read "l" }, values("one\ntwo", "", EOF) },
    { "an exact number of bytes", "abcdefg", { read_exactly(3), read_exactly(0), read_exactly(4), read_exactly(1) },
      values("abc", "", "defg", EOF) },
    { "nothing of a piece that is too short", "abcdefg", { read_exactly(3), read_exactly(5), read_exactly(4) },
      values("abc", EOF, "defg") },
    { "up to a separator", "key: value\r\n\r\nbody", { read_until(": "), read_until("\r\n\r\n"), read "a" },
      values("key", "value", "body") },
    { "a separator that begins like itself", "aaab aab", { read_until("aab"), read_until("aab") }, values("a", " ") },
    { "nothing of a piece without its separator", "ab;cd", { read_until(";"), read_until(";"), read "a" },
      values("ab", EOF, "cd") },
    { "a piece as long as allowed", "abcd--ef", { read_until("--", 4), read "a" }, values("abcd", "ef") },
    { "nothing of a piece that is longer", "abcd--ef", { read_until("--", 3), read "a" },
      values({ nil, "no separator after 3 bytes", "full", n = 3 }, "abcd--ef") },
    { "nothing of a piece without a separator that is longer", "abcdefgh", { read_until("--", 3), read "a" },
      values({ nil, "no separator after 3 bytes", "full", n = 3 }, "abcdefgh") },
  }

  for _, case in ipairs(cases) do
    local what, bytes, reads, expected = table.unpack(case)
    it("gives " .. what, function()
      for split = 0, #bytes do assert.same(expected, results_of(reads, bytes, split)) end
    end)
  end
end)

describe("read(n)", function()
  helper.watch(setup, teardown)

  it("gives what is there, at most n bytes, as soon as there are some", function()
    run(function()
      local a, b = sockets.pair()
      a:write("abcdef")
      assert.equal("abcd", b:read(4))
      assert.equal("ef", b:read(4))
      local reader = async.spawn(b.read, b, 4)
      async.sleep(1)
      assert.equal("waiting", reader:status())
      assert.equal("read", reader:waiting_on())
      a:write("g")
      assert.equal("g", reader:await())
    end)
  end)

  it("with 0 tells the end from what is still to come", function()
    run(function()
      local a, b = sockets.pair()
      a:write("x")
      assert.equal("", b:read(0))
      assert.equal("x", b:read(1))
      a:close()
      assert.same(EOF, table.pack(b:read(0)))
    end)
  end)

  it("takes large amounts in large pieces", function()
    run(function()
      local a, b = sockets.pair()
      local bytes = ("0123456789abcdef"):rep(1 << 16)
      async.spawn(function()
        a:write(bytes)
        a:close()
      end)
      local pieces, largest = {}, 0
      for piece in function() return b:read(1 << 20) end do
        pieces[#pieces + 1] = piece
        largest = math.max(largest, #piece)
      end
      assert.is_true(table.concat(pieces) == bytes)
      assert.is_true(largest > 4096)
    end)
  end)
end)

describe("a read that is cut short", function()
  helper.watch(setup, teardown)

  it("by a cancel has taken nothing", function()
    run(function()
      local a, b = sockets.pair()
      for _, wanted in ipairs { read "l", read "a", read_exactly(100), read_until(";") } do
        local reader = async.spawn(wanted, b)
        a:write("abc")
        async.sleep(1)
        reader:cancel()
        assert.is_false(reader:join())
        assert.equal("abc", b:read(100))
      end
    end)
  end)

  it("by its time has taken nothing", function()
    run(function()
      local a, b = sockets.pair()
      a:write("abc")
      b:settimeout(5)
      local start = async.now()
      assert.same({ nil, "timeout", "timeout", n = 3 }, table.pack(b:read("l")))
      assert.equal(5, async.now() - start)
      a:write("def\n")
      assert.equal("abcdef", b:read("l"))
    end)
  end)

  it("gives what came in the same moment instead", function()
    run(function()
      local a, b = sockets.pair()
      local c, d = sockets.pair()
      local reader = async.spawn(b.read, b, "l")
      async.spawn(function()
        d:read()
        reader:cancel() -- its line has come; without a seed it has not run yet
      end)
      async.sleep(1)
      c:write("first\n")
      a:write("abc\n")
      assert.equal("abc", reader:await())
    end)
  end)

  it("has its time for all its pieces together", function()
    run(function()
      local a, b = sockets.pair()
      local sender = async.spawn(function()
        for _ = 1, 10 do
          async.sleep(2)
          a:write("x")
        end
      end)
      b:settimeout(5)
      local start = async.now()
      assert.is_nil(b:read_exactly(10))
      assert.equal(5, async.now() - start)
      b:settimeout(math.huge)
      assert.equal(10, #b:read_exactly(10))
      sender:await()
    end)
  end)

  it("by a close says so, and so does every later one", function()
    run(function()
      local _, b = sockets.pair()
      local reader = async.spawn(b.read, b, 10)
      async.sleep(1)
      b:close()
      local closed = { nil, "closed", "closed", n = 3 }
      assert.same(closed, table.pack(reader:await()))
      assert.same(closed, table.pack(b:read("a")))
      assert.same(closed, table.pack(b:read_exactly(0)))
      assert.same(closed, table.pack(b:peer()))
      assert.same(closed, table.pack(b:address()))
      b:close()
      assert.equal("stream (closed)", tostring(b))
    end)
  end)

  it("by a reset of the peer gives its bytes first and names the peer", function()
    run(function()
      local a, b = sockets.pair()
      local host, port = b:address()
      b:write("abc\nde")
      a:write("unread")
      async.sleep(1)
      b:close() -- with bytes unread: that is a reset
      async.sleep(1)
      assert.equal("abc", a:read("l"))
      local v, message, code = a:read("l")
      assert.is_nil(v)
      assert.equal(("%s:%d: Connection reset by peer"):format(host, port), message)
      assert.equal("ECONNRESET", code)
      assert.equal("de", a:read(10))
      assert.equal("ECONNRESET", select(3, a:read(10)))
    end)
  end)
end)

describe("lines()", function()
  helper.watch(setup, teardown)

  it("goes over the lines, with a format of read", function()
    run(function()
      local a, b = sockets.pair()
      a:write("one\ntwo\nthree\nfour")
      a:close()
      local lines = b:lines()
      assert.equal("one", lines())
      local seen = {}
      for line in b:lines("L") do
        seen[#seen + 1] = line
        if #seen == 2 then break end
      end
      assert.same({ "two\n", "three\n" }, seen)
      assert.equal("four", lines())
      assert.is_nil(lines())
    end)
  end)

  it("ends when the stream is closed", function()
    run(function()
      local a, b = sockets.pair()
      a:write("one\n")
      local seen = 0
      for _ in b:lines() do
        seen = seen + 1
        b:close()
      end
      assert.equal(1, seen)
    end)
  end)

  it("raises what else goes wrong", function()
    run(function()
      local _, b = sockets.pair()
      b:settimeout(1)
      local err = helper.error_of(function()
        for _ in b:lines() do end
      end)
      assert.equal("io", err.kind)
      assert.equal("timeout", err.code)
    end)
  end)
end)

describe("a stream", function()
  helper.watch(setup, teardown)

  it("has one reader", function()
    run(function()
      local a, b = sockets.pair()
      local first = async.spawn(b.read, b)
      async.sleep(1)
      local err = helper.error_of(b.read, b)
      assert.equal("'read' while another task reads from the stream", err)
      first:cancel()
      first:join()
      a:write("x\n")
      assert.equal("x", b:read())
    end)
  end)

  it("knows both its ends", function()
    run(function()
      local a, b = sockets.pair()
      assert.same({ a:address() }, { b:peer() })
      assert.same({ b:address() }, { a:peer() })
      assert.equal(("stream %s:%d"):format(a:peer()), tostring(a))
    end)
  end)

  it("is closed by its block and by the collector", function()
    run(function()
      local a, b = sockets.pair()
      do
        local _ <close> = a
      end
      assert.equal("stream (closed)", tostring(a))
      assert.equal("eof", select(3, b:read()))
      local c, d = sockets.pair()
      c:write("last")
      c = nil -- luacheck: ignore
      helper.collect()
      assert.equal("last", d:read("a"))
    end)
  end)

  it("is no danger to a finaliser that comes after its own", function()
    local said = {}
    run(function()
      local a = sockets.pair()
      setmetatable({ stream = a }, { __gc = function(self) said.before = tostring(self.stream) end })
      a = nil -- luacheck: ignore
      helper.collect()
      local holder = setmetatable({}, { __gc = function(self)
        self.stream:close()
        said.after = helper.error_of(self.stream.peer, self.stream)
      end })
      holder.stream = sockets.pair()
      holder = nil -- luacheck: ignore
      helper.collect()
    end)
    assert.matches("^stream 127", said.before)
    assert.equal("'peer' on a collected handle", said.after)
  end)

  it("is closed with its runtime", function()
    local kept = run(function()
      local a, b = sockets.pair()
      async.spawn_with({ daemon = true }, b.read, b)
      async.sleep(1)
      return { a, b }
    end)
    assert.equal("stream (closed)", tostring(kept[1]))
    run(function()
      assert.equal("closed", select(3, kept[2]:read()))
      assert.equal("closed", select(3, kept[1]:write("x")))
    end)
  end)

  it("belongs to the runtime that it was made in", function()
    local one <close> = async.runtime { clock = "virtual" }
    local a = one:run(function()
      return (sockets.pair())
    end)
    run(function()
      assert.equal("'read' on a socket of another runtime", helper.error_of(a.read, a))
      assert.equal("'write' on a socket of another runtime", helper.error_of(a.write, a, "x"))
    end)
  end)

  it("survives the end of a runtime that is collected while tasks wait for it", function()
    local rt = async.runtime { clock = "virtual" }
    rt:spawn(function()
      local a, b = sockets.pair()
      async.spawn(a.write, a, ("x"):rep(1 << 24))
      async.spawn(a.read, a)
      b:read(0)
      async.sleep(math.huge)
    end)
    repeat until select(2, rt:tick()) == 0
    helper.expect_lost(3)
    rt = nil -- luacheck: ignore
    helper.collect()
  end)

  it("lets others run although it is always ready", function()
    run(function()
      local a, b = sockets.pair()
      local others = 0
      async.spawn(function()
        for _ = 1, 5 do
          others = others + 1
          async.yield()
        end
      end)
      a:write(("x\n"):rep(1000))
      local seen = 0
      while seen < 1000 do
        b:read()
        seen = seen + 1
      end
      assert.is_true(others > 0)
    end)
  end)

  it("checks what it is given", function()
    run(function()
      local a = sockets.pair()
      local function message(method, ...)
        return (helper.error_of(a[method], a, ...):gsub("^.-:%d+: ", ""))
      end
      assert.equal("bad argument #2 to 'read' (invalid format)", message("read", "n"))
      assert.equal("bad argument #2 to 'read' (string expected, got table)", message("read", {}))
      assert.equal("bad argument #3 to 'read' (one format at a time)", message("read", "l", "l"))
      assert.equal("bad argument #2 to 'read' (number has no integer representation)", message("read", 0.5))
      assert.matches("is not in 0..", message("read", -1), 1, true)
      assert.equal("bad argument #2 to 'read_exactly' (number expected, got no value)", message("read_exactly"))
      assert.equal("bad argument #2 to 'read_until' (separator is empty)", message("read_until", ""))
      assert.equal("bad argument #2 to 'settimeout' (number expected, got no value)", message("settimeout"))
      assert.equal("bad argument #2 to 'settimeout' (number of seconds is NaN)", message("settimeout", 0 / 0))
      assert.equal("bad argument #3 to 'write' (string expected, got nil)", message("write", "x", nil))
      assert.equal("bad argument #2 to 'shutdown' (invalid option 'both')", message("shutdown", "both"))
      local bad_self = helper.error_of(a.read, io.stdout)
      assert.matches("bad argument #1 to 'read' (asyncrt.stream expected, got FILE*)", bad_self, 1, true)
    end)
  end)

  it("raises a cancel before it does anything", function()
    run(function()
      local a, b = sockets.pair()
      a:write("x\n")
      async.scope(function(scope)
        scope:cancel()
        assert.is_true(async.is_cancelled(helper.error_of(b.read, b)))
        assert.is_true(async.is_cancelled(helper.error_of(a.write, a, "y\n")))
      end)
      assert.equal("x", b:read())
      a:close()
      assert.equal("eof", select(3, b:read()))
    end)
  end)
end)
