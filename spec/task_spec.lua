local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, defer, here, error_of = helper.run, helper.try_run, helper.defer, helper.here, helper.error_of

local function trampoline(...) return ... end

describe("spawn", function()
  it("runs nothing before the caller suspends, then in spawn order", function()
    run(function()
      local order = {}
      for i = 1, 5 do async.spawn(function() order[#order + 1] = i end) end
      assert.same({}, order)
      async.yield()
      assert.same({ 1, 2, 3, 4, 5 }, order)
    end)
  end)

  it("passes arguments, nils included", function()
    run(function()
      assert.same({ nil, 2, nil, false, nil, n = 5 },
        table.pack(async.spawn(trampoline, nil, 2, nil, false, nil):await()))
      assert.same({ n = 0 }, table.pack(async.spawn(trampoline):await()))
    end)
  end)

  it("takes 250 arguments and no more", function()
    run(function()
      local many = {}
      for i = 1, 251 do many[i] = i end
      assert.equal(250, select("#", async.spawn(trampoline, table.unpack(many, 1, 250)):await()))
      local line = here(1)
      local err = error_of(function() local t = async.spawn(trampoline, table.unpack(many)) return t end)
      assert.equal(line .. ": bad argument #252 to 'spawn' (a task takes at most 250 arguments)", err)
    end)
  end)

  it("gives back any number of results", function()
    run(function()
      local task = async.spawn(function() return table.unpack({}, 1, 3000) end)
      assert.equal(3000, select("#", task:await()))
      assert.equal(3000, select("#", task:await()))
    end)
  end)

  it("takes callables, C functions among them", function()
    run(function()
      local callable = setmetatable({}, { __call = function(self, x) return self, x end })
      assert.same({ callable, 3 }, { async.spawn(callable, 3):await() })
      assert.equal(7, async.spawn(math.abs, -7):await())
      async.spawn(async.sleep, 1):await()
      assert.equal(1, async.now())
    end)
  end)

  it("refuses what cannot be called, with the caller's position", function()
    run(function()
      assert.equal(here(1) .. ": bad argument #1 to 'spawn' (function expected, got nil)",
        error_of(function() async.spawn(nil) end))
      assert.equal(here(1) .. ": bad argument #1 to 'spawn_with' (table expected, got no value)",
        error_of(function() async.spawn_with() end))
      assert.equal(here(1) .. ": bad argument #2 to 'spawn_with' (function expected, got no value)",
        error_of(function() async.spawn_with({}) end))
      assert.equal(here(1) .. ": bad argument #1 to 'spawn_with' (field 'name' must be a string)",
        error_of(function() async.spawn_with({ name = 1 }, print) end))
      assert.equal(here(1) .. ": bad argument #1 to 'spawn_with' (field 'scope' must be a scope)",
        error_of(function() async.spawn_with({ scope = async.current() }, print) end))
    end)
  end)

  it("needs a task to be called from", function()
    for _, name in ipairs { "spawn", "try_spawn", "detach" } do
      assert.equal(("%s: '%s' called outside a task"):format(here(1), name),
        error_of(function() async[name](print) end))
    end
  end)

  it("keeps the task alive without its handle", function()
    run(function()
      local done = false
      async.spawn(function()
        async.sleep(1)
        done = true
      end)
      async.yield()
      helper.collect()
      async.sleep(2)
      assert.is_true(done)
    end)
  end)

  it("goes on with many tasks at once", function()
    run(function()
      local ended = 0
      for i = 1, 10000 do
        async.spawn(function()
          async.sleep(i % 7)
          ended = ended + 1
        end)
      end
      async.sleep(10)
      assert.equal(10000, ended)
    end)
  end)
end)

describe("under any seed", function()
  it("siblings begin in the order of their spawns", function()
    for seed = 1, 30 do
      local rt <close> = async.runtime { clock = "virtual", seed = seed }
      local begun = {}
      rt:run(function()
        for i = 1, 20 do
          async.spawn(function()
            begun[#begun + 1] = i
            async.yield()
          end)
          if i % 7 == 0 then async.yield() end
        end
      end)
      for i = 1, 20 do assert.equal(i, begun[i]) end
    end
  end)

  it("the same seed gives the same order, and some seeds give others", function()
    local function trace(seed)
      local rt <close> = async.runtime { clock = "virtual", seed = seed }
      local order = {}
      rt:run(function()
        for i = 1, 5 do
          async.spawn(function()
            for _ = 1, 5 do
              order[#order + 1] = i
              async.yield()
            end
          end)
        end
      end)
      return table.concat(order)
    end
    local different = {}
    for seed = 1, 10 do
      local one = trace(seed)
      assert.equal(one, trace(seed))
      different[one] = true
    end
    assert.is_truthy(next(different, next(different)))
  end)

  it("the environment gives the seed if the script does not", function()
    local script = [[
      local async = require "asyncrt"
      async.runtime { clock = "virtual" }:run(function()
        for i = 1, 5 do async.spawn(function() for _ = 1, 5 do io.write(i) async.yield() end end) end
      end)
    ]]
    local one = helper.child(script, nil, "ASYNCRT_SEED=4")
    assert.equal(one, (helper.child(script, nil, "ASYNCRT_SEED=4")))
    assert.equal("1234512345123451234512345", (helper.child(script)))
    assert.not_equal("1234512345123451234512345", one)
  end)
end)

describe("a task", function()
  it("ends when its body and all its children have", function()
    run(function()
      local task = async.spawn(function()
        async.spawn(function() async.spawn(async.sleep, 3) end)
        return "body"
      end)
      async.sleep(1)
      assert.equal("waiting", task:status())
      assert.equal("its children", task:waiting_on())
      assert.equal("body", task:await())
      assert.equal(3, async.now())
    end)
  end)

  it("tells its status", function()
    run(function()
      assert.equal("running", async.current():status())
      local future = async.future()
      local task = async.try_spawn(function() return future:await() end)
      assert.equal("ready", task:status())
      async.yield()
      assert.equal("waiting", task:status())
      future:resolve()
      assert.equal("ready", task:status())
      async.yield()
      assert.equal("done", task:status())
      local failed, cancelled = async.try_spawn(error), async.spawn(async.park)
      cancelled:cancel()
      failed:join()
      cancelled:join()
      assert.equal("failed", failed:status())
      assert.equal("cancelled", cancelled:status())
    end)
  end)

  it("has an id of its own, a name if it was given one, and shows both", function()
    run(function()
      local a, b = async.spawn(async.yield), async.spawn_with({ name = "loader" }, async.yield)
      assert.equal("integer", math.type(a:id()))
      assert.not_equal(a:id(), b:id())
      assert.is_nil(a:name())
      assert.equal("loader", b:name())
      assert.equal(("task %d (ready)"):format(a:id()), tostring(a))
      assert.equal("reader", a:name("reader"))
      assert.equal(("task %d 'reader' (ready)"):format(a:id()), tostring(a))
      assert.equal(here(1) .. ": bad argument #1 to 'name' (string expected, got number)",
        error_of(function() a:name(7) end))
      assert.equal("asyncrt.task", getmetatable(a).__name)
    end)
  end)

  it("says what it waits for", function()
    run(function()
      local future = async.future()
      local slept = async.spawn(async.sleep, 1)
      local tasks = {
        sleep = slept,
        waker = async.spawn(function() async.waker() async.park() end),
        future = async.spawn(future.await, future),
        [("task %d"):format(slept:id())] = async.spawn(slept.await, slept),
      }
      for _, task in pairs(tasks) do assert.is_nil(task:waiting_on()) end
      async.yield()
      for what, task in pairs(tasks) do assert.equal(what, task:waiting_on()) end
      for _, task in pairs(tasks) do task:cancel() end
    end)
  end)

  it("is what current gives inside it", function()
    run(function()
      local task = async.spawn(function() return async.current() end)
      assert.equal(task, task:await())
      assert.not_equal(task, async.current())
    end)
    assert.equal(here(1) .. ": 'current' called outside a task",
      error_of(function() async.current() end))
  end)

  it("cannot be suspended by a plain coroutine.yield", function()
    local reports, ok, err = try_run(function()
      local caught = error_of(function() coroutine.yield(1) end)
      assert.equal(
        here(-2) .. ": coroutine.yield in a task, outside of any coroutine of its own: use async.yield", caught)
      async.sleep(1)
      error("still runs", 0)
    end)
    assert.same({ 0, false, "still runs" }, { #reports, ok, err })
  end)
end)

describe("await", function()
  it("gives the values to any number of awaiters, in the order in which they came, also afterwards", function()
    run(function()
      local task = async.spawn(function()
        async.sleep(1)
        return 1, nil, 3
      end)
      local order = {}
      for i = 1, 4 do
        async.spawn(function()
          assert.same({ 1, nil, 3, n = 3 }, table.pack(task:await()))
          order[#order + 1] = i
        end)
      end
      async.sleep(2)
      assert.same({ 1, 2, 3, 4 }, order)
      assert.same({ 1, nil, 3, n = 3 }, table.pack(task:await()))
    end)
  end)

  it("raises the very error in every awaiter", function()
    run(function()
      local original = {}
      local task = async.try_spawn(function()
        async.sleep(1)
        error(original)
      end)
      for _ = 1, 3 do
        async.spawn(function() assert.is_true(rawequal(original, error_of(task.await, task))) end)
      end
      assert.is_true(rawequal(original, error_of(task.await, task)))
      assert.is_true(rawequal(original, error_of(task.await, task)))
    end)
  end)

  it("of a cancelled task raises task_cancelled, an ordinary failure", function()
    run(function()
      local reason = {}
      local task = async.spawn(async.park)
      async.yield()
      task:cancel(reason)
      local err = error_of(task.await, task)
      assert.equal("task_cancelled", err.kind)
      assert.equal(reason, err.reason)
      assert.equal(task, err.task)
      assert.is_false(async.is_cancelled(err))
      task = async.spawn(async.park)
      task:cancel("why")
      err = error_of(task.await, task)
      assert.equal(("task %d was cancelled: why"):format(task:id()), tostring(err))
      assert.equal(err.message, tostring(err))
    end)
  end)

  it("that is cancelled leaves the task alone", function()
    run(function()
      local task = async.spawn(async.sleep, 10)
      local awaiter = async.spawn(task.await, task)
      async.sleep(1)
      awaiter:cancel()
      awaiter:join()
      assert.equal("waiting", task:status())
      task:await()
      assert.equal(10, async.now())
    end)
  end)

  it("that is cancelled takes a descendant with it", function()
    run(function()
      local below
      local above = async.spawn(function()
        below = async.spawn(async.sleep, 10)
        below:await()
      end)
      async.sleep(1)
      above:cancel("all")
      above:join()
      assert.equal("cancelled", below:status())
      assert.equal(1, async.now())
    end)
  end)

  it("is a checkpoint also where the task has ended", function()
    run(function()
      local done = async.spawn(trampoline, "value")
      done:await()
      local seen
      local task = async.spawn(function()
        async.current():cancel()
        seen = error_of(done.await, done)
        error(seen, 0)
      end)
      task:join()
      assert.is_true(async.is_cancelled(seen))
    end)
  end)

  it("lets others run after many that need not wait", function()
    run(function()
      local done = async.spawn(trampoline)
      done:await()
      local ran = false
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do done:await() end
      assert.is_true(ran)
    end)
  end)

  it("is refused for what is no task", function()
    run(function()
      local task = async.spawn(print, "")
      task:cancel()
      for _, odd in ipairs { 1, "x", {}, io.stdout, async.future(), async.runtime() } do
        local ok, err = pcall(task.await, odd)
        assert.is_false(ok)
        assert.truthy(err:find("^bad argument #1 to 'await' %(asyncrt.task expected, got "))
      end
      assert.equal(here(1) .. ": bad argument #1 to 'await' (asyncrt.task expected, got no value)",
        error_of(function() task.await() end))
    end)
  end)
end)

describe("join", function()
  it("answers as pcall would", function()
    run(function()
      local original = {}
      assert.same({ true, 1, nil, n = 3 }, table.pack(async.spawn(trampoline, 1, nil):join()))
      assert.same({ true, n = 1 }, table.pack(async.spawn(trampoline):join()))
      local ok, err = async.try_spawn(error, original):join()
      assert.is_false(ok)
      assert.is_true(rawequal(original, err))
      local task = async.spawn(async.park)
      task:cancel("r")
      ok, err = task:join()
      assert.is_false(ok)
      assert.same({ "task_cancelled", "r" }, { err.kind, err.reason })
    end)
  end)

  it("waits at most so long", function()
    run(function()
      local task = async.spawn(function()
        async.sleep(5)
        return "value"
      end)
      assert.same({ nil, "timeout", "timeout", n = 3 }, table.pack(task:join(2)))
      assert.equal(2, async.now())
      assert.same({ true, "value" }, { task:join(10) })
      assert.equal(5, async.now())
    end)
  end)

  it("with 0 asks without waiting", function()
    run(function()
      local task = async.spawn(trampoline, "value")
      assert.same({ nil, "timeout", "timeout", n = 3 }, table.pack(task:join(0)))
      task:await()
      assert.same({ true, "value" }, { task:join(0) })
      assert.equal(0, async.now())
    end)
  end)

  it("takes seconds only", function()
    run(function()
      local task = async.spawn(trampoline)
      assert.equal(here(1) .. ": bad argument #1 to 'join' (number expected, got string)",
        error_of(function() task:join("1") end))
      assert.equal(here(1) .. ": bad argument #1 to 'join' (number of seconds is NaN)",
        error_of(function() task:join(0 / 0) end))
      task:join(math.huge)
      assert.same({ true }, { task:join(-1) })
    end)
  end)

  it("does not take the failure from the scope", function()
    local original = {}
    local reports, ok, err = try_run(function()
      local task = async.spawn(error, original)
      task:join()
    end)
    assert.same({ 0, false }, { #reports, ok })
    assert.is_true(rawequal(original, err))
  end)
end)

describe("cancel", function()
  it("before the first poll lets a task never run", function()
    run(function()
      local ran = false
      local task = async.spawn(function() ran = true end)
      task:cancel("early")
      assert.equal("ready", task:status())
      local _, err = task:join()
      assert.is_false(ran)
      assert.same({ "cancelled", "early" }, { task:status(), err.reason })
    end)
  end)

  it("before the first poll lets go of function and arguments", function()
    run(function()
      local gone = setmetatable({}, { __mode = "k" })
      local task
      do
        local held = {}
        gone[held] = true
        task = async.spawn(function(x) return x, held end, held)
      end
      task:cancel()
      task:join()
      helper.collect()
      assert.is_nil(next(gone))
    end)
  end)

  it("returns at once, and only the first counts", function()
    run(function()
      local task = async.spawn(async.park)
      async.yield()
      task:cancel("first")
      task:cancel("second")
      assert.equal("ready", task:status())
      local _, err = task:join()
      assert.equal("first", err.reason)
      task:cancel("third")
      _, err = task:join()
      assert.equal("first", err.reason)
    end)
  end)

  it("fails nobody", function()
    assert.equal("fine", run(function()
      async.spawn(async.park):cancel()
      async.spawn(function() async.spawn(async.park):cancel() end)
      return "fine"
    end))
  end)

  it("of an ended task does nothing", function()
    run(function()
      local done, failed = async.spawn(trampoline, 1), async.try_spawn(error, "x", 0)
      done:join()
      failed:join()
      done:cancel("late")
      failed:cancel("late")
      assert.equal(1, done:await())
      assert.equal("x", error_of(failed.await, failed))
    end)
  end)

  it("of oneself shows at the next checkpoint", function()
    run(function()
      local before
      local task = async.spawn(function()
        async.current():cancel("self")
        before = async.cancelling()
        async.sleep(1)
        before = "not reached"
      end)
      local _, err = task:join()
      assert.same({ "self", "self", "cancelled" }, { before, err.reason, task:status() })
    end)
  end)

  it("does not undo what a task has done", function()
    run(function()
      local task = async.spawn(function()
        pcall(async.park)
        return "anyway"
      end)
      async.yield()
      task:cancel()
      assert.equal("anyway", task:await())
      assert.equal("done", task:status())
    end)
  end)

  it("reaches all below, whose closers run before those above go on", function()
    run(function()
      local story = {}
      local function nest(depth)
        local _ <close> = defer(function() story[#story + 1] = depth end)
        if depth < 4 then async.spawn(nest, depth + 1):await() else async.park() end
      end
      local task = async.spawn(nest, 1)
      async.sleep(1)
      task:cancel()
      task:join()
      table.sort(story)
      assert.same({ 1, 2, 3, 4 }, story)
    end)
  end)

  it("makes a task fail that answers it with an error of its own", function()
    run(function()
      local task = async.try_spawn(function()
        if not pcall(async.park) then error("mine", 0) end
      end)
      async.yield()
      task:cancel()
      assert.same({ false, "mine" }, { task:join() })
      assert.equal("failed", task:status())
    end)
  end)
end)

describe("yield", function()
  it("lets each of the ready tasks have its turn", function()
    run(function()
      local order = {}
      for _, name in ipairs { "a", "b", "c" } do
        async.spawn(function()
          for i = 1, 3 do
            order[#order + 1] = name .. i
            async.yield()
          end
        end)
      end
      helper.settle(5)
      assert.equal("a1 b1 c1 a2 b2 c2 a3 b3 c3", table.concat(order, " "))
    end)
  end)

  it("is possible across pcall, metamethods, iterators and closers, with many levels", function()
    run(function()
      local t = setmetatable({}, {
        __index = function(_, k) async.yield() return k end,
        __add = function(a) async.yield() return a end,
        __concat = function() async.yield() return "joined" end,
        __lt = function() async.yield() return true end,
        __close = function() async.yield() end,
      })
      local function walk(_, i)
        async.yield()
        if i < 3 then return i + 1 end
      end
      local n = 0
      do
        local _ <close> = t
        for _ in walk, nil, 0 do n = n + 1 end
        assert.equal(5, t[5])
        assert.equal(t, t + 1)
        assert.equal("joined", t .. 1)
        assert.is_true(t < t)
      end
      assert.equal(3, n)
      local function deep(level)
        if level == 0 then async.yield() return "bottom" end
        return select(2, pcall(deep, level - 1))
      end
      assert.equal("bottom", deep(100))
    end)
  end)

  it("where Lua cannot yield raises an error that says so", function()
    run(function()
      local err = error_of(function()
        table.sort({ 1, 2, 3 }, function(a, b)
          async.yield()
          return a < b
        end)
      end)
      assert.truthy(err:find("'yield' cannot suspend here: 'table.sort' is in the way", 1, true))
    end)
  end)
end)
