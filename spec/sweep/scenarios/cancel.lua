-- A cancel with a reason: of a parked task, of one that has not begun, of one that cleans up, seen by who awaits.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  local closed
  local parked = async.spawn(function()
    local _ <close> = setmetatable({}, { __close = function(_, err) closed = err end })
    async.sleep(math.huge)
  end)
  async.yield()
  parked:cancel("reason")
  local ok, err = parked:join()
  sweep.expect(ok, false)
  sweep.expect_kind(err, "task_cancelled")
  sweep.expect(err.reason, "reason")
  sweep.expect_kind(closed, "cancelled")
  sweep.expect(parked:status(), "cancelled")

  local fresh = async.spawn(error, "never")
  fresh:cancel({ "any value" })
  ok, err = pcall(fresh.await, fresh)
  sweep.expect(ok, false)
  sweep.expect_kind(err, "task_cancelled")
  sweep.expect(err.reason[1], "any value")

  local stubborn = async.try_spawn(function()
    local _, cancelled = pcall(async.sleep, math.huge)
    sweep.expect_kind(cancelled, "cancelled")
    sweep.expect(async.cancelling(), "why")
    async.shield(async.sleep, 1)
    error("instead", 0)
  end)
  ok, err = pcall(async.scope, function(s)
    s:spawn(function() async.sleep(1) stubborn:cancel("why") end)
    return stubborn:await()
  end)
  sweep.expect(ok, false)
  sweep.expect(err, "instead")
end)
return true
