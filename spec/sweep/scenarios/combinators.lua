-- all, race, map, each, once.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

local function after(seconds, value)
  return function()
    async.sleep(seconds)
    return value
  end
end

rt:run(function()
  local a, b = async.all(after(2, "a"), after(1, "b"))
  sweep.expect(a, "a")
  sweep.expect(b, "b")
  local index, value = async.race(after(2, "slow"), after(1, "fast"))
  sweep.expect(index, 2)
  sweep.expect(value, "fast")
  local doubled = async.map({ 1, 2, 3, 4, 5 }, function(n)
    async.sleep(1)
    return 2 * n
  end, { limit = 2 })
  sweep.expect(#doubled, 5)
  sweep.expect(doubled[5], 10)
  local ok, err = pcall(async.all, after(1), function() error("one of them", 0) end)
  sweep.expect(ok, false)
  sweep.expect(err, "one of them")
  local sum = 0
  async.each({ 1, 2, 3 }, function(n) sum = sum + n end)
  sweep.expect(sum, 6)
  local calls = 0
  local once = async.once(function()
    calls = calls + 1
    async.sleep(1)
    return calls
  end)
  async.all(once, once)
  sweep.expect(once(), 1)
end)
return true
