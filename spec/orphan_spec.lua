-- What a runtime that was collected, and never closed, leaves behind: handles that lead nowhere.
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local collect, defer, error_of, try_run = helper.collect, helper.defer, helper.error_of, helper.try_run

-- Makes a runtime with `main` as a task, gives it that many polls, and forgets it.
local function in_forgotten(polls, main)
  local rt = async.runtime { clock = "manual" }
  rt:spawn(main)
  for _ = 1, polls do rt:tick(0) end
end

describe("the handles of a collected runtime", function()
  it("of tasks are those of cancelled ones", function()
    helper.expect_lost(3)
    local main, child, fresh
    in_forgotten(3, function()
      main = async.current()
      child = async.spawn(async.sleep, 1)
      async.yield()
      fresh = async.spawn(error, "it never runs")
      async.park()
    end)
    collect()
    for _, task in ipairs { main, child, fresh } do
      assert.equal("cancelled", task:status())
      assert.is_nil(task:waiting_on())
      assert.truthy(task:traceback():find("cancelled", 1, true))
      task:cancel("again")
      local err = error_of(async.run, task.await, task)
      assert.equal("task_cancelled", err.kind)
      assert.equal("runtime collected", err.reason)
      assert.same({ false, err.message }, { async.run(function()
        local ok, e = task:join()
        return ok, e.message
      end) })
    end
  end)

  it("of scopes are those of ended ones", function()
    helper.expect_lost(2)
    local scope
    in_forgotten(5, function()
      scope = async.scope()
      scope:spawn(async.sleep, 1)
      async.park()
    end)
    collect()
    assert.equal("scope (ended)", tostring(scope))
    scope:cancel()
    scope:close()
  end)

  it("of wakers wake nobody", function()
    helper.expect_lost(1)
    local waker
    in_forgotten(5, function()
      waker = async.waker()
      async.park()
    end)
    collect()
    waker:wake()
  end)

  it("of failed tasks can be let go", function()
    helper.expect_lost(1)
    local task
    in_forgotten(5, function()
      task = async.try_spawn(error, "nobody took it", 0)
      async.sleep(1)
    end)
    collect()
    assert.equal("failed", task:status())
    task = nil -- luacheck: ignore 311
    collect()
  end)
end)

describe("a collected runtime", function()
  it("leaves what its tasks waited for", function()
    helper.expect_lost(3)
    local future = async.future()
    in_forgotten(5, function()
      async.spawn(function() async.shield(future.await, future) end)
      async.spawn(async.timeout, 5, future.await, future)
      future:await()
    end)
    collect()
    collect()
    assert.is_true(future:resolve(1))
  end)

  it("wakes those in other runtimes who await its tasks", function()
    helper.expect_lost(1)
    local forgotten = async.runtime { clock = "virtual" }
    local task = forgotten:spawn(async.park)
    forgotten:tick()
    forgotten = nil -- luacheck: ignore 311
    local reports = try_run(function()
      local waiting = async.spawn(function() return task:join() end)
      async.yield()
      collect()
      local ok, err = waiting:await()
      assert.is_false(ok)
      assert.equal("runtime collected", err.reason)
    end)
    assert.same({}, reports)
  end)

  it("runs no Lua, and counts the tasks that had not ended", function()
    helper.expect_lost(1)
    local closed = false
    in_forgotten(5, function()
      local _ <close> = defer(function() closed = true end)
      async.park()
    end)
    collect()
    assert.is_false(closed)
  end)

  it("is not one that is running, whatever its finaliser is told", function()
    local rt <close> = async.runtime { clock = "virtual" }
    local finalise = getmetatable(rt).__gc
    assert.equal("done", rt:run(function()
      local err = error_of(function() finalise(rt) end)
      assert.truthy(err:find("'__gc' on a runtime that is running", 1, true))
      async.sleep(1)
      return "done"
    end))
  end)
end)
