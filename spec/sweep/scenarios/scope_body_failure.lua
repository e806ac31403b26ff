-- The body fails after a child did; tables as errors pass untouched.
local async, sweep = ...

local first, second = { "first" }, { "second" }
local told = {}
local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

rt:run(function()
  local ok, err = pcall(async.scope, function(s)
    s:spawn(function() error(first) end)
    local _, cancelled = pcall(async.sleep, math.huge)
    sweep.expect_kind(cancelled, "cancelled")
    error(second)
  end)
  sweep.expect(ok, false)
  sweep.expect(err, first)
end)
sweep.expect(told[1], second)
sweep.expect(#told, 1)
return true
