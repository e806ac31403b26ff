-- timeout, try_timeout, join(seconds): expired and not, nested, around a failure.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  sweep.expect(async.timeout(1, function(x) return x end, 5), 5)
  local ok, err = pcall(async.timeout, 1, async.sleep, 2)
  sweep.expect(ok, false)
  sweep.expect_kind(err, "timeout")
  sweep.expect(async.now(), 1)
  local done, value = async.try_timeout(1, function() async.sleep(0.5) return "value" end)
  sweep.expect(done, true)
  sweep.expect(value, "value")
  sweep.expect(async.try_timeout(1, async.sleep, 2), false)
  ok, err = pcall(async.timeout, 3, async.timeout, 1, function() error("inside", 0) end)
  sweep.expect(ok, false)
  sweep.expect(err, "inside")
  local slow = async.spawn(async.sleep, 10)
  local answer, word = slow:join(1)
  sweep.expect(answer, nil)
  sweep.expect(word, "timeout")
  sweep.expect(slow:join(20), true)
  sweep.expect(async.try_timeout(0, async.sleep, 1), false)
end)
return true
