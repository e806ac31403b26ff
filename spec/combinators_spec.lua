local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, run_seeded, here, error_of =
  helper.run, helper.try_run, helper.run_seeded, helper.here, helper.error_of

-- A function that sleeps and returns values, and notes in `log` how it ended.
local function sleeper(log, name, seconds, ...)
  local values = table.pack(...)
  return function()
    local _ <close> = helper.defer(function(err) log[name] = err and "unwound" or "done" end)
    async.sleep(seconds)
    return table.unpack(values, 1, values.n)
  end
end

local function failing(seconds, err)
  return function()
    async.sleep(seconds)
    error(err, 0)
  end
end

-- One that takes a while to unwind.
local function stubborn(log, name)
  return function()
    local _ <close> = helper.defer(function()
      async.shield(async.sleep, 5)
      log[name] = "unwound"
    end)
    async.sleep(math.huge)
  end
end

describe("all", function()
  it("gives the first value of each, in their order, after the longest", function()
    run_seeded(function()
      local log = {}
      assert.same({ "a", false, nil, "d", n = 4 }, table.pack(async.all(
        sleeper(log, 1, 3, "a", "more"), sleeper(log, 2, 1, false), sleeper(log, 3, 2), sleeper(log, 4, 0, "d"))))
      assert.equal(3, async.now())
    end)
  end)

  it("takes a list, tasks, and anything that can be called", function()
    run_seeded(function()
      local task = async.spawn(sleeper({}, 1, 1, "task"))
      local callable = setmetatable({}, { __call = function() return "called" end })
      assert.same({ "task", "called" }, { async.all { task, callable } })
      assert.same({ "task", "called" }, { async.all(task, callable) })
      assert.same({ "called" }, { async.all(callable) })
      assert.same({ n = 0 }, table.pack(async.all()))
      assert.same({ n = 0 }, table.pack(async.all {}))
    end)
  end)

  it("raises the first failure as it is, once the others are unwound", function()
    run_seeded(function()
      local log, original = {}, {}
      local err = error_of(async.all, failing(2, original), stubborn(log, 1), sleeper(log, 2, 1), sleeper(log, 3, 9))
      assert.is_true(rawequal(original, err))
      assert.same({ "unwound", "done", "unwound" }, log)
      assert.equal(7, async.now())
    end)
  end)

  it("cancels the tasks it was given, and waits for them", function()
    run_seeded(function()
      local log = {}
      local task = async.spawn(stubborn(log, 1))
      assert.equal("oops", error_of(async.all, task, failing(1, "oops")))
      assert.same({ "unwound" }, log)
      assert.equal("cancelled", task:status())
    end)
  end)

  it("raises the failure of a task, and task_cancelled for one that was cancelled", function()
    run_seeded(function()
      local log = {}
      local task = async.try_spawn(failing(1, "oops"))
      assert.equal("oops", error_of(async.all, task, sleeper(log, 1, 2)))
      assert.same({ "unwound" }, log)
      local cancelled = async.spawn(sleeper(log, 2, 5))
      cancelled:cancel("enough")
      local err = error_of(async.all, cancelled, sleeper(log, 3, 5))
      assert.equal("task_cancelled", err.kind)
      assert.equal("enough", err.reason)
    end)
  end)

  it("does not swallow what a task raises while it unwinds", function()
    local reports = try_run(function()
      local task = async.try_spawn(function()
        local _ <close> = helper.defer(function() error("while unwinding", 0) end)
        async.sleep(9)
      end)
      assert.equal("first", error_of(async.all, task, failing(1, "first")))
    end)
    assert.equal(1, #reports)
    assert.equal("while unwinding", reports[1].err)
  end)

  it("is unwound by a cancel from outside, with all that it runs", function()
    run_seeded(function()
      local log = {}
      local given = async.spawn(sleeper(log, 3, 9))
      local task = async.spawn(async.all, sleeper(log, 1, 9), stubborn(log, 2), given)
      async.sleep(1)
      task:cancel()
      assert.is_false((task:join()))
      assert.same({ "unwound", "unwound", "unwound" }, log)
      assert.is_false(async.try_timeout(1, async.all, sleeper(log, 4, 9)))
      assert.equal("unwound", log[4])
    end)
  end)

  it("raises where a task awaits itself", function()
    run(function()
      assert.equal("deadlock", error_of(async.all, async.current()).kind)
    end)
  end)

  it("does nothing in a cancelled task", function()
    run(function()
      local ran = false
      async.try_timeout(0, function()
        assert.is_true(async.is_cancelled(error_of(async.all, function() ran = true end)))
      end)
      assert.is_false(ran)
    end)
  end)

  it("refuses misuse with the caller's position", function()
    run(function()
      assert.equal(here(1) .. ": bad argument #2 to 'all' (function or task expected, got number)", error_of(function()
        async.all(print, 1) end))
      assert.equal(here(1) .. ": bad argument #1 to 'all' (item 2: function or task expected, got table)",
        error_of(function() async.all { print, {} } end))
      assert.equal(here(1) .. ": bad argument #1 to 'all' (function or task expected, got nil)", error_of(function()
        async.all(nil) end))
    end)
    assert.equal(here(1) .. ": 'all' called outside a task", error_of(function()
      async.all(print) end))
  end)
end)

describe("race", function()
  it("gives the number and the values of the first to end, once the others are unwound", function()
    run_seeded(function()
      local log = {}
      assert.same({ 2, "b", nil, "c", nil, n = 5 }, table.pack(async.race(
        sleeper(log, 1, 2, "a"), sleeper(log, 2, 1, "b", nil, "c", nil), stubborn(log, 3))))
      assert.same({ "unwound", "done", "unwound" }, log)
      assert.equal(6, async.now())
    end)
  end)

  it("takes a list and tasks; losing tasks are cancelled", function()
    run_seeded(function()
      local log = {}
      local slow, fast = async.spawn(stubborn(log, 1)), async.spawn(sleeper(log, 2, 1, "fast"))
      assert.same({ 2, "fast" }, { async.race { slow, fast } })
      assert.equal("cancelled", slow:status())
      assert.same({ 1, "fast" }, { async.race(fast) })
      assert.equal(6, async.now())
    end)
  end)

  it("does not begin what comes after one that ends at once", function()
    run(function()
      local ran = false
      assert.same({ 1, "now" }, { async.race(function() return "now" end, function() ran = true end) })
      assert.is_false(ran)
    end)
  end)

  it("raises if the first to end fails", function()
    run_seeded(function()
      local log, original = {}, {}
      assert.is_true(rawequal(original, error_of(async.race, sleeper(log, 1, 2), failing(1, original))))
      assert.same({ "unwound" }, log)
    end)
  end)

  it("raises what a loser raises while it unwinds", function()
    run_seeded(function()
      assert.equal("while unwinding", error_of(async.race, sleeper({}, 1, 1), function()
        local _ <close> = helper.defer(function() error("while unwinding", 0) end)
        async.sleep(9)
      end))
    end)
  end)

  it("goes on without one that cancels itself, and raises if all have", function()
    run(function()
      local function quit()
        async.current():cancel("enough")
        async.sleep(1)
      end
      assert.same({ 2, "there" }, { async.race(quit, sleeper({}, 1, 1, "there")) })
      local err = error_of(async.race, quit, quit)
      assert.same({ "task_cancelled", "enough" }, { err.kind, err.reason })
    end)
  end)

  it("is unwound by a cancel from outside", function()
    run_seeded(function()
      local log = {}
      assert.is_false(async.try_timeout(1, async.race, sleeper(log, 1, 9), stubborn(log, 2)))
      assert.same({ "unwound", "unwound" }, log)
    end)
  end)

  it("refuses misuse with the caller's position", function()
    run(function()
      assert.equal(here(1) .. ": bad argument #1 to 'race' (function or task expected, got no value)",
        error_of(function() async.race() end))
      assert.equal(here(1) .. ": bad argument #1 to 'race' (list is empty)", error_of(function()
        async.race {} end))
    end)
  end)
end)

describe("map", function()
  it("gives each call's first value in its place, and how many there are", function()
    run_seeded(function()
      local results = async.map({ 3, 1, 2 }, function(item, i)
        async.sleep(item)
        if i == 2 then return nil end
        return item * 10 + i, "more"
      end)
      assert.same({ 31, nil, 23, n = 3 }, results)
      assert.equal(3, async.now())
      assert.same({ n = 0 }, async.map({}, error))
      assert.same({ 1, 2, 3, n = 3 }, async.map({ nil, "x", nil, n = 3 }, function(_, i) return i end))
    end)
  end)

  it("keeps to its limit, and asks for an item when there is room for it", function()
    run_seeded(function()
      local running, most, asked, n = 0, 0, 0, 0
      local function source()
        asked = asked + 1
        assert.is_true(asked <= n + 4)
        return asked <= 10 and asked or nil
      end
      local results = async.map(source, function(item)
        running = running + 1
        most = math.max(most, running)
        async.sleep(1)
        running = running - 1
        n = n + 1
        return item
      end, { limit = 3 })
      assert.equal(3, most)
      assert.equal(10, results.n)
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, n = 10 }, results)
    end)
  end)

  it("takes its items from a function that suspends, one call at a time", function()
    run_seeded(function()
      local inside, i = 0, 0
      local function source()
        inside = inside + 1
        assert.equal(1, inside)
        async.sleep(1)
        inside = inside - 1
        i = i + 1
        return i <= 4 and i or nil
      end
      assert.same({ 1, 4, 9, 16, n = 4 }, async.map(source, function(item) return item * item end, { limit = 2 }))
    end)
  end)

  it("takes its items from a channel", function()
    run_seeded(function()
      local channel = async.channel()
      async.spawn(function()
        for i = 1, 5 do channel:send(i) end
        channel:close()
      end)
      assert.same({ 2, 4, 6, 8, 10, n = 5 }, async.map(channel, function(item) return 2 * item end, { limit = 2 }))
    end)
  end)

  it("raises the first failure, of a call or of the source, once the others are unwound", function()
    run_seeded(function()
      local log, original = {}, {}
      local calls = { sleeper(log, 1, 9), failing(1, original), stubborn(log, 2) }
      assert.is_true(rawequal(original, error_of(async.map, calls, function(call) return call() end)))
      assert.same({ "unwound", "unwound" }, log)
      local given = 0
      assert.is_true(rawequal(original, error_of(async.map, function()
        given = given + 1
        if given == 2 then error(original, 0) end
        return sleeper(log, 3, 9)
      end, function(item)
        async.sleep(0)
        return item()
      end)))
    end)
  end)

  it("is unwound by a cancel from outside, also while it waits for room or for an item", function()
    run_seeded(function()
      local log = {}
      local function call(item) return item() end
      assert.is_false(async.try_timeout(1, async.map, { stubborn(log, 1), sleeper(log, 2, 1) }, call, { limit = 1 }))
      assert.same({ "unwound" }, log)
      assert.is_false(async.try_timeout(1, async.map, function() async.sleep(9) end, call))
      assert.is_false(async.try_timeout(1, async.map, { stubborn(log, 3) }, call))
      assert.is_false(async.try_timeout(1, async.each, { stubborn(log, 4) }, call))
      assert.same({ "unwound", nil, "unwound", "unwound" }, log)
    end)
  end)

  it("leaves its place empty for a call that cancels itself, and gives its room to others", function()
    run_seeded(function()
      assert.same({ 1, nil, 3, n = 3 }, async.map({ 1, 2, 3 }, function(item)
        if item == 2 then async.current():cancel() end
        async.sleep(1)
        return item
      end, { limit = 1 }))
    end)
  end)

  it("refuses misuse with the caller's position", function()
    run(function()
      assert.equal(here(1) .. ": bad argument #1 to 'map' (list or iterator expected, got no value)",
        error_of(function() async.map() end))
      assert.equal(here(1) .. ": bad argument #2 to 'map' (function expected, got nil)", error_of(function()
        async.map({}, nil) end))
      assert.equal(here(1) .. ": bad argument #3 to 'map' (field 'limit' must be a positive integer)",
        error_of(function() async.map({}, print, { limit = 0 }) end))
      assert.equal(here(1) .. ": bad argument #3 to 'each' (unknown option 'limits')", error_of(function()
        async.each({}, print, { limits = 1 }) end))
    end)
  end)
end)

describe("each", function()
  it("calls the function for each item and returns nothing, when all are done", function()
    run_seeded(function()
      local sum = 0
      assert.equal(0, select("#", async.each({ 1, 2, 3 }, function(item, i)
        async.sleep(item)
        sum = sum + item * i
        return "ignored"
      end)))
      assert.equal(14, sum)
      assert.equal(3, async.now())
    end)
  end)

  it("goes through a great many without keeping them", function()
    run(function()
      local i, done = 0, 0
      async.each(function()
        i = i + 1
        return i <= 20000 and i or nil
      end, function()
        async.yield()
        done = done + 1
      end, { limit = 10 })
      assert.equal(20000, done)
    end)
  end)
end)

describe("the combinators", function()
  it("nest", function()
    run_seeded(function()
      local log = {}
      local result = async.map({ 1, 2 }, function(item)
        local which, value = async.race(sleeper(log, "slow" .. item, 9), function()
          return (async.all(sleeper(log, "a" .. item, item, item), sleeper(log, "b" .. item, 1)))
        end)
        return which * 10 + value
      end)
      assert.same({ 21, 22, n = 2 }, result)
      assert.equal(2, async.now())
    end)
  end)

  it("let others run when there is nothing to wait for", function()
    run(function()
      local ran = false
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do
        async.all()
        async.map({}, print)
        async.each({}, print)
      end
      assert.is_true(ran)
    end)
  end)
end)
