-- Policies, of the runtime and of a spawn; what is different where there is one.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", slice = 60, slow = 60, on_error = sweep.note }

rt:run(function()
  local give = async.critical(function(a) return a end)
  sweep.expect(give(1), 1)
  local task = async.spawn_with({ slice = 3600, untrusted = true }, function()
    local child = async.spawn(async.shield, async.sleep, 1)
    child:await()
    return give(2)
  end)
  sweep.expect(task:await(), 2)
  local ok, err = xpcall(error, function(e) return e end, "oops")
  sweep.expect(err, "oops")
  sweep.expect(ok, false)
end)
return true
