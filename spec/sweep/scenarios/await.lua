-- Arguments in, results out: none, some, more than a task has room for.
local async, sweep = ...

local function add(a, b) return a + b end

local result = async.run(function(x, y)
  local sum = async.spawn(add, x, y)
  local lots = async.spawn(sweep.numbers, 300)
  local none = async.spawn(function() async.yield() end)
  sweep.expect(sum:await(), 7)
  sweep.expect(select("#", lots:await()), 300)
  sweep.expect((select(300, lots:await())), 300)
  sweep.expect(select("#", none:await()), 0)
  local ok, first = lots:join()
  sweep.expect(ok, true)
  sweep.expect(first, 1)
  return "done"
end, 3, 4)
sweep.expect(result, "done")
return true
