-- A cancel waits at a shield; a closer suspends behind one.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  local steps = {}
  local task = async.try_spawn(function()
    local _ <close> = setmetatable({}, { __close = function()
      async.shield(async.sleep, 2)
      steps[#steps + 1] = "closed"
    end })
    async.shield(function()
      async.sleep(2)
      steps[#steps + 1] = "shielded"
    end)
    async.sleep(1)
    steps[#steps + 1] = "never"
  end)
  async.sleep(1)
  task:cancel()
  local ok, err = task:join()
  sweep.expect(ok, false)
  sweep.expect_kind(err, "task_cancelled")
  sweep.expect(table.concat(steps, " "), "shielded closed")
  sweep.expect(async.now(), 4)
end)
return true
