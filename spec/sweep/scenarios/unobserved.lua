-- Supervised failures that nobody takes: told when the handle is collected, when the scope ends, or never if observed.
local async, sweep = ...

local told = {}
local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

rt:run(function()
  async.try_spawn(error, "collected", 0)
  async.sleep(1)
  collectgarbage()
  async.sleep(1)
  sweep.expect(told[1], "collected")
  local kept = async.try_spawn(error, "kept", 0)
  local observed = async.try_spawn(error, "observed", 0)
  async.sleep(1)
  local ok, err = observed:join()
  sweep.expect(ok, false)
  sweep.expect(err, "observed")
  return kept
end)
-- Without memory to wait for somebody who observes it, a failure is told at once.
table.sort(told)
sweep.expect(told[2], "kept")
if #told > 2 then sweep.expect(told[3], "observed") end
sweep.expect(told[4], nil)
return true
