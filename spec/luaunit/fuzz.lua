-- A random caller: every function and method that scripts can get at, found by a walk, is called with whatever there
-- is, from tasks, scopes, timeouts, coroutines and finalisers. Nothing may crash, hang or be left behind.
-- More of it: FUZZ_SEEDS=5000 FUZZ_FROM=1000 .ci/lua spec/luaunit/fuzz.lua
local lu = require "luaunit"
local async = require "asyncrt"
local core = require "asyncrt.core"
local names = require "spec.badinput.names"
local values = require "spec.badinput.values"

local FROM, SEEDS = tonumber(os.getenv "FUZZ_FROM" or 1), tonumber(os.getenv "FUZZ_SEEDS" or 400)
local MAX_CALLS, MAX_DEPTH = 400, 5

local function nothing() end

-- Those that print, open sockets, or drive or close the runtime that all of it runs in are left out.
local LEFT_OUT = { run = true, runtime = true, dump = true, require = true, ["runtime:close"] = true }
local NO_MAKER = { runtime = true, listener = true, stream = true, server = true, lookup = true }

local functions, keys, makers = names.all(), {}, {}
for key in pairs(functions) do
  if not LEFT_OUT[key] and not key:find "^net" and not key:find "__gc" then keys[#keys + 1] = key end
end
for sort in pairs(values.makers) do
  if not NO_MAKER[sort] then makers[#makers + 1] = sort end
end
table.sort(keys)
table.sort(makers)

local Caller = {}
Caller.__index = Caller

local function new_caller(seed)
  math.randomseed(seed)
  return setmetatable({
    calls = 0,
    pool = {}, -- handles
    made = {},
    rt = async.runtime { clock = "virtual", slice = 0.05, seed = seed, on_error = nothing, on_slow = nothing },
  }, Caller)
end

-- As the makers of spec/badinput want it.
function Caller:keep(handle)
  self.made[#self.made + 1] = handle
  return handle
end

function Caller:handle() return self.pool[math.random(math.max(1, #self.pool))] end

local plain = {
  function() return nil end,
  function() return math.random(-2, 5) end,
  function() return math.random() * 3 end,
  function() return "text" end,
  function() return {} end,
  function() return { math.random(3), nothing } end,
  function() return nothing end,
  function() return function() async.yield() end end,
  function() return function() error("raised", 0) end end,
  function() return math.huge end,
  function() return 0 / 0 end,
}

function Caller:value()
  if math.random(2) == 1 then return self:handle() end
  return plain[math.random(#plain)]()
end

function Caller:arguments()
  local list = { n = math.random(0, 4) }
  for i = 1, list.n do list[i] = self:value() end
  return table.unpack(list, 1, list.n)
end

function Caller:call()
  local fn = functions[keys[math.random(#keys)]]
  local results = table.pack(pcall(async.try_timeout, 1, fn, self:handle(), self:arguments()))
  for i = 2, results.n do
    if type(results[i]) == "userdata" then self.pool[#self.pool + 1] = results[i] end
  end
end

function Caller:make()
  local ok, handle = pcall(values.makers[makers[math.random(#makers)]], self, self.rt)
  if ok and handle ~= nil then self.pool[#self.pool + 1] = handle end
end

function Caller:finalise()
  setmetatable({}, { __gc = function() pcall(functions[keys[math.random(#keys)]], self:handle()) end })
  if math.random(4) == 1 then collectgarbage() end
end

function Caller:step(depth)
  local kind = math.random(12)
  if kind == 1 then return self:make() end
  if kind == 2 then return async.spawn(pcall, self.body, self, depth) end
  if kind == 3 then return pcall(async.timeout, math.random() * 2, self.body, self, depth + 1) end
  if kind == 4 then return pcall(async.scope, function() self:body(depth + 1) end) end
  if kind == 5 then return pcall(coroutine.wrap(self.body), self, depth + 1) end
  if kind == 6 then return self:finalise() end
  if kind == 7 then return pcall(async.sleep, math.random()) end
  return self:call()
end

function Caller:body(depth)
  if depth > MAX_DEPTH then return end
  for _ = 1, math.random(12) do
    self.calls = self.calls + 1
    if self.calls > MAX_CALLS then return end
    self:step(depth)
  end
end

function Caller:run()
  pcall(self.rt.run, self.rt, function() async.try_timeout(50, pcall, self.body, self, 0) end)
  self.rt:close(0)
  for _, handle in ipairs(self.made) do pcall(handle.close, handle) end
end

TestFuzz = {}

function TestFuzz.test_nothing_crashes_hangs_or_stays()
  local calls, before = 0, core.counts()
  for seed = FROM, FROM + SEEDS - 1 do
    local caller = new_caller(seed)
    caller:run()
    calls = calls + caller.calls
    lu.assertEquals(tostring(caller.rt), "runtime (closed)", "seed " .. seed)
    lu.assertEquals(core.counts().stray, before.stray, "slots that nobody gave back, seed " .. seed)
  end
  collectgarbage()
  collectgarbage()
  lu.assertEquals(core.counts().lost, before.lost)
  for rt in pairs(core.runtimes()) do lu.assertNil(core.counts(rt).tasks) end
  lu.assertTrue(calls > 5 * SEEDS)
end

os.exit(lu.LuaUnit.run())
