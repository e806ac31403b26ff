-- The block form: joins, is cancelled, fails; with supervised children.
local async, sweep = ...

local told = {}
local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

rt:run(function()
  local done = 0
  do
    local s <close> = async.scope()
    s:spawn(function() async.sleep(1) done = done + 1 end)
    s:spawn_with({ name = "worker" }, function() async.sleep(2) done = done + 1 end)
  end
  sweep.expect(done, 2)
  do
    local s <close> = async.scope()
    s:spawn(async.sleep, math.huge)
    s:cancel("enough")
  end
  local ok, err = pcall(function()
    local s <close> = async.scope()
    s:spawn(function() error("child", 0) end)
    async.sleep(math.huge)
  end)
  sweep.expect(ok, false)
  sweep.expect(err, "child")
  do
    local s <close> = async.scope { supervise = true }
    s:spawn(function() error("supervised", 0) end)
    async.sleep(1)
  end
  local _, _, reason = async.scope(function(s)
    s:cancel("reason")
    async.sleep(1)
  end)
  sweep.expect(reason, "reason")
end)
sweep.expect(told[1], "supervised")
sweep.expect(#told, 1)
return true
