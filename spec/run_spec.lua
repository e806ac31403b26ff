local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, defer, here, error_of = helper.run, helper.try_run, helper.defer, helper.here, helper.error_of

local function virtual(opts)
  opts = opts or {}
  opts.clock = "virtual"
  return async.runtime(opts)
end

describe("run", function()
  it("passes arguments and returns main's values, nils included", function()
    local function main(...) return select("#", ...), ... end
    assert.same({ 4, nil, 2, nil, false, n = 5 }, table.pack(run(main, nil, 2, nil, false)))
    assert.same({ 0, n = 1 }, table.pack(async.run(main)))
    assert.same({ n = 0 }, table.pack(async.run(function() end)))
  end)

  it("returns as many values as a function can", function()
    local function many(n) return table.unpack({}, 1, n) end
    assert.equal(250, select("#", run(many, 250)))
    assert.equal(5000, select("#", run(many, 5000)))
  end)

  it("gives main all its arguments, or raises", function()
    local function last(...) return select("#", ...), (select(-1, ...)) end
    local function numbers(n)
      local list = {}
      for i = 1, n do list[i] = i end
      return table.unpack(list)
    end
    assert.same({ 250, 250 }, { run(last, numbers(250)) })
    local _, ok, err = try_run(last, numbers(251))
    assert.same({ false, "bad argument #253 to 'run' (a task takes at most 250 arguments)" }, { ok, err })
  end)

  it("takes any callable as main", function()
    local callable = setmetatable({}, { __call = function(_, x) return x end })
    assert.equal(7, run(callable, 7))
  end)

  it("raises what main raises, whatever its type, through any number of awaits", function()
    local values = { "text", 12, 1.5, true, false, {}, print, coroutine.create(print), io.stdout,
                     setmetatable({}, { __tostring = function() return "mine" end }) }
    for _, original in ipairs(values) do
      local function fail() error(original, 0) end
      local function awaited() return async.try_spawn(fail):await() end
      for _, main in ipairs { fail, awaited, function() return async.try_spawn(awaited):await() end } do
        local reports, ok, err = try_run(main)
        assert.is_false(ok)
        assert.is_true(rawequal(err, original))
        assert.same({}, reports)
      end
    end
  end)

  it("raises nil if that is what main raises", function()
    local results = table.pack(pcall(async.run, function() error(nil) end))
    assert.same({ false, nil, n = 2 }, results)
  end)

  it("waits for main's children, also when main has returned", function()
    local done = {}
    local result = run(function()
      for i = 1, 3 do
        async.spawn(function()
          async.sleep(i)
          async.spawn(function() async.sleep(1) done[#done + 1] = i end)
        end)
      end
      return "early"
    end)
    assert.equal("early", result)
    assert.same({ 1, 2, 3 }, done)
  end)

  it("raises a child's failure and stops main for it", function()
    local closed
    local reports, ok, err = try_run(function()
      local _ <close> = defer(function(e) closed = e end)
      async.spawn(error, "child failed", 0)
      async.sleep(100)
    end)
    assert.is_false(ok)
    assert.equal("child failed", err)
    assert.is_true(async.is_cancelled(closed))
    assert.same({}, reports)
  end)

  it("cancels and joins what is detached when main is done", function()
    local story = {}
    run(function()
      async.detach(function()
        local _ <close> = defer(function() async.shield(async.sleep, 1) story[#story + 1] = "closed" end)
        async.sleep(1000)
      end)
      async.sleep(1)
      story[#story + 1] = "main done"
    end)
    assert.same({ "main done", "closed" }, story)
  end)

  it("can be called again, also after failures", function()
    local rt <close> = virtual()
    assert.equal(1, rt:run(function() async.sleep(1) return 1 end))
    assert.is_false(pcall(rt.run, rt, error, "x"))
    assert.is_false(pcall(rt.run, rt, async.park))
    assert.equal(2, rt:run(function() async.sleep(1) return 2 end))
  end)

  it("can be called from a coroutine, each time from another", function()
    local rt <close> = virtual()
    for i = 1, 3 do
      local call = coroutine.wrap(function()
        local value = rt:run(function() async.sleep(1) return i end)
        coroutine.yield(value)
        return rt:run(function() async.sleep(1) return -i end)
      end)
      assert.equal(i, call())
      rt:run(async.sleep, 1)
      assert.equal(-i, call())
    end
  end)

  it("leaves tasks of the runtime alone, which go on in the next run", function()
    local rt <close> = virtual()
    local ticks = 0
    rt:spawn(function() for n in async.interval(1) do ticks = n end end)
    rt:run(async.sleep, 3.5)
    assert.equal(3, ticks)
    rt:run(async.sleep, 2)
    assert.equal(5, ticks)
  end)

  it("raises task_cancelled with the reason if main is cancelled", function()
    local reports, ok, err = try_run(function()
      local main = async.current()
      async.spawn(function() main:cancel("enough") end)
      async.sleep(10)
    end)
    assert.is_false(ok)
    assert.equal("task_cancelled", err.kind)
    assert.equal("enough", err.reason)
    assert.is_false(async.is_cancelled(err))
    assert.same({}, reports)
  end)

  it("returns main's values if main finishes in spite of a cancel", function()
    assert.equal("done", run(function()
      async.current():cancel()
      return "done"
    end))
  end)

  it("starts as the clock is asked to: near 0", function()
    assert.equal(0, run(async.now))
    local first = async.run(async.now)
    assert.is_true(first >= 0 and first < 60)
  end)
end)

describe("misuse of run", function()
  it("is told with name and position", function()
    local rt <close> = virtual()
    assert.equal(here(1) .. ": bad argument #1 to 'run' (function expected, got no value)",
      error_of(function() async.run() end))
    assert.equal(here(1) .. ": bad argument #1 to 'run' (function expected, got number)",
      error_of(function() rt:run(12) end))
  end)

  it("inside a task raises there, and harms nothing", function()
    local rt, other = virtual(), virtual()
    local message = "called from inside a task or callback of a running runtime"
    local function check(fn, name)
      local ok, err = pcall(fn)
      assert.is_false(ok)
      assert.equal(("'%s' %s"):format(name, message), err:match("'.*"))
    end
    assert.equal("alive", rt:run(function()
      check(function() async.run(print) end, "run")
      check(function() rt:run(print) end, "run")
      check(function() other:run(print) end, "run")
      check(function() rt:tick() end, "tick")
      check(function() other:tick() end, "tick")
      check(function() rt:close() end, "close")
      async.sleep(1)
      return "alive"
    end))
    rt:close()
    other:close()
  end)

  it("on a closed runtime is an error", function()
    local rt = virtual()
    rt:close()
    for _, name in ipairs { "run", "spawn" } do
      assert.equal(("%s: '%s' on a closed runtime"):format(here(), name), error_of(function() rt[name](rt, print) end))
    end
    for _, name in ipairs { "tick", "advance", "now", "fileno" } do
      assert.equal(("%s: '%s' on a closed runtime"):format(here(), name), error_of(function() rt[name](rt, 1) end))
    end
    assert.equal("runtime (closed)", tostring(rt))
  end)

  it("with unknown or wrong options is an error", function()
    local function refused(opts, problem)
      local ok, err = pcall(async.runtime, opts)
      assert.is_false(ok)
      assert.equal(("bad argument #1 to 'runtime' (%s)"):format(problem), err)
    end
    refused({ clok = "virtual" }, "unknown option 'clok'")
    refused({ [1] = "virtual" }, "unknown option '1'")
    refused({ clock = "sundial" }, [[field 'clock' must be "real", "virtual" or "manual"]])
    refused({ seed = 1.5 }, "field 'seed' must be an integer")
    refused({ driver = "kqueue" }, [[field 'driver' must be "auto", "epoll" or "poll"]])
    refused({ on_error = "no" }, "field 'on_error' must be a function")
    refused({ deadlock = 1 }, "field 'deadlock' must be a boolean")
    refused("virtual", "table expected, got string")
  end)
end)

describe("a deadlock", function()
  it("is reported with every waiter, what it waits for, where, and where it was spawned", function()
    local spawned_at, waits_at, main_waits_at
    local reports, ok, err = try_run(function()
      local function wait_for_ever()
        waits_at = here(1)
        async.park()
      end
      spawned_at = here(1)
      local task = async.spawn_with({ name = "stuck" }, wait_for_ever)
      main_waits_at = here(1)
      task:await()
    end)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
    local text = tostring(err)
    assert.truthy(text:find("deadlock: 2 tasks can never go on", 1, true))
    assert.truthy(text:find("'stuck', waiting for waker", 1, true))
    assert.truthy(text:find(waits_at, 1, true))
    assert.truthy(text:find("spawned at " .. spawned_at, 1, true))
    assert.truthy(text:find(main_waits_at, 1, true))
    assert.equal(2, #err.tasks)
    assert.same({}, reports)
  end)

  it("cancels and unwinds all, with cleaning up under a shield", function()
    local story = {}
    local _, ok, err = try_run(function()
      async.spawn(function()
        local _ <close> = defer(function()
          async.shield(async.sleep, 5)
          story[#story + 1] = "child closed at " .. async.now()
        end)
        async.future():await()
      end)
      local _ <close> = defer(function(e) story[#story + 1] = e.reason end)
      async.park()
    end)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
    assert.same({ "deadlock", "child closed at 5.0" }, story)
  end)

  it("lifts shields that never end", function()
    local reports, ok, err = try_run(function()
      async.spawn(async.shield, async.park)
    end)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
    assert.same({}, reports)
  end)

  it("lifts shields for good, whatever is cancelled meanwhile", function()
    local reports, ok, err = try_run(async.scope, function(s)
      for _ = 1, 3 do
        s:spawn(async.shield, function()
          local _ <close> = defer(function() s:cancel() end)
          async.future():await()
        end)
      end
    end)
    assert.same({ false, "deadlock" }, { ok, err.kind })
    assert.same({}, reports)
  end)

  it("ends by force what then still waits", function()
    local stubborn
    local reports, ok, err = try_run(function()
      stubborn = async.spawn(function()
        while true do pcall(async.shield, async.park) end
      end)
    end)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
    assert.equal(stubborn, reports[1].task)
    assert.equal("a task that did not end was killed", tostring(reports[1].err))
    assert.equal("cancelled", stubborn:status())
  end)

  it("does not count a daemon", function()
    assert.equal("done", run(function()
      async.spawn_with({ daemon = true }, async.park)
      return "done"
    end))
  end)

  it("is none if a finaliser wakes somebody", function()
    assert.equal("woken", run(function()
      local waker = async.waker()
      setmetatable({}, { __gc = function() waker:wake() end })
      async.park()
      return "woken"
    end))
  end)

  it("leaves the runtime's own tasks where they are", function()
    local rt <close> = virtual()
    local task = rt:spawn(async.park)
    local ok, err = pcall(rt.run, rt, function() task:await() end)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
    assert.equal("waiting", task:status())
  end)

  it("is found at once for a task that awaits itself or an ancestor", function()
    run(function()
      local function refused(target)
        local ok, err = pcall(target.await, target)
        assert.is_false(ok)
        assert.equal("deadlock", err.kind)
        return "refused"
      end
      local main = async.current()
      assert.equal("refused", refused(main))
      assert.equal("refused", async.spawn(function()
        return async.spawn(refused, main):await()
      end):await())
    end)
  end)
end)

describe("closing a runtime", function()
  it("cancels all and runs the closers, which may suspend under a shield", function()
    local rt, story = virtual(), {}
    rt:spawn(function()
      local _ <close> = defer(function(err)
        story[#story + 1] = err.reason
        async.shield(async.sleep, 2)
        story[#story + 1] = async.now()
      end)
      async.sleep(100)
    end)
    rt:run(async.sleep, 1)
    rt:close()
    assert.same({ "runtime closed", 3.0 }, story)
    rt:close() -- twice is fine
  end)

  it("lifts shields when the grace is over", function()
    local rt, at = virtual(), nil
    rt:spawn(function()
      local _ <close> = defer(function() at = async.now() end)
      async.shield(async.sleep, 1000)
    end)
    rt:tick()
    rt:close(3)
    assert.equal(3.0, at)
  end)

  it("takes no more tasks once it has ended all by force", function()
    local rt, refused
    rt = virtual { on_error = function() refused = table.pack(pcall(rt.spawn, rt, print)) end }
    rt:spawn(function() while true do pcall(function() coroutine.yield() end) end end)
    rt:tick()
    rt:close(0)
    assert.same({ n = 2, false, "'spawn' on a closing runtime" }, refused)
  end)

  it("ends by force what will not end, and names it in on_error", function()
    local reports = {}
    local rt = virtual { on_error = function(err, task) reports[#reports + 1] = { err = err, task = task } end }
    local function stubborn()
      while true do pcall(function() coroutine.yield() end) end
    end
    local task = rt:spawn(stubborn)
    rt:tick(0)
    rt:close(0)
    assert.equal(1, #reports)
    assert.equal(task, reports[1].task)
    assert.equal("cancelled", reports[1].err.kind)
    assert.equal("a task that did not end was killed", tostring(reports[1].err))
    assert.equal("cancelled", task:status())
  end)

  it("by force loses no failure that a scope has learnt of", function()
    local told = {}
    local rt = virtual { on_error = function(err) told[#told + 1] = tostring(err) end }
    rt:spawn(function()
      async.scope(function(s)
        s:try_spawn(error, "tried", 0)
        s:spawn(error, "child's", 0)
        while true do pcall(function() coroutine.yield() end) end
      end)
    end)
    for _ = 1, 10 do rt:tick(0) end
    rt:close(0)
    table.sort(told)
    assert.same({ "a task that did not end was killed", "child's", "tried" }, told)
  end)

  it("gives up on a task that keeps a virtual clock from going on", function()
    local rt = virtual { on_error = function() end }
    rt:spawn(function() while true do async.shield(async.yield) end end)
    rt:tick(0)
    rt:close(0.01)
    assert.equal("runtime (closed)", tostring(rt))
  end)

  it("by a variable happens on an error too", function()
    local closed
    pcall(function()
      local rt <close> = virtual()
      rt:spawn(function()
        local _ <close> = defer(function() closed = true end)
        async.park()
      end)
      rt:tick()
      error "host fails"
    end)
    assert.is_true(closed)
  end)

  it("ends tasks that never began without running them", function()
    local rt, ran = virtual(), false
    local task = rt:spawn(function() ran = true end)
    rt:close()
    assert.is_false(ran)
    assert.equal("cancelled", task:status())
    assert.same({ false, "runtime closed" }, { task:status() == "done", select(2, pcall(function()
      return async.run(function() return select(2, task:join()).reason end)
    end)) })
  end)
end)

describe("a collected runtime", function()
  local LOSE = [[
    local async = require "asyncrt"
    for _ = 1, %d do
      async.runtime { clock = "virtual" }:spawn(function()
        local _ <close> = setmetatable({}, { __close = function() print "closer ran" end })
        async.park()
      end)
    end
    %s
  ]]

  it("runs no Lua, and counts the lost tasks in a warning", function()
    local output, code = helper.child(LOSE:format(2, "collectgarbage()"), "-W")
    local warning = "Lua warning: asyncrt: a runtime was collected with 1 task that had not ended\n"
    assert.equal(warning .. warning, output)
    assert.equal(0, code)
  end)

  it("is the same at the end of the program", function()
    local output, code = helper.child(LOSE:format(1, "async.runtime()"), "-W")
    assert.equal("Lua warning: asyncrt: a runtime was collected with 1 task that had not ended\n", output)
    assert.equal(0, code)
  end)

  it("is the same when a task leaves the program", function()
    local script = [[
      local async = require "asyncrt"
      async.run(function()
        local _ <close> = setmetatable({}, { __close = function() print "closer ran" end })
        async.spawn(async.sleep, 10)
        async.yield()
        os.exit(3, CLOSE)
      end)
    ]]
    local output, code = helper.child("CLOSE = false\n" .. script, "-W")
    assert.same({ "", 3 }, { output, code })
    output, code = helper.child("CLOSE = true\n" .. script, "-W")
    assert.equal("Lua warning: asyncrt: a runtime was collected with 2 tasks that had not ended\n", output)
    assert.equal(3, code)
  end)

  it("frees its memory and descriptors", function()
    for _ = 1, 100 do
      local rt = virtual()
      rt:spawn(function() async.scope(function(s) s:spawn(async.park) async.sleep(1) end) end)
      rt:tick()
    end
    helper.expect_lost(200)
    helper.collect()
  end)
end)

describe("on_error", function()
  it("gets the failure of a runtime's task, and the task", function()
    local reports = {}
    local rt <close> = virtual { on_error = function(...) reports[#reports + 1] = table.pack(...) end }
    local problem = {}
    local task = rt:spawn(error, problem)
    local other = rt:spawn(async.sleep, 1)
    rt:run(async.sleep, 2)
    assert.equal(1, #reports)
    assert.equal(2, reports[1].n)
    assert.is_true(rawequal(problem, reports[1][1]))
    assert.equal(task, reports[1][2])
    assert.equal("done", other:status())
  end)

  it("may spawn and cancel, but not suspend, tick or close", function()
    local rt, refused, spawned = nil, {}, false
    local other
    rt = virtual { on_error = function()
      for name, fn in pairs { sleep = async.sleep, tick = rt.tick, close = rt.close, run = rt.run } do
        refused[name] = not pcall(fn, name == "sleep" and 1 or rt, print)
      end
      other:cancel("told")
      rt:spawn(function() spawned = true end)
    end }
    other = rt:spawn(async.park)
    rt:spawn(error, "x")
    rt:run(async.sleep, 1)
    assert.same({ sleep = true, tick = true, close = true, run = true }, refused)
    assert.is_true(spawned)
    assert.equal("cancelled", other:status())
    rt:close()
  end)

  it("that fails itself is told of on stderr, with both errors", function()
    local output, code = helper.child([[
      local async = require "asyncrt"
      local rt <close> = async.runtime { on_error = function() error("second", 0) end }
      rt:spawn(error, "first", 0)
      rt:spawn(error, setmetatable({}, { __tostring = function() return "a table" end }))
      rt:run(async.yield)
      print "goes on"
    ]])
    assert.equal(table.concat({
      "asyncrt: error in on_error: second",
      "asyncrt: while it was told of: first",
      "asyncrt: error in on_error: second",
      "asyncrt: while it was told of: a table",
      "goes on", "" }, "\n"), (output:gsub("\n    in task[^\n]*", "")))
    assert.equal(0, code)
  end)

  it("is stderr, with the story, if there is none", function()
    local output = helper.child([[
      local async = require "asyncrt"
      async.run(function()
        local task = async.detach(function() error "lost" end)
        task:name("poor")
      end)
    ]])
    assert.truthy(output:find("^asyncrt: error that nobody took, in task %d+ 'poor' %(failed%): "))
    assert.truthy(output:find(":3: lost", 1, true))
    assert.truthy(output:find("spawned at", 1, true))
  end)
end)

describe("the module", function()
  it("loaded again is still the one that made the handles", function()
    local loaded = {}
    for name, module in pairs(package.loaded) do
      if name:find("^asyncrt") then loaded[name], package.loaded[name] = module, nil end
    end
    local again = require "asyncrt"
    for name, module in pairs(loaded) do package.loaded[name] = module end
    run(function()
      local task = again.spawn(function() async.sleep(1) return again.current() end)
      assert.equal(task, task:await())
    end)
  end)
end)
