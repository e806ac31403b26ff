-- More handles at once than there is room for at first.
local async, sweep = ...

local runs = 0
async.run(function()
  for _ = 1, 130 do async.spawn(function() runs = runs + 1 end) end
end)
sweep.expect(runs, 130)
return true
