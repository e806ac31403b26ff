-- A host drives: tick and advance on a manual clock, tasks of the root scope.
local async, sweep = ...

local told = {}
local rt <close> = async.runtime { clock = "manual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

local steps = 0
rt:spawn(function()
  for _ = 1, 3 do
    async.sleep(1)
    steps = steps + 1
  end
end)
rt:spawn_with({ name = "failing" }, function()
  async.sleep(2)
  error("told", 0)
end)
rt:tick()
sweep.expect(steps, 0)
rt:advance(2)
sweep.expect(steps, 2)
rt:advance(1, 1)
sweep.expect(steps, 3)
local due, ready = rt:tick(0)
sweep.expect(due, nil)
sweep.expect(ready, 0)
sweep.expect(told[1], "told")
sweep.expect(#told, 1)
return true
