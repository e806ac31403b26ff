-- The story of an error that went through several tasks.
local async, sweep = ...

local function thrower() error("thrown", 0) end

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

local function main()
  local inner = async.try_spawn(function()
    local innermost = async.try_spawn(thrower)
    return innermost:await()
  end)
  return inner:await()
end

local ok, story = xpcall(rt.run, async.traceback, rt, main)
sweep.expect(ok, false)
sweep.expect_text(story, "thrown")
sweep.expect_text(story, "in function")
sweep.expect(select(2, story:gsub("spawned at", "")), 3)

ok, story = pcall(rt.run, rt, function()
  async.check(nil, "disk on fire", "EIO")
end)
sweep.expect(ok, false)
sweep.expect_kind(story, "io")
sweep.expect_text(story.traceback, "disk on fire")
return true
