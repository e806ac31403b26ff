-- A runtime is closed while tasks live: they unwind, shields are lifted after the grace.
local async, sweep = ...

local told = {}
local rt = async.runtime { clock = "virtual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

local unwound = 0
local function counts() unwound = unwound + 1 end

rt:spawn(function()
  local _ <close> = setmetatable({}, { __close = function()
    async.shield(async.sleep, 1)
    unwound = unwound + 1
  end })
  async.scope(function(s)
    s:spawn(async.sleep, math.huge)
    async.sleep(math.huge)
  end)
end)
rt:spawn(function()
  local _ <close> = setmetatable({}, { __close = counts })
  async.shield(async.park)
end)
rt:spawn(async.sleep, math.huge)
rt:tick()
rt:close(2)
sweep.expect(unwound, 2)
sweep.expect(#told, 1) -- the one that shielded itself for ever
rt:close()
return true
