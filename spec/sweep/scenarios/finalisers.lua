-- Finalisers run wherever memory is asked for, and may wake, resolve, cancel and close.
local async, sweep = ...

collectgarbage("incremental", 1, 1000, 1)
local acts, turn, left = {}, 0, 60

-- Each one makes the next.
local function arm()
  setmetatable({}, { __gc = function()
    left = left - 1
    if left < 0 then return end
    turn = turn % #acts + 1
    acts[turn]()
    arm()
  end })
end

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }
local ended = 0

rt:run(function()
  local f, waker, fresh = async.future(), async.waker(), nil
  local stop = async.try_spawn(async.sleep, math.huge)
  async.locals().name = "inherited"
  acts = {
    function() f:resolve(turn) end,
    function() waker:wake() end,
    function() if fresh then fresh:cancel({}) end end,
    function() if left < 30 then stop:cancel("by a finaliser") end end,
  }
  arm()
  for i = 1, 8 do
    async.try_timeout(1, async.scope, function(s)
      fresh = s:try_spawn(function(...)
        sweep.expect(select("#", ...), 2)
        sweep.expect(async.locals().name, "inherited")
        async.scope(function(inner)
          inner:spawn_with({ name = "named" }, async.yield)
        end)
        async.sleep(1)
      end, i, {})
      if i % 2 == 0 then s:cancel(i) end
      async.sleep(0.5)
    end)
    ended = ended + 1
  end
  for _, act in ipairs(acts) do act() end -- if they did not come so far
  f:await()
  async.park()
  stop:cancel()
  sweep.expect(stop:join(), false)
end)
sweep.expect(ended, 8)
return true
