-- Ticks, and those that were missed.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  local missed = 0
  for n, late in async.interval(1) do
    missed = missed + late
    if n == 2 then async.sleep(2.5) end
    if n >= 6 then break end
  end
  sweep.expect(missed, 1)
  sweep.expect(async.interval(0.5):wait(), 1)
end)
return true
