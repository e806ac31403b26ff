-- Futures: resolved, rejected, cancelled by the last who waited, rejected in vain.
local async, sweep = ...

local told = {}
local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

rt:run(function()
  local answer = async.future()
  async.spawn(function()
    async.sleep(1)
    answer:resolve(1, 2, 3)
  end)
  sweep.expect(select("#", answer:await()), 3)
  sweep.expect(answer:resolve(4), false)

  local many = async.future()
  many:resolve(sweep.numbers(100))
  sweep.expect((select(100, many:await())), 100)

  local bad = async.future()
  async.spawn(function() bad:reject("bad") end)
  local ok, err = pcall(bad.await, bad)
  sweep.expect(ok, false)
  sweep.expect(err, "bad")

  local dropped
  local slow = async.future(function(f) dropped = f end)
  sweep.expect(async.try_timeout(1, slow.await, slow), false)
  sweep.expect(dropped, slow)

  async.future():reject("in vain")
  collectgarbage()
  async.sleep(1)
end)
sweep.expect(told[1], "in vain")
sweep.expect(#told, 1)
return true
