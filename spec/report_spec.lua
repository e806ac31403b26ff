local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local try_run, defer, error_of, collect = helper.try_run, helper.defer, helper.error_of, helper.collect

local function fail(err)
  async.yield()
  error(err, 0)
end

-- What main's reports were, in order.
local function errors_of(main, ...)
  local reports, ok, err = try_run(main, ...)
  if not ok then error(err, 0) end
  local errors = {}
  for i, report in ipairs(reports) do errors[i] = report.err end
  return errors, reports
end

describe("the failure of a tried task", function()
  it("is reported when its handle is collected", function()
    local before, task_name
    local errors, reports = errors_of(function()
      task_name = tostring(async.try_spawn(fail, "lost")):match("task %d+")
      helper.settle()
      before = true
      collect()
      async.yield()
      before = false
      helper.settle()
    end)
    assert.same({ "lost" }, errors)
    assert.is_false(before)
    assert.equal(task_name .. " (failed)", tostring(reports[1].task))
    assert.equal("lost", select(2, async.run(reports[1].task.join, reports[1].task)))
  end)

  it("is reported when its handle is collected just before the runtime is closed", function()
    collect()
    collectgarbage("stop")
    local mode = collectgarbage("incremental", 200, 100, 4) -- finalisers run ten a step
    local _ <close> = defer(function()
      collectgarbage("incremental", 200, 100, 13)
      collectgarbage(mode)
      collectgarbage("restart")
    end)
    local errors = errors_of(function()
      for i = 1, 40 do async.try_spawn(fail, i) end
      async.sleep(1)
      local begun -- what was made last is finalised first, the others in later steps
      setmetatable({}, { __gc = function() begun = true end })
      while not begun do collectgarbage("step", 0) end
    end)
    table.sort(errors)
    local all = {}
    for i = 1, 40 do all[i] = i end
    assert.same(all, errors)
  end)

  it("is reported when its scope ends, though its handle is held", function()
    local task, at
    local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
      assert.equal("lost", err)
      at = async.now()
    end }
    rt:run(function()
      async.scope(function()
        task = async.try_spawn(fail, "lost")
        async.sleep(2)
      end)
      async.sleep(3)
    end)
    assert.equal(2, at)
    assert.equal("failed", task:status())
  end)

  it("is reported when its task's body and the children have ended", function()
    local errors = errors_of(function()
      local task
      async.spawn(function() task = async.try_spawn(fail, "lost") end):await()
      async.yield()
      assert.equal("failed", task:status())
    end)
    assert.same({ "lost" }, errors)
  end)

  it("is reported when the block of its scope ends", function()
    local task
    assert.same({ "lost" }, (errors_of(function()
      do
        local s <close> = async.scope()
        task = s:try_spawn(fail, "lost")
      end
      assert.equal("failed", task:status())
    end)))
  end)

  it("is not reported if somebody waits for it, or asks later", function()
    assert.same({}, (errors_of(function()
      async.scope(function(s)
        error_of(function() async.try_spawn(fail, "awaited"):await() end)
        assert.same({ false, "joined" }, { async.try_spawn(fail, "joined"):join() })
        assert.same({ false, "joined in time" }, { s:try_spawn(fail, "joined in time"):join(1) })
        local later = async.spawn_with({ supervise = true }, fail, "joined later")
        helper.settle()
        assert.equal("failed", later:status())
        later:join()
        local twice = async.try_spawn(fail, "joined twice")
        twice:join()
        twice:join()
      end)
      collect()
      async.yield()
    end)))
  end)

  it("is reported if whoever waited was cancelled before it failed", function()
    assert.same({ "lost" }, (errors_of(function()
      local task = async.try_spawn(function()
        async.sleep(2)
        error("lost", 0)
      end)
      assert.is_nil((task:join(1)))
      local waiting = async.spawn(task.await, task)
      async.yield()
      waiting:cancel()
      async.sleep(5)
    end)))
  end)

  it("is reported between two ticks of a host as well, at the next", function()
    local errors = {}
    local rt <close> = async.runtime { clock = "manual", on_error = function(err) errors[#errors + 1] = err end }
    rt:spawn(function()
      async.try_spawn(fail, "lost")
      async.sleep(10)
    end)
    rt:tick()
    rt:tick()
    collect()
    assert.same({}, errors)
    rt:tick()
    assert.same({ "lost" }, errors)
  end)

  it("is reported when the runtime is closed", function()
    local errors, task = {}, nil
    local rt = async.runtime { clock = "manual", on_error = function(err) errors[#errors + 1] = err end }
    rt:spawn(function()
      task = async.try_spawn(fail, "lost")
      async.park()
    end)
    rt:tick()
    rt:tick()
    assert.equal("failed", task:status())
    rt:close()
    assert.same({ "lost" }, errors)
  end)
end)

describe("the failure of a supervised task", function()
  local function supervised(spawn)
    local told_at
    local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
      assert.equal("lost", err)
      assert.is_nil(told_at)
      told_at = async.now()
    end }
    spawn(rt, function()
      async.sleep(1)
      error("lost", 0)
    end)
    return told_at
  end

  it("goes to on_error in its turn if nobody waits: detached", function()
    assert.equal(1, supervised(function(rt, body)
      rt:run(function()
        async.detach(body)
        async.sleep(5)
      end)
    end))
  end)

  it("goes to on_error in its turn if nobody waits: in a supervising scope", function()
    assert.equal(1, supervised(function(rt, body)
      rt:run(function()
        async.scope(function(s)
          s:spawn(body)
          async.sleep(5)
        end, { supervise = true })
      end)
    end))
  end)

  it("goes to on_error in its turn if nobody waits: the runtime's", function()
    assert.equal(1, supervised(function(rt, body)
      rt:spawn(body)
      rt:run(async.sleep, 5)
    end))
  end)

  it("is not told of if somebody waits", function()
    assert.is_nil(supervised(function(rt, body)
      local task = rt:spawn(body)
      rt:run(function() assert.same({ false, "lost" }, { task:join() }) end)
    end))
    assert.is_nil(supervised(function(rt, body)
      rt:run(function() assert.same({ false, "lost" }, { async.detach(body):join() }) end)
    end))
  end)

  it("can still be asked for after it was told", function()
    assert.equal(1, supervised(function(rt, body)
      local task = rt:spawn(body)
      rt:run(async.sleep, 2)
      rt:run(function() assert.same({ false, "lost" }, { task:join() }) end)
    end))
  end)

  it("that lies deeper comes out at the supervised task, once", function()
    assert.same({ "deep" }, (errors_of(function()
      async.detach(function()
        async.spawn(function()
          async.scope(function(s) s:spawn(fail, "deep") end)
        end)
        async.park()
      end)
      async.sleep(1)
    end)))
  end)
end)

describe("nothing is told twice", function()
  it("that run raises", function()
    local reports, ok, err = try_run(function()
      async.spawn(function() async.spawn(fail, "once"):await() end):await()
    end)
    assert.same({ 0, false, "once" }, { #reports, ok, err })
    reports, ok, err = try_run(function()
      local task = async.spawn(fail, "once")
      async.spawn(task.await, task)
      async.spawn(task.await, task)
      task:await()
    end)
    assert.same({ 0, false, "once" }, { #reports, ok, err })
  end)

  it("that somebody caught", function()
    assert.same({}, (errors_of(function()
      local ok, err = pcall(async.scope, function(s)
        s:spawn(fail, "caught")
        async.park()
      end)
      assert.same({ false, "caught" }, { ok, err })
      collect()
      async.yield()
    end)))
  end)

  it("that is in the suppressed of what is raised", function()
    local reports, ok, err = try_run(function()
      for i = 1, 3 do
        async.spawn(function()
          local _ <close> = defer(function() error("late " .. i, 0) end)
          async.park()
        end)
      end
      async.yield()
      async.check(nil, "first", "EIO")
    end)
    assert.same({ 0, false, "first" }, { #reports, ok, tostring(err) })
    assert.same({ "late 1", "late 2", "late 3" }, err.suppressed)
  end)

  it("of a task that was cancelled", function()
    assert.same({}, (errors_of(function()
      for _, spawn in ipairs { async.spawn, async.try_spawn, async.detach } do
        local parked = spawn(async.park)
        async.yield()
        parked:cancel()
        local fresh = spawn(async.park)
        fresh:cancel()
        helper.settle()
      end
      collect()
      async.yield()
    end)))
  end)
end)

describe("nothing is lost", function()
  it("of many that fail at the same time", function()
    local reports, ok, err = try_run(function()
      for i = 1, 100 do async.spawn(fail, i) end
      async.park()
    end)
    assert.is_false(ok)
    local seen = { [err] = true }
    for _, report in ipairs(reports) do
      assert.is_nil(seen[report.err])
      seen[report.err] = true
    end
    assert.equal(1, err)
    -- those that had not run when the first failed were cancelled before they could fail
    assert.is_true(#reports <= 99)
  end)

  it("of failures while all unwinds, one each", function()
    local reports, ok, err = try_run(function()
      for i = 1, 100 do
        async.spawn(function()
          local _ <close> = defer(function() error(i, 0) end)
          async.park()
        end)
      end
      async.yield()
      error("first", 0)
    end)
    assert.same({ false, "first", 100 }, { ok, err, #reports })
    local seen = {}
    for _, report in ipairs(reports) do seen[report.err] = report.task end
    assert.equal(100, #seen)
  end)

  it("under any seed, of tasks that fail in all ways at once", function()
    for seed = 1, 40 do
      local count = {}
      local function note(err) count[err] = (count[err] or 0) + 1 end
      local rt <close> = async.runtime { clock = "virtual", seed = seed, on_error = note }
      local ok, err = pcall(rt.run, rt, function()
        for i = 1, 3 do
          async.detach(fail, "detached " .. i)
          async.try_spawn(fail, "tried " .. i)
          local task = async.try_spawn(fail, "joined " .. i)
          async.spawn(function() note(select(2, task:join())) end)
          async.spawn(function()
            local _, e = pcall(async.scope, function(s)
              s:spawn(fail, "scoped " .. i)
              async.park()
            end)
            note(e)
          end)
        end
        async.sleep(1)
        error("main", 0)
      end)
      assert.same({ false, "main" }, { ok, err })
      for _, kind in ipairs { "detached", "tried", "joined", "scoped" } do
        for i = 1, 3 do assert.equal(1, count[kind .. " " .. i]) end
      end
    end
  end)
end)
