-- Which Lua, and which names.
local async = require "asyncrt"
local lfs = require "lfs"
local helper = require "spec.helper"
helper.watch(setup, teardown)

describe("loading", function()
  local REFUSAL = "asyncrt needs Lua 5.4.3 or later: this one (%s) cannot suspend in __close"

  it("is refused where __close cannot suspend", function()
    local output, code = helper.child([[
      coroutine.yield = function() error "attempt to yield across a C-call boundary" end
      print(pcall(require, "asyncrt"))
    ]])
    assert.equal("false\t" .. REFUSAL:format(_VERSION) .. "\n", output)
    assert.equal(0, code)
  end)

  it("is refused by Lua 5.1, with the same words", function()
    local pipe = assert(io.popen("lua5.1 -e 'print(pcall(require, \"asyncrt\"))' 2>&1"))
    local output = pipe:read("a")
    local _, _, code = pipe:close()
    if code ~= 0 then pending("no lua5.1 here: " .. output) end
    assert.equal("false\t" .. REFUSAL:format("Lua 5.1") .. "\n", output)
  end)

  it("sets no global variable", function()
    local output = helper.child([[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      require "asyncrt"
      for name in pairs(_G) do if not before[name] then print(name) end end
    ]])
    assert.equal("", output)
  end)
end)

-- The names in a file of type stubs: async.spawn, asyncrt.task:await ...
local function add_stubs(names, path)
  local class, class_of = nil, {}
  for line in io.lines(path) do
    class = line:match("^%-%-%-@class ([%w.]+)") or class
    local variable = line:match("^local (%u%w*) = {}")
    if variable then class_of[variable] = class end
    local holder, method = line:match("^function (%u%w*):([%w_]+)%(")
    if method then names[class_of[holder] .. ":" .. method] = true end
    local name = line:match("^function (async[%w_.]+)%(") or line:match("^function (testing%.[%w_]+)%(")
    if name then names[name] = true end
  end
end

local function stubs()
  local names = {}
  for file in lfs.dir("lua/asyncrt") do
    if file:find("^meta.*%.lua$") then add_stubs(names, "lua/asyncrt/" .. file) end
  end
  return names
end

-- The metatables of all types that scripts get handles of, by name.
local function types()
  local found = {
    ["asyncrt.interval"] = getmetatable(async.interval(1)),
    ["asyncrt.broadcast"] = getmetatable(async.broadcast(1)),
    ["asyncrt.watch"] = getmetatable(async.watch(1)),
  }
  for name, value in pairs(debug.getregistry()) do
    local is_type = type(name) == "string" and name:find("^asyncrt%.") and type(value) == "table" and value.__name
    if is_type and type(value.__index) == "table" and next(value.__index) then found[name] = value end
  end
  async.run(function()
    local server = assert(async.net.serve("127.0.0.1", 0, print))
    found["asyncrt.server"] = getmetatable(server)
    server:close()
  end)
  return found
end

local function exported()
  local names = {}
  for name, value in pairs(async) do
    for inner in pairs(type(value) == "table" and value or {}) do names["async." .. name .. "." .. inner] = true end
    if type(value) ~= "table" then names["async." .. name] = true end
  end
  for name in pairs(require "asyncrt.testing") do names["testing." .. name] = true end
  for type_name, meta in pairs(types()) do
    for method in pairs(meta.__index) do names[type_name .. ":" .. method] = true end
  end
  return names
end

describe("the type stubs", function()
  it("have every public name, and no other", function()
    local public, stubbed = exported(), stubs()
    for name in pairs(public) do assert(stubbed[name], name .. " has no stub") end
    for name in pairs(stubbed) do assert(public[name], name .. " is a stub for nothing") end
  end)
end)

describe("every type of handle", function()
  it("has a name, words, methods in a plain table, and a close if it owns something", function()
    local owns = {
      runtime = true, scope = true, stream = true, listener = true, server = true, channel = true, broadcast = true,
      subscription = true, watch = true,
    }
    for name, meta in pairs(types()) do
      assert.equal(name, meta.__name)
      assert.equal("function", type(meta.__tostring), name)
      assert.is_nil(getmetatable(meta.__index), name)
      if owns[name:match("%w+$")] then
        assert.equal("function", type(meta.__index.close), name)
        assert.equal("function", type(meta.__close), name)
      end
    end
  end)
end)

describe("every spec file", function()
  it("looks for leaks", function()
    for file in lfs.dir("spec") do
      if file:find("_spec%.lua$") then
        local spec <close> = assert(io.open("spec/" .. file))
        assert(spec:read("a"):find("%.watch%(setup, teardown%)"), file .. " does not")
      end
    end
  end)
end)
