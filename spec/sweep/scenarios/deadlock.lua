-- All wait, nothing can wake any: run raises the report, the tasks are unwound.
local async, sweep = ...

local unwound = 0
local function stuck()
  local _ <close> = setmetatable({}, { __close = function() unwound = unwound + 1 end })
  async.park()
end

local told = {}
local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

local ok, err = pcall(rt.run, rt, function()
  async.spawn_with({ name = "left" }, stuck)
  async.spawn_with({ name = "right" }, stuck)
  async.sleep(math.huge)
end)
sweep.expect(ok, false)
sweep.expect_kind(err, "deadlock")
sweep.expect_text(err.message, "'right', waiting for waker")
sweep.expect(unwound, 2)

-- A shield is lifted; where there is another one, only force helps.
ok, err = pcall(rt.run, rt, function()
  for _ = 1, 3 do pcall(async.shield, async.park) end
end)
sweep.expect(ok, false)
sweep.expect_kind(err, "deadlock")
sweep.expect_kind(told[1], "cancelled")
sweep.expect(#told, 1)

ok, err = pcall(rt.run, rt, function()
  local me = async.current()
  me:await()
end)
sweep.expect(ok, false)
sweep.expect_kind(err, "deadlock")
return true
