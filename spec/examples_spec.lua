-- The examples are run as their readers run them: each in a process of its own.
local helper = require "spec.helper"
helper.watch(setup, teardown)

local LUA = os.getenv("LUA") or "lua5.4"

-- Runs an example to its end; a guard ends one that hangs. Returns all it wrote and its exit code.
local function run(example, arguments)
  local pipe = assert(io.popen(("exec timeout -k 1 60 %s examples/%s %s 2>&1 </dev/null"):format(
    LUA, example, arguments or "")))
  local output = pipe:read("a")
  local _, _, code = pipe:close()
  return output, code
end

-- Lines that start with a time and a name, as name -> list of what follows.
local function said(output)
  local by = setmetatable({}, { __index = function(t, name) t[name] = {} return t[name] end })
  for name, what in output:gmatch("%f[^\n\0] *%d+%.%d+ s  (%w+) +([^\n]*)") do table.insert(by[name], what) end
  return by
end

describe("game_loop", function()
  it("runs its scripts in game time, frame by frame, and ends", function()
    local output, code = run("game_loop.lua")
    assert.equal(0, code, output)
    local by = said(output)
    assert.same({ "the boat leaves in 3 seconds", "the boat leaves with the player" }, by.ferryman)
    assert.same({ "the bell rings", "the bell rings", "the bell rings", "the gates open again",
                  "over: the thief is caught" }, by.alarm)
    assert.same({ "all quiet at the gate", "all quiet at the well", "all quiet at the gate", "all quiet at the well",
                  "goes off duty" }, by.guard)
    assert.matches("600 frames, 60 of them paused: 9.00 s of game time", output, 1, true)
    assert.matches("1000 villagers made %d%d%d%d%d steps", output)
  end)

  it("goes on when a script fails, and says which", function()
    local output = run("game_loop.lua")
    assert.matches("a script failed, the game goes on: cook: examples/game_loop.lua:%d+: attempt to index", output)
  end)

  it("ends wherever its scripts are", function()
    local output, code = run("game_loop.lua", "90") -- the boat has not left
    assert.equal(0, code, output)
    local by = said(output)
    assert.same({ "the boat leaves in 3 seconds" }, by.ferryman)
    assert.same({ "goes off duty" }, { by.guard[#by.guard] })
    assert.matches("90 frames, 0 of them paused: 1.50 s of game time", output, 1, true)
  end)
end)
