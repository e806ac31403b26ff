-- Pre-emption changes nothing of what a program computes: each workload runs alone, then twice at once with slices so
-- short that it is pre-empted again and again, and gives the same.
local lu = require "luaunit"
local async = require "asyncrt"

local SLICE = 0.001 -- calls that Lua cannot yield across must be much shorter, also on a machine that is slow and busy
local ROUNDS = 100 -- of each workload; enough for pre-emptions in it
local ENOUGH = 100 -- of those, in all

local function closing(fn) return setmetatable({}, { __close = fn }) end

local function hash(h, value) return (h * 31 + value) % 1000003 end

local function generator(depth, n)
  if depth == 0 then
    return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end)
  end
  return coroutine.wrap(function() for value in generator(depth - 1, n) do coroutine.yield(value + 1) end end)
end

collectgarbage "incremental" -- a generational collector does all at once now and then, in the middle of a sort

local workloads = {}

function workloads.loops()
  local h = 1
  for i = 1, 2000 do h = hash(h, i) end
  local i = 0
  while i < 1000 do i = i + 1 h = hash(h, i) end
  repeat i = i - 1 h = hash(h, i) until i == 0
  return h
end

function workloads.pcalls()
  local h = 1
  for i = 1, 500 do
    local ok, err = pcall(function() if i % 3 == 0 then error(i) end return i end)
    h = hash(h, ok and 1 or tonumber(err) or 2)
  end
  return h
end

function workloads.xpcalls()
  local h = 1
  for i = 1, 300 do
    local function odd(a) if a % 2 == 0 then error({ a }) end return a end
    local _, value = xpcall(odd, function(e) return e[1] * 7 end, i)
    h = hash(h, value)
  end
  return h
end

function workloads.metamethods()
  local meta = {}
  local function box(n) return setmetatable({ n = n }, meta) end
  meta.__add = function(a, b) return box((a.n + b.n) % 1009) end
  meta.__sub = function(a, b) return box((a.n - b.n) % 1009) end
  meta.__mul = function(a, b) return box(a.n * b.n % 1009) end
  meta.__unm = function(a) return box(-a.n % 1009) end
  meta.__concat = function(a, b) return box((a.n * 10 + b.n) % 1009) end
  meta.__eq = function(a, b) return a.n == b.n end
  meta.__lt = function(a, b) return a.n < b.n end
  meta.__le = function(a, b) return a.n <= b.n end
  meta.__len = function(a) return a.n end
  meta.__call = function(a, x) return a.n + x end
  meta.__index = function(a, key) return rawget(a, "n") + #key end
  local a, h = box(1), 1
  for i = 1, 300 do
    local b = box(i)
    a = (a + b) * b - -a .. b
    h = hash(h, a(i) + #a + a.key + (a == b and 1 or 0) + (a < b and 2 or 0) + (a <= b and 4 or 0))
  end
  return h
end

function workloads.newindex()
  local store, h = {}, 1
  local t = setmetatable({}, { __newindex = function(_, k, v) store[k] = v * 2 end, __index = store })
  for i = 1, 1000 do t[i] = i h = hash(h, t[i]) end
  return h
end

function workloads.iterators()
  local h = 1
  local function range(n) return function(_, i) if i < n then return i + 1 end end, nil, 0 end
  for i in range(500) do h = hash(h, i) end
  for k, v in pairs({ 1, 2, 3 }) do h = hash(h, k * v) end
  for _, v in ipairs({ 4, 5, 6 }) do h = hash(h, v) end
  return h
end

function workloads.varargs()
  local function sum(...)
    local total = 0
    for i = 1, select("#", ...) do total = total + (select(i, ...)) end
    return total, ...
  end
  local h = 1
  for i = 1, 200 do h = hash(h, (select(3, sum(i, i + 1, i + 2)))) end
  return h
end

function workloads.tail_calls()
  local function count(n, h) if n == 0 then return h end return count(n - 1, hash(h, n)) end
  return count(3000, 1)
end

function workloads.recursion()
  local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
  return fib(16)
end

function workloads.mutual_recursion()
  local even, odd
  function even(n) if n == 0 then return 1 end return 1 + odd(n - 1) end
  function odd(n) if n == 0 then return 0 end return 1 + even(n - 1) end
  return even(150)
end

function workloads.closures()
  local counters, h = {}, 1
  for i = 1, 100 do
    local n = i
    counters[i] = function() n = n + i return n end
  end
  for _ = 1, 10 do for i = 1, 100 do h = hash(h, counters[i]()) end end
  return h
end

function workloads.sorting()
  local t, h = {}, 1
  for i = 1, 12 do t[i] = i * 7919 % 211 end
  table.sort(t, function(a, b) return a < b end)
  for i = 1, 12 do h = hash(h, t[i]) end
  return h
end

function workloads.yieldable_sorting()
  local t, h = {}, 1
  for i = 1, 200 do t[i] = i * 7919 % 211 end
  async.sort(t, function(a, b) return a > b end)
  for i = 1, 200 do h = hash(h, t[i]) end
  return h
end

function workloads.gsub_callbacks()
  local h = 1
  local text = ("abc def "):rep(4):gsub("%a+", function(word) h = hash(h, #word) return word:upper() end)
  return h + #text
end

function workloads.generators()
  local h = 1
  for value in generator(0, 500) do h = hash(h, value) end
  return h
end

function workloads.nested_generators()
  local h = 1
  for value in generator(4, 100) do h = hash(h, value) end
  return h
end

function workloads.generators_in_sort()
  local t, h = {}, 1
  for i = 1, 4 do t[i] = i * 31 % 41 end
  table.sort(t, function(a, b)
    local less = coroutine.wrap(function() coroutine.yield(a < b) end)
    return less()
  end)
  for i = 1, 4 do h = hash(h, t[i]) end
  return h
end

function workloads.errors_through_wrap()
  local h = 1
  for i = 1, 100 do
    local gen = coroutine.wrap(function()
      coroutine.yield(i)
      error({ i })
    end)
    h = hash(h, gen())
    local _, err = pcall(gen)
    h = hash(h, err[1])
  end
  return h
end

function workloads.closing_values()
  local h = 1
  for i = 1, 300 do
    pcall(function()
      local _ <close> = closing(function() h = hash(h, i) end)
      local _ <close> = closing(function() h = hash(h, 2 * i) end)
      if i % 2 == 0 then error "out" end
    end)
  end
  return h
end

function workloads.finalisers()
  local n = 0
  for _ = 1, 200 do setmetatable({}, { __gc = function() n = n + 1 end }) end
  collectgarbage()
  collectgarbage()
  return n
end

function workloads.strings()
  local parts, h = {}, 1
  for i = 1, 300 do parts[#parts + 1] = ("%d:%x"):format(i, i) end
  local text = table.concat(parts, ",")
  for word in text:gmatch "[^,]+" do h = hash(h, #word + word:byte()) end
  return h
end

function workloads.integer_division_and_floats()
  local h, x = 1, 0.5
  for i = 1, 1000 do
    x = x * 1.01 % 7 + i // 3
    h = hash(h, math.floor(x))
  end
  return h
end

function workloads.goto_and_locals()
  local h, i = 1, 0
  ::again::
  do
    local j <const> = i * 2
    h = hash(h, j)
  end
  i = i + 1
  if i < 1500 then goto again end
  return h
end

function workloads.multiple_assignment()
  local a, b, c = 1, 2, 3
  for i = 1, 1000 do a, b, c = b, c, (a + i) % 97 end
  return a * 10000 + b * 100 + c
end

local function repeated(workload)
  local h = 1
  for _ = 1, ROUNDS do h = hash(h, workload()) end
  return h
end

TestPreemption = {}

local polls = 0

for name, workload in pairs(workloads) do
  TestPreemption["test_" .. name] = function()
    local expected = repeated(workload)
    local rt <close> = async.runtime { slice = SLICE }
    local results = {}
    rt:run(function()
      async.scope(function()
        for i = 1, 2 do
          async.spawn(function()
            results[i] = repeated(workload)
            polls = polls + async.current():usage()
          end)
        end
      end)
    end)
    lu.assertEquals(results, { expected, expected })
  end
end

local failures = lu.LuaUnit.run()
if polls < ENOUGH then
  print(("only %d polls: this has shown nothing"):format(polls))
  failures = failures + 1
end
os.exit(failures)
