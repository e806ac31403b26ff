-- A game that has a loop of its own: the scripts of its characters are tasks on a manual clock. The loop decides how
-- game time goes on and how much of a frame scripts may take. Nothing sleeps for real: ten seconds are over at once.
--   lua5.4 examples/game_loop.lua [frames]
local async = require "asyncrt"

local FRAMES = math.tointeger(tonumber(arg[1] or 600)) or error("usage: game_loop.lua [frames]", 0)
local FRAME = 1 / 60 -- seconds of game time
local BUDGET = 0.002 -- seconds of real time that scripts may take of a frame
local SLICE = 0.0005 -- a script that does not suspend for so long is put behind the others
local VILLAGERS = 1000

local rt = async.runtime {
  clock = "manual",
  slice = SLICE,
  on_error = function(err, task) print(("  a script failed, the game goes on: %s: %s"):format(task:name(), err)) end,
}

local function say(who, what) print(("%6.2f s  %-9s %s"):format(rt:now(), who, what)) end

-- Said when its block is left, in whatever way.
local function at_the_end(who, what)
  return setmetatable({}, { __close = function() say(who, what) end })
end

-- Scripts: plain code from top to bottom; every wait is in game time ------------------------------------------------

local function walk(npc, goal)
  while npc.x ~= goal do
    npc.x = npc.x < goal and math.min(goal, npc.x + npc.speed) or math.max(goal, npc.x - npc.speed)
    async.sleep(FRAME)
  end
end

local function guard(npc)
  local _ <close> = at_the_end("guard", "goes off duty") -- also when the game ends around the script
  while true do
    for _, post in ipairs { { "gate", 90 }, { "well", 0 } } do
      walk(npc, post[2])
      say("guard", "all quiet at the " .. post[1])
      async.sleep(1)
    end
  end
end

local function ferry(boarding)
  say("ferryman", "the boat leaves in 3 seconds")
  local in_time, passenger = async.try_timeout(3, boarding.await, boarding)
  say("ferryman", in_time and "the boat leaves with " .. passenger or "the boat leaves empty")
end

local function alarm()
  async.sleep(2)
  local _, _, reason = async.scope(function(scope) -- who is spawned in here is gone when it is left
    local _ <close> = at_the_end("alarm", "the gates open again")
    scope:spawn(function()
      while true do
        say("alarm", "the bell rings")
        async.sleep(0.5)
      end
    end)
    async.sleep(1.2)
    scope:cancel("the thief is caught")
    async.sleep(math.huge) -- here the cancel reaches us
  end)
  say("alarm", "over: " .. reason)
end

local function cook()
  async.sleep(1)
  local soup = nil
  return soup.salt -- a bug
end

local steps = 0
local function villager()
  while true do
    async.sleep(math.random())
    steps = steps + 1
  end
end

-- In every frame, with the time since the last one.
local windmill = 0 -- turns
local function miller()
  while true do windmill = windmill + 0.5 * async.next_frame() end
end

-- A bug, too: it never waits. Without SLICE it would be the last that this game did.
local thoughts = 0
local function philosopher()
  while true do thoughts = thoughts + 1 end
end

-- The game ------------------------------------------------------------------------------------------------------------

local boarding = async.future()
rt:spawn_with({ name = "guard" }, guard, { x = 0, speed = 1 })
rt:spawn_with({ name = "ferryman" }, ferry, boarding)
rt:spawn_with({ name = "alarm" }, alarm)
rt:spawn_with({ name = "cook" }, cook)
rt:spawn_with({ name = "miller" }, miller)
rt:spawn_with({ name = "philosopher" }, philosopher)
for _ = 1, VILLAGERS do rt:spawn(villager) end

local paused, longest, late = 0, 0, 0
local start = os.clock()
for frame = 1, FRAMES do
  local frame_start = os.clock()
  if frame == 100 then boarding:resolve("the player") end -- an event of the game
  if frame > 200 and frame <= 260 then
    paused = paused + 1 -- in the menu: game time stands still
  else
    rt:advance(FRAME, BUDGET) -- runs every script whose time has come
  end
  rt:tick(BUDGET) -- I/O, paused or not, and what the budget of advance cut off
  local took = os.clock() - frame_start
  longest = math.max(longest, took)
  if took > FRAME then late = late + 1 end
end -- here a game draws, and waits for the next frame
rt:close()

print(("%d frames, %d of them paused: %.2f s of game time in %.2f s of processor time"):format(
  FRAMES, paused, (FRAMES - paused) * FRAME, os.clock() - start))
print(("%d villagers made %d steps, the windmill %.1f turns, the philosopher thought %.1e times"):format(
  VILLAGERS, steps, windmill, thoughts))
print(("the longest frame took %.1f ms, %d of them more than there is at 60 a second"):format(longest * 1000, late))
