-- Detached tasks outlive their spawner, fail alone, end with the run.
local async, sweep = ...

local told = {}
local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

local log = {}
rt:run(function()
  async.spawn(function()
    async.detach(function()
      async.sleep(1)
      log[#log + 1] = "outlived"
    end)
    async.detach(function()
      local _ <close> = setmetatable({}, { __close = function() log[#log + 1] = "ended" end })
      async.sleep(math.huge)
    end)
    async.detach(error, "alone", 0)
  end):await()
  async.sleep(2)
end)
sweep.expect(told[1], "alone")
sweep.expect(#told, 1)
sweep.expect(table.concat(log, " "), "outlived ended")
return true
