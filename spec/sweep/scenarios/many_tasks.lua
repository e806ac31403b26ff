-- Fifty tasks at once: the pool of coroutines grows, and so do the anchors.
local async, sweep = ...

local sum = 0
async.run(function()
  local tasks = {}
  for i = 1, 50 do
    tasks[i] = async.spawn(function(n)
      async.yield()
      sum = sum + n
      return n
    end, i)
  end
  for i = 1, 50 do sweep.expect(tasks[i]:await(), i) end
end)
sweep.expect(sum, 1275)
return true
