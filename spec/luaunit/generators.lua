-- Coroutines of a task's own: random programs of generators give the same trace outside of asyncrt, where nothing
-- awaits, and in a task in which they await between any two of their steps.
local lu = require "luaunit"
local async = require "asyncrt"
local core = require "asyncrt.core"

local SEEDS = 1000
local STEPS = 120 -- of a program, at most

-- A random source of its own for the program, so that pauses change nothing of it.
local function new_random(seed)
  local state = seed * 2654435761 % 4294967296 + 1
  return function(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 8) % n + 1
  end
end

local function closing(fn) return setmetatable({}, { __close = fn }) end

-- One program, run with those coroutine functions and that pause; its trace.
local function run(seed, lib, pause)
  local random, trace, left = new_random(seed), {}, STEPS
  local function note(...)
    local words = table.pack(...)
    for i = 1, words.n do
      local word = words[i]
      words[i] = type(word) == "table" and "table" or type(word) == "thread" and "thread" or tostring(word)
    end
    trace[#trace + 1] = table.concat(words, " ")
  end

  local body
  local live = {} -- coroutines that somebody may resume

  local function pick() return live[random(math.max(1, #live))] end

  local steps = {
    function(depth) if depth > 0 then note("got", coroutine.yield(random(100), nil)) end end,
    function(depth) if depth > 0 then note("got", coroutine.yield()) end end,
    function(depth)
      if depth == 4 then return end
      live[#live + 1] = coroutine.create(function(...) return body(depth + 1, ...) end)
    end,
    function() local co = pick() if co then note("resume", lib.resume(co, random(9), nil)) end end,
    function() local co = pick() if co then note("resume", lib.resume(co)) end end,
    function() local co = pick() if co then note("status", lib.status(co)) end end,
    function()
      local co = pick()
      if co and (lib.status(co) == "suspended" or lib.status(co) == "dead") then note("close", lib.close(co)) end
    end,
    function(depth)
      if depth >= 4 then return end
      local wrapped = lib.wrap(function(...) return body(depth + 1, ...) end)
      for i = 1, random(3) do
        local results = table.pack(pcall(wrapped, i))
        note("wrapped", table.unpack(results, 1, results.n))
        if not results[1] then break end
      end
    end,
    function(depth) note("pcall", pcall(body, depth)) end,
    function() if random(4) == 1 then error("error " .. random(9), 0) end end,
    function() if random(4) == 1 then error({ random(9) }) end end,
    function(depth)
      local _ <close> = closing(function(_, err) note("close", err) end)
      return body(depth)
    end,
    function(depth)
      if depth >= 4 then return end
      local n = 0
      for a, b in lib.wrap(function()
        for i = 1, random(3) do
          pause()
          coroutine.yield(i, i * 2)
        end
      end) do
        n = n + a + b
        pause()
      end
      note("for", n)
    end,
    function() note(select("#", lib.running()), select(2, lib.running()) and "main" or "not main") end,
    function(depth) note("yieldable", depth == 0 or coroutine.isyieldable()) end,
    function() note("sum", (function(...) pause() return select("#", ...), ... end)(random(5), nil)) end,
  }

  function body(depth, ...)
    note("in", depth, ...)
    for _ = 1, random(30) do
      if left == 0 then break end
      left = left - 1
      pause()
      steps[random(#steps)](depth)
      pause()
    end
    return depth, nil, random(9)
  end

  note("end", pcall(body, 0))
  while #live > 0 do
    local co = table.remove(live)
    note("left", lib.status(co))
  end
  return trace
end

-- In a task the outermost coroutine is never the main one.
local function normal(trace)
  for i, line in ipairs(trace) do trace[i] = line:gsub("2 main", "2 not main") end
  return trace
end

TestGenerators = {}

function TestGenerators.test_awaiting_changes_nothing()
  for seed = 1, SEEDS do
    local expected = normal(run(seed, core.stock, function() end))
    local rt <close> = async.runtime { clock = "virtual" }
    local pauses = new_random(seed + 1000000)
    local got = rt:run(function()
      local others = async.spawn_with({ daemon = true }, function() while true do async.sleep(0.3) end end)
      local trace = run(seed, coroutine, function()
        local kind = pauses(4)
        if kind == 1 then async.yield() end
        if kind == 2 then async.sleep(pauses(10) / 10) end
      end)
      others:cancel()
      return trace
    end)
    lu.assertEquals(got, expected, "seed " .. seed)
  end
end

function TestGenerators.test_outside_of_tasks_they_are_lua_s_own()
  for seed = 1, SEEDS do
    lu.assertEquals(run(seed, coroutine, function() end), run(seed, core.stock, function() end), "seed " .. seed)
  end
end

function TestGenerators.test_programs_do_something()
  local lines = 0
  for seed = 1, SEEDS do lines = lines + #run(seed, core.stock, function() end) end
  lu.assertTrue(lines > 20 * SEEDS)
end

os.exit(lu.LuaUnit.run())
