-- A runtime that nobody closes: lua_close frees what its tasks hold.
local async, sweep = ...

local rt = async.runtime { clock = "manual", on_error = sweep.note }
rt:spawn(function()
  async.scope(function(s)
    s:spawn(async.sleep, 1)
    async.timeout(5, async.park)
  end)
end)
rt:tick()
rt:spawn(async.sleep, 1)
return true
