-- Boundaries inside each other, failing on every level while they are cancelled.
local async, sweep = ...

local told = {}
local rt <close> = async.runtime { clock = "virtual", seed = 7, on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

rt:run(function()
  local ok, err = pcall(async.timeout, 1, function()
    async.scope(function(s)
      s:spawn(function()
        local _ <close> = setmetatable({}, { __close = function() async.shield(async.sleep, 1) end })
        async.sleep(math.huge)
      end)
      s:spawn_with({ daemon = true, name = "daemon" }, async.sleep, math.huge)
      local t = s:try_spawn(async.shield, async.timeout, 5, async.sleep, 3)
      t:await()
    end)
  end)
  sweep.expect(ok, false)
  sweep.expect_kind(err, "timeout")
  sweep.expect(async.now(), 3)
  local inner = async.scope() -- left open: closed and reported at the task's end
  inner:spawn(async.sleep, 1)
end)
sweep.expect_kind(told[1], "misuse")
sweep.expect(#told, 1)
return true
