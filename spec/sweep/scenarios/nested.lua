-- Coroutines of a task's own that await: through values, errors, scopes and a cancel.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

local function nest(n)
  if n == 0 then return async.sleep(1), "bottom" end
  return coroutine.wrap(function() return select(2, n, nest(n - 1)) end)()
end

rt:run(function()
  local values = coroutine.wrap(function(a)
    for i = 1, 3 do
      async.sleep(1)
      a = coroutine.yield(i + a)
    end
  end)
  sweep.expect(values(10), 11)
  sweep.expect(values(20), 22)
  sweep.expect(nest(5), nil)
  local ok, err = coroutine.resume(coroutine.create(function()
    local s <close> = async.scope()
    s:spawn(async.sleep, 60)
    async.yield()
    error("oops", 0)
  end))
  sweep.expect(err, "oops")
  sweep.expect(ok, false)
  local task = async.try_spawn(function()
    coroutine.running()
    nest(3)
  end)
  async.yield()
  task:traceback()
  task:cancel()
  ok, err = task:join()
  sweep.expect_kind(err, "task_cancelled")
  sweep.expect(ok, false)
  ok, err = pcall(coroutine.wrap(function()
    async.yield()
    error("wrapped", 0)
  end))
  sweep.expect_text(err, "wrapped")
  sweep.expect(ok, false)
end)
return true
