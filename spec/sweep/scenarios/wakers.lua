-- waker, park, poll.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  local waker = async.waker()
  local value
  async.spawn(function()
    async.sleep(1)
    value = "set"
    waker:wake()
  end)
  do
    local _ <close> = async.clock_hold()
    async.yield()
  end
  while value == nil do async.park() end
  sweep.expect(value, "set")
  local polls = 0
  local task = async.spawn(async.poll, function(w)
    polls = polls + 1
    if polls == 3 then return "ready", polls end
    w:wake()
  end)
  local word, n = task:await()
  sweep.expect(word, "ready")
  sweep.expect(n, 3)
end)
return true
