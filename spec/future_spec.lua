local async = require "asyncrt"
local testing = require "asyncrt.testing"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, here, error_of = helper.run, helper.try_run, helper.here, helper.error_of

describe("a future", function()
  testing.it("gives its values to those who wait, in the order of asking, and to those who come later", function()
    local future, order = async.future(), {}
    for i = 1, 4 do
      async.spawn(function()
        assert.same({ 1, nil, 3, nil, n = 4 }, table.pack(future:await()))
        order[#order + 1] = i
      end)
    end
    async.sleep(1)
    assert.is_false(future:done())
    assert.is_true(future:resolve(1, nil, 3, nil))
    assert.is_true(future:done())
    async.sleep(1)
    assert.same({ 1, 2, 3, 4 }, order)
    assert.same({ 1, nil, 3, nil, n = 4 }, table.pack(future:await()))
  end)

  testing.it("can be resolved with nothing and with much", function()
    local empty, full = async.future(), async.future()
    empty:resolve()
    full:resolve(table.unpack({}, 1, 5000))
    assert.same({ n = 0 }, table.pack(empty:await()))
    assert.equal(5000, select("#", full:await()))
  end)

  it("raises the very error that it was rejected with, in each who waits", function()
    for _, original in ipairs { "text", {}, false, 12, io.stdout } do
      run(function()
        local future, raised = async.future(), 0
        for _ = 1, 3 do
          async.spawn(function()
            assert.is_true(rawequal(original, error_of(future.await, future)))
            raised = raised + 1
          end)
        end
        async.yield()
        assert.is_true(future:reject(original))
        assert.is_true(rawequal(original, error_of(future.await, future)))
        async.yield()
        assert.equal(3, raised)
      end)
    end
    run(function()
      local future = async.future()
      future:reject(nil)
      assert.same({ false, nil, n = 2 }, table.pack(pcall(future.await, future)))
    end)
  end)

  testing.it("is set once", function()
    local future = async.future()
    assert.is_true(future:resolve("first"))
    assert.is_false(future:resolve("second"))
    assert.is_false(future:reject("third"))
    assert.equal("first", future:await())
    local rejected = async.future()
    assert.is_true(rejected:reject("first"))
    assert.is_false(rejected:reject("second"))
    assert.is_false(rejected:resolve("third"))
    assert.equal("first", error_of(rejected.await, rejected))
  end)

  it("can be made and set where no runtime runs", function()
    local future, rejected = async.future(), async.future()
    future:resolve("early")
    rejected:reject("no")
    assert.equal("early", run(function() return future:await() end))
    assert.equal("no", run(function() return error_of(rejected.await, rejected) end))
  end)

  it("set between two ticks of a host wakes its waiter", function()
    local rt <close> = async.runtime { clock = "manual" }
    local future, got = async.future(), nil
    rt:spawn(function() got = future:await() end)
    rt:tick()
    future:resolve("from the host")
    assert.is_nil(got)
    rt:tick()
    assert.equal("from the host", got)
  end)

  testing.it("lets go of its values when they are set, and of a waiter that leaves", function()
    local future = async.future()
    assert.is_false(async.try_timeout(1, future.await, future))
    local task = async.spawn(future.await, future)
    async.yield()
    task:cancel()
    task:join()
    future:resolve("late")
    assert.equal("late", future:await())
  end)

  testing.it("lets others run after many awaits that need not wait", function()
    local future, ran = async.future(), false
    future:resolve()
    async.spawn(function() ran = true end)
    for _ = 1, 1000 do future:await() end
    assert.is_true(ran)
  end)

  it("shows its state", function()
    local future, rejected = async.future(), async.future()
    assert.equal("future (open)", tostring(future))
    future:resolve()
    assert.equal("future (resolved)", tostring(future))
    rejected:reject("x")
    assert.equal("future (rejected)", tostring(rejected))
    assert.equal("asyncrt.future", getmetatable(future).__name)
    pcall(run, function() rejected:await() end)
  end)

  it("refuses misuse with the caller's position", function()
    local future = async.future()
    assert.equal(here(1) .. ": 'await' called outside a task", error_of(function()
      future:await() end))
    assert.equal(here(1) .. ": bad argument #1 to 'resolve' (asyncrt.future expected, got table)",
      error_of(function() future.resolve({}) end))
    assert.equal(here(1) .. ": bad argument #1 to 'future' (function expected, got number)",
      error_of(function() async.future(1) end))
    assert.equal(here(1) .. ": bad argument #1 to 'done' (asyncrt.future expected, got no value)",
      error_of(function() future.done() end))
  end)
end)

describe("a rejected future that nobody awaited and no runtime came to tell of", function()
  it("is told of on stderr when Lua ends", function()
    local output, code = helper.child([[
      local async = require "asyncrt"
      async.run(function() end)
      async.future():reject("dropped")
      async.future():reject({})
      collectgarbage()
      kept = async.future()
      kept:reject(select(2, pcall(async.check, nil, "kept", "EIO")))
    ]])
    assert.equal("asyncrt: error that nobody took: table\nasyncrt: error that nobody took: dropped\n" ..
      "asyncrt: error that nobody took: kept\n", output)
    assert.equal(0, code)
  end)
end)

describe("a rejected future", function()
  it("that nobody awaited is reported when it is collected", function()
    local reports = try_run(function()
      async.future():reject("lost")
      helper.collect()
      async.yield()
    end)
    assert.equal(1, #reports)
    assert.same({ "lost" }, { reports[1].err, reports[1].task })
  end)

  it("that somebody awaited is not", function()
    local reports = try_run(function()
      do
        local future, waited_for = async.future(), async.future()
        future:reject("taken")
        pcall(future.await, future)
        local task = async.spawn(pcall, waited_for.await, waited_for)
        async.yield()
        waited_for:reject("taken, too")
        task:await()
      end
      helper.collect()
      async.yield()
    end)
    assert.same({}, reports)
  end)

  it("whose only waiter is cancelled in that turn is reported", function()
    local reports = try_run(function()
      do
        local future = async.future()
        local task = async.spawn(future.await, future)
        async.yield()
        task:cancel()
        future:reject("lost")
        task:join()
      end
      helper.collect()
      async.yield()
    end)
    assert.equal("lost", reports[1] and reports[1].err)
  end)

  it("is reported whatever it was rejected with", function()
    local reports = try_run(function()
      for _, err in ipairs { "a", false, "b" } do async.future():reject(err) end
      async.future():reject(nil)
      helper.collect()
      async.yield()
    end)
    local errors = {}
    for _, report in ipairs(reports) do errors[tostring(report.err)] = true end
    assert.same({ a = true, b = true, ["false"] = true, ["nil"] = true }, errors)
    assert.equal(4, #reports)
  end)

  it("is reported once", function()
    local reports = try_run(function()
      async.future():reject("lost")
      for _ = 1, 3 do
        helper.collect()
        async.yield()
      end
    end)
    assert.equal(1, #reports)
  end)
end)

describe("on_cancel", function()
  local function cancel(task)
    task:cancel()
    task:join()
  end

  testing.it("is told when the last one who waits is cancelled, once", function()
    local told = {}
    local future
    future = async.future(function(f) told[#told + 1] = f end)
    local a, b = async.spawn(future.await, future), async.spawn(future.await, future)
    async.yield()
    cancel(a)
    assert.same({}, told)
    cancel(b)
    assert.equal(1, #told)
    assert.equal(future, told[1])
    local c = async.spawn(future.await, future)
    async.yield()
    cancel(c)
    assert.equal(1, #told)
  end)

  testing.it("is told of a timeout as well", function()
    local told = false
    local future = async.future(function() told = true end)
    assert.is_false(async.try_timeout(1, future.await, future))
    assert.is_true(told)
  end)

  testing.it("may set the future", function()
    local future = async.future(function(f) f:resolve("stopped") end)
    cancel(async.spawn(future.await, future))
    async.try_timeout(1, future.await, future)
    assert.is_false(async.try_timeout(0, future.await, future))
    assert.equal("future (resolved)", tostring(future))
  end)

  testing.it("is not told of a future that was set, or that nobody waits for", function()
    local told = false
    local set = async.future(function() told = true end)
    local task = async.spawn(set.await, set)
    async.yield()
    set:resolve()
    task:cancel()
    task:join()
    local before = async.future(function() told = true end)
    local never = async.spawn(before.await, before)
    never:cancel()
    never:join()
    assert.is_false(told)
  end)

  testing.it("that fails makes the cancelled task fail with that", function()
    local future = async.future(function() error("in on_cancel", 0) end)
    local task = async.try_spawn(future.await, future)
    async.yield()
    task:cancel()
    assert.same({ false, "in on_cancel" }, { task:join() })
  end)

  testing.it("is any callable", function()
    local told
    local callable = setmetatable({}, { __call = function(_, f) told = f end })
    local future = async.future(callable)
    local task = async.spawn(future.await, future)
    async.yield()
    cancel(task)
    assert.equal(future, told)
  end)
end)

describe("a rejected future that nobody holds", function()
  it("is told of before its runtime closes", function()
    local told = {}
    local rt = async.runtime { on_error = function(err) told[#told + 1] = err end }
    rt:run(function() async.future():reject("one") end)
    rt:close()
    assert.same({ "one" }, told)
  end)
end)
