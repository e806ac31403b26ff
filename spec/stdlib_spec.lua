local async = require "asyncrt"
local testing = require "asyncrt.testing"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local function slow(fn)
  return function(...)
    async.sleep(1)
    return fn(...)
  end
end

local function less(a, b) return a < b end
local function greater(a, b) return a > b end

describe("sort", function()
  it("sorts as table.sort does", function()
    math.randomseed(1)
    for _ = 1, 500 do
      local a, b = {}, {}
      for i = 1, math.random(0, 60) do
        a[i] = math.random(30)
        b[i] = a[i]
      end
      local comp = ({ less, greater, nil })[math.random(3)]
      table.sort(a, comp)
      assert.is_nil(async.sort(b, comp))
      assert.same(a, b)
    end
    local words = { "pear", "apple", "fig" }
    async.sort(words)
    assert.same({ "apple", "fig", "pear" }, words)
  end)

  testing.it("waits where its comparator does", function()
    local t = { 3, 1, 2 }
    async.sort(t, slow(less))
    assert.same({ 1, 2, 3 }, t)
    assert.is_true(async.now() >= 2)
  end)

  testing.it("waits where metamethods do", function()
    local meta = { __lt = slow(function(a, b) return a.n < b.n end) }
    local function box(n) return setmetatable({ n = n }, meta) end
    local t = { box(2), box(1) }
    async.sort(t)
    assert.equal(1, t[1].n)
    local store = { 3, 1, 2 }
    local proxy = setmetatable({}, {
      __len = function() return #store end,
      __index = slow(function(_, i) return store[i] end),
      __newindex = slow(function(_, i, v) store[i] = v end),
    })
    async.sort(proxy)
    assert.same({ 1, 2, 3 }, store)
  end)

  testing.it("keeps the order of equal items", function()
    local t = {}
    for i = 1, 100 do t[i] = { key = i % 3, i = i } end
    async.sort(t, function(a, b) return a.key < b.key end)
    for i = 2, 100 do assert.is_true(t[i].key > t[i - 1].key or t[i].i > t[i - 1].i) end
  end)

  testing.it("that is cancelled, or whose comparator raises, leaves the table as it was", function()
    local t = { 3, 1, 2 }
    assert.is_false(async.try_timeout(1.5, async.sort, t, slow(less)))
    assert.same({ 3, 1, 2 }, t)
    local ok, err = pcall(async.sort, t, function() error("oops", 0) end)
    assert.is_false(ok)
    assert.equal("oops", err)
    assert.same({ 3, 1, 2 }, t)
  end)
end)

describe("gsub", function()
  local PATTERNS = { "a", "a*", "%w+", "(%w)(%w)", "()", "(a)()", "^a*", "x?", "[abc]-", "%f[%w]%w+", ".", "", "%b()",
    "(a*(.)b)", "$", "a$", "b*$" }

  local function text()
    local parts = {}
    for i = 1, math.random(0, 12) do
      local at = math.random(7)
      parts[i] = ("ab c(x)"):sub(at, at)
    end
    return table.concat(parts)
  end

  -- A replacement that notes what it is called with.
  local function new_replacement(how, answer, calls)
    local function fn(...)
      calls[#calls + 1] = table.pack(...)
      return answer == "first" and (...) or answer
    end
    if how == 1 then return fn end
    if how == 2 then return setmetatable({}, { __index = function(_, key) return fn(key) end }) end
    return ({ { a = "1", ab = "2", "p" }, "<%1%0%%>", "plain", 7 })[how - 2]
  end

  it("replaces as string.gsub does", function()
    math.randomseed(2)
    for _ = 1, 5000 do
      local s, pattern, n = text(), PATTERNS[math.random(#PATTERNS)], ({ nil, 0, 1, 2, 3, -1 })[math.random(6)]
      local how, answer = math.random(6), ({ nil, false, "x", 7, "first" })[math.random(5)]
      local a, b = {}, {}
      local expected = table.pack(pcall(string.gsub, s, pattern, new_replacement(how, answer, a), n))
      local got = table.pack(pcall(async.gsub, s, pattern, new_replacement(how, answer, b), n))
      assert.same({ expected, a }, { got, b })
    end
  end)

  testing.it("waits where its replacement does", function()
    assert.same({ "[a] [b]", 2 }, { async.gsub("a b", "%w", slow(function(c) return "[" .. c .. "]" end)) })
    assert.equal(2.0, async.now())
    local t = setmetatable({}, { __index = slow(function(_, key) return key:upper() end) })
    assert.equal("A b", (async.gsub("a b", "%w", t, 1)))
    assert.equal(3.0, async.now())
  end)

  it("raises what string.gsub raises, where it was called", function()
    for _, call in ipairs { { "a", "(", print }, { "a", "%", "b" }, { "a", "a", "%2" }, { "a", "a", "%x" },
      { "a", ".", function() return {} end }, { "a", ".", { a = print } } } do
      local _, expected = pcall(string.gsub, table.unpack(call))
      local ok, err = pcall(function() return (async.gsub(table.unpack(call))) end)
      assert.is_false(ok)
      assert.matches("^spec/stdlib_spec.lua:%d+: ", err)
      assert.equal(expected, err:match(": (.*)"))
    end
  end)
end)

describe("require", function()
  local function module(name, chunk)
    package.preload[name] = chunk
    package.loaded[name] = nil
  end

  after_each(function()
    for _, name in ipairs { "spec.a", "spec.b", "spec.c" } do
      package.preload[name] = nil
      package.loaded[name] = nil
    end
  end)

  testing.it("loads what waits while it is loaded, once", function()
    local loads = 0
    module("spec.a", function(...)
      loads = loads + 1
      assert.same({ "spec.a", ":preload:" }, { ... })
      async.sleep(1)
      return { "module" }
    end)
    local other = async.spawn(async.require, "spec.a")
    local value, data = async.require("spec.a")
    assert.equal(":preload:", data)
    assert.equal(value, (other:await()))
    assert.equal(value, require "spec.a")
    assert.equal(value, (async.require("spec.a")))
    assert.equal(1, loads)
    assert.equal(1.0, async.now())
  end)

  testing.it("gives true for a module that returns nothing, and false for one that returns that", function()
    module("spec.a", function() async.yield() end)
    module("spec.b", function() return false end)
    assert.is_true((async.require("spec.a")))
    assert.is_false((async.require("spec.b")))
  end)

  testing.it("that fails or is cancelled leaves it to the next one who waits", function()
    local loads = 0
    module("spec.a", function()
      loads = loads + 1
      async.sleep(1)
      if loads == 1 then error("oops", 0) end
      return loads
    end)
    local first = async.try_spawn(async.require, "spec.a")
    local second = async.spawn(async.require, "spec.a")
    local third = async.spawn(async.require, "spec.a")
    async.sleep(1.5)
    second:cancel()
    local ok, err = first:join()
    assert.is_false(ok)
    assert.equal("oops", err)
    assert.equal(3, (third:await()))
  end)

  testing.it("of a module that requires itself is a deadlock", function()
    module("spec.a", function() return async.require("spec.b") end)
    module("spec.b", function() return async.require("spec.a") end)
    local ok, err = pcall(async.require, "spec.a")
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
    assert.equal("module 'spec.a' requires itself: spec.a requires spec.b requires spec.a", err.message)
  end)

  testing.it("of modules that two tasks load and each requires of the other is one, too", function()
    module("spec.a", function()
      async.sleep(1)
      return async.require("spec.b")
    end)
    module("spec.b", function()
      async.sleep(1)
      return async.require("spec.a")
    end)
    local a, b = async.try_spawn(async.require, "spec.a"), async.try_spawn(async.require, "spec.b")
    local fine, err = a:join()
    if fine then fine, err = b:join() end
    b:join()
    assert.is_false(fine)
    assert.equal("deadlock", err.kind)
  end)

  testing.it("of what is not there says where it looked, as require does", function()
    local _, expected = pcall(require, "spec.nowhere")
    local ok, err = pcall(function() return (async.require("spec.nowhere")) end)
    assert.is_false(ok)
    assert.matches("^spec/stdlib_spec.lua:%d+: module 'spec.nowhere' not found:\n\tno field", err)
    assert.equal(expected, err:match(": (.*)"))
  end)

  it("outside of tasks is require", function()
    module("spec.a", function() return "a" end)
    assert.same({ "a", ":preload:" }, { async.require("spec.a") })
  end)
end)

describe("what is compiled late", function()
  local CALLS = [[
    local calls = {
      sort = function() async.sort { 2, 1 } end,
      gsub = function() async.gsub("a", "a", "b") end,
      tasks = function() async.tasks() end,
      broadcast = function() async.broadcast(1) end,
      watch = function() async.watch(1) end,
      interval = function() async.interval(1) end,
      race = function() async.race(function() end) end,
      map = function() async.map({}, print) end,
      connect = function() async.net.connect("127.0.0.1", 1) end,
      listen = function() async.net.listen("127.0.0.1", 0) end,
      serve = function()
        local server = async.net.serve("127.0.0.1", 0, print)
        if server then server:stop() end
      end,
      require = function() async.require "string" end,
    }
    async.run(function()
      for name, call in pairs(calls) do
        local ok, err = pcall(call)
        if not ok then print(name, err) end
      end
    end)
  ]]

  it("needs no descriptor to be read with", function()
    local output = helper.child([[
      local async = require "asyncrt"
      local files = {}
      repeat files[#files + 1] = io.open("/dev/null") until #files == 0 or not io.open("/dev/null")
      files[1]:close() -- one for the runtime
      files[2]:close()
    ]] .. CALLS .. 'print "done"')
    assert.equal("done\n", output)
  end)

  it("needs no require, io or package that scripts could call", function()
    local output = helper.child([[
      local async = require "asyncrt"
      require, io, package, load = nil
    ]] .. CALLS:gsub('require = .-\n', "") .. 'print "done"')
    assert.equal("done\n", output)
  end)

  it("is found where the host has put it, and by require at the first call where nothing can be read ahead", function()
    local output = helper.child([[
      package.preload["asyncrt.sort"] = function() return { sort = function() print "the host's own" end } end
      local own_io = io
      io = nil
      local async = require "asyncrt"
      io = own_io
    ]] .. CALLS .. 'print "done"')
    assert.equal("the host's own\ndone\n", output)
  end)

  it("says what is wrong at the place of the call", function()
    local output = helper.child([[
      local async = require "asyncrt"
      print(pcall(function() async.sort(1) end))
      print(pcall(function() async.net.listen(1) end))
    ]])
    assert.matches("^false\t[^\n]-:2: bad argument #1 to 'sort' %(table expected, got number%)\n"
      .. "false\t[^\n]-:3: bad argument #1 to 'listen' [^\n]+\n$", output)
  end)
end)
