-- A game that runs mods of strangers: fourteen of them, each hostile in a way of its own, beside a script of the game's
-- that has something to do in every frame. The mods may not cost the game its frames, and end when they are told to.
--   lua5.4 examples/mods.lua [frames]
local async = require "asyncrt"

local FRAMES = math.tointeger(tonumber(arg[1] or 120)) or error("usage: mods.lua [frames]", 0)
local FRAME = 1 / 60 -- seconds of game time
local BUDGET = 0.008 -- seconds of real time that scripts may take of a frame
local SLICE = 0.002 -- after that a script that does not suspend is put behind the others

-- What mods get -------------------------------------------------------------------------------------------------------

-- Pre-emption works wherever Lua code runs. What is out of its reach mods do not get.
local withheld = {
  "finalisers (__gc): Lua runs them with hooks off",
  "patterns: a single call of C may take for ever",
  "string.rep of more than a megabyte: the same, and memory",
  "debug: it can take hooks away",
}

local function plain_find(s, what, init) return string.find(s, what, init, true) end

local function short_rep(s, n, sep)
  if #s * n > 1e6 then error("'rep' of more than a megabyte", 2) end
  return string.rep(s, n, sep)
end

local function without_gc(t, meta)
  if meta and rawget(meta, "__gc") then error("mods have no finalisers", 2) end
  return setmetatable(t, meta)
end

-- While mods run strings have no other methods; the game calls string.match and its kin by their names then.
local strings = { find = plain_find, rep = short_rep, len = string.len, sub = string.sub, upper = string.upper,
  lower = string.lower, byte = string.byte, char = string.char, reverse = string.reverse }

local gold = 0

-- The game's own function, which is not to be interrupted between its two halves.
local give = async.critical(function(n)
  if not math.type(n) then error("'give' takes a number", 2) end -- or an __add of theirs would be critical, too
  local before = gold
  gold = before + n
end)

local function environment()
  return {
    pcall = pcall, xpcall = xpcall, error = error, type = type, pairs = pairs, setmetatable = without_gc,
    string = strings, table = { sort = table.sort, insert = table.insert, unpack = table.unpack },
    coroutine = { create = coroutine.create, resume = coroutine.resume, wrap = coroutine.wrap },
    math = { random = math.random, floor = math.floor, huge = math.huge },
    async = { sleep = async.sleep, spawn = async.spawn, scope = async.scope, shield = async.shield },
    give = give,
  }
end

-- The mods ------------------------------------------------------------------------------------------------------------

local mods = {
  { "endless loop", "while true do end" },
  { "in pcall", "while true do pcall(function() while true do give(1) end end) end" },
  { "in xpcall, endless handler", "while true do xpcall(error, function() while true do end end) end" },
  { "in a generator", "for _ in coroutine.wrap(function() while true do end end) do end" },
  { "in a comparator", "while true do pcall(table.sort, { 3, 2, 1 }, function() while true do end end) end" },
  { "in __close", [[
      while true do
        pcall(function()
          local _ <close> = setmetatable({}, { __close = function() while true do end end })
        end)
      end]] },
  { "in __gc", "setmetatable({}, { __gc = function() while true do end end })" },
  { "swallows cancels", "while true do pcall(async.sleep, 0.01) end" },
  { "spawns for ever", "while true do async.spawn(async.sleep, math.huge) end" },
  { "shields itself", "while true do pcall(async.shield, function() while true do pcall(async.sleep, 1) end end) end" },
  { "hostile pattern", "return string.find(('a'):rep(30), ('a?'):rep(30) .. ('a'):rep(30))" },
  { "in __close of a coroutine", [[
      coroutine.wrap(function()
        local _ <close> = setmetatable({}, { __close = function() while true do end end })
        while true do end
      end)()]] },
  { "error without end", "error(setmetatable({}, { __tostring = function() while true do end end }))" },
  { "eats memory", "local t = {} while true do t = { t, ('x'):rep(1000) } end" },
}

-- The game ------------------------------------------------------------------------------------------------------------

-- Without calling anything of a mod's.
local function words(err)
  local message = type(err) == "table" and rawget(err, "message") or err
  return type(message) == "string" and message or "a " .. type(err)
end

local reports = {}

local rt = async.runtime { clock = "manual", on_error = function(err, task)
  local name = task and task:name() or "?"
  reports[name] = reports[name] or string.match(words(err), "[^\n]*")
end }

local beats = 0
rt:spawn(function()
  for _ in async.interval(FRAME) do beats = beats + 1 end
end)

local tasks = {}
for i, mod in ipairs(mods) do
  local name, code = mod[1], mod[2]
  local main = assert(load(code, "=mod", "t", environment()))
  -- Who takes memory without end is stopped after the first slice.
  local hog = (name == "eats memory" or name == "spawns for ever") and "kill" or nil
  tasks[i] = rt:spawn_with({ name = name, untrusted = true, slice = SLICE, hog = hog }, main)
end

local worst, over = 0, 0
local function frame()
  local before, methods = os.clock(), getmetatable("")
  methods.__index = strings
  rt:advance(FRAME, BUDGET)
  methods.__index = string
  local took = os.clock() - before
  worst = math.max(worst, took)
  if took > 2 * BUDGET then over = over + 1 end
end

local function living()
  local n = 0
  for _, task in ipairs(tasks) do
    local status = task:status()
    if status ~= "done" and status ~= "failed" and status ~= "cancelled" then n = n + 1 end
  end
  return n
end

for _ = 1, FRAMES do frame() end
print(("%d frames with %d mods, of which the game's own script saw %d"):format(FRAMES, #mods, beats))
print(("  budget %g ms: the worst took %.1f ms, %d more than twice the budget"):format(BUDGET * 1e3, worst * 1e3, over))
local still = living()

worst = 0
for _, task in ipairs(tasks) do task:cancel("the game is over") end
local frames = 0
while living() > 0 and frames < 1000 do
  frame()
  frames = frames + 1
end
print(("%d mods were still running and were told to stop: %d are left %d frames later"):format(still, living(), frames))
print(("  the worst of those took %.1f ms\n"):format(worst * 1e3))

for i, mod in ipairs(mods) do
  print(("  %-28s %-10s %s"):format(mod[1], tasks[i]:status(), reports[mod[1]] or ""))
end
for _, what in ipairs(withheld) do print("  withheld: " .. what) end
print(("\n%d gold was given, and counted right"):format(gold))
rt:close(0.1)
