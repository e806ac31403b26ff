-- What handles say about themselves.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  local task = async.spawn_with({ name = "loader" }, async.sleep, 5)
  sweep.expect(task:name(), "loader")
  task:name("unloader")
  async.sleep(1)
  sweep.expect_text(tostring(task), "'unloader'")
  sweep.expect(task:waiting_on(), "sleep")
  sweep.expect_text(task:traceback(), "unloader")
  local waiter = async.spawn(task.await, task)
  async.yield()
  sweep.expect_text(waiter:waiting_on(), "task")
  sweep.expect_text(async.current():traceback(), "in function")
  sweep.expect(tostring(async.future()), "future (open)")
  sweep.expect_text(tostring(async.waker()), "waker")
end)
return true
