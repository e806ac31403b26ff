-- Pre-emption is by real time, on every clock. No test here says how long anything takes: without it none would end.
local async = require "asyncrt"
local core = require "asyncrt.core"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local SLICE = 0.001

local function busy() while true do end end

local function closing(fn) return setmetatable({}, { __close = fn }) end

-- Runs main with pre-emption on; what on_error got.
local function run(main, opts)
  local told = {}
  opts = opts or {}
  opts.slice = opts.slice or SLICE
  opts.on_error = function(err) told[#told + 1] = err end
  local rt <close> = async.runtime(opts)
  rt:run(main)
  return told
end

-- Waits for the task, however it ends.
local function outcome(task)
  task:join()
  return task:status()
end

describe("with a slice", function()
  it("code that does not suspend lets the others run", function()
    run(function()
      local stop = false
      local hog = async.spawn(function() while not stop do end return "stopped" end)
      async.spawn(function() stop = true end)
      assert.equal("stopped", hog:await())
    end)
  end)

  it("it may be for one task, and holds for what that spawns", function()
    async.run(function()
      local stop = 0
      local function wait_for(n) while stop < n do end end
      local task = async.spawn_with({ slice = SLICE }, function()
        local child = async.spawn(wait_for, 2)
        local other = async.detach(wait_for, 2)
        wait_for(1)
        stop = 2
        child:await()
        other:await()
      end)
      async.yield()
      stop = 1
      task:await()
    end)
  end)

  it("timers and others go before hogs, however many those are", function()
    run(function()
      local hogs = {}
      for i = 1, 50 do hogs[i] = async.spawn(busy) end
      for _ = 1, 3 do async.sleep(0.001) end
      for _, hog in ipairs(hogs) do hog:cancel() end
    end)
  end)

  it("all hogs have their turns", function()
    run(function()
      local counts, all = {}, 0
      async.scope(function(scope)
        for i = 1, 5 do
          counts[i] = 0
          scope:spawn(function()
            while true do
              if counts[i] == 0 then all = all + 1 end
              counts[i] = counts[i] + 1
            end
          end)
        end
        while all < 5 do async.yield() end
        scope:cancel()
      end)
      for i = 1, 5 do assert.is_true(counts[i] > 0) end
    end)
  end)

  it("a hog has one slice a tick", function()
    local rt <close> = async.runtime { slice = SLICE }
    local count = 0
    rt:spawn(function() while true do count = count + 1 end end)
    for _ = 1, 3 do
      local before = count
      rt:tick()
      assert.is_true(count > before)
    end
    local next_due, ready = rt:tick()
    assert.equal(0, next_due)
    assert.equal(1, ready)
  end)

  it("generators are pre-empted, too", function()
    run(function()
      local stop = false
      local hog = async.spawn(function()
        local inner = coroutine.wrap(function()
          coroutine.yield(1)
          while not stop do end
          coroutine.yield(2)
        end)
        return inner(), inner()
      end)
      async.spawn(function() stop = true end)
      local a, b = hog:await()
      assert.same({ 1, 2 }, { a, b })
    end)
  end)

  it("a coroutine that was pre-empted can be resumed by nobody else", function()
    run(function()
      local stop, inner = false, nil
      local hog = async.spawn(function()
        inner = coroutine.create(function() while not stop do end end)
        return coroutine.resume(inner)
      end)
      while not inner do async.yield() end
      assert.equal("normal", coroutine.status(inner))
      assert.is_false((coroutine.resume(inner)))
      stop = true
      assert.is_true((hog:await()))
    end)
  end)

  it("where Lua cannot yield an error is raised after two slices", function()
    run(function()
      for _, call in ipairs {
        function() table.sort({ 3, 2, 1 }, busy) end,
        function() string.gsub("aaa", "a", busy) end,
        function() coroutine.wrap(function() table.sort({ 3, 2, 1 }, busy) end)() end,
      } do
        local ok, err = async.try_spawn(call):join()
        assert.is_false(ok)
        assert.equal("hog", err.kind)
        assert.matches("^spec/preempt_spec.lua:%d+: did not suspend for two slices", err.message)
      end
    end)
  end)

  it("calls that Lua cannot yield across are no way to keep the turn for ever", function()
    run(function()
      local stop = false
      local hog = async.spawn(function()
        while not stop do pcall(table.sort, { 3, 2, 1 }, function() while not stop do end end) end
      end)
      async.spawn(function() stop = true end)
      hog:await()
    end)
  end)

  it("many short calls of that kind do no harm", function()
    run(function()
      local stop = false
      local hog = async.spawn(function()
        while not stop do table.sort({ 3, 1, 2 }, function(a, b) return a < b end) end
        return "stopped"
      end)
      async.spawn(function() stop = true end)
      assert.equal("stopped", hog:await())
    end)
  end)

  it("asyncrt's own Lua code is not interrupted", function()
    run(function()
      local stop = false
      local hog = async.spawn(function()
        local sum = 0
        while not stop do
          async.each({ 1, 2, 3 }, function(n) sum = sum + n end)
          sum = sum + async.map({ 1, 2 }, function(n) return n end)[2]
        end
        return sum % 8
      end)
      async.spawn(function()
        for _ = 1, 20 do async.yield() end
        stop = true
      end)
      assert.equal(0, hog:await())
    end)
  end)

  it("xpcall's handlers run after the unwinding, with the story of the error", function()
    run(function()
      local order = {}
      local ok, text = xpcall(function()
        local _ <close> = closing(function() order[#order + 1] = "closed" end)
        error "oops"
      end, function(err)
        order[#order + 1] = "handler"
        async.yield()
        return async.traceback(err)
      end)
      assert.is_false(ok)
      assert.same({ "closed", "handler" }, order)
      assert.matches("oops\n\tspec/preempt_spec.lua:%d+: in function", text)
      local _, trace = xpcall(error, debug.traceback, "traced")
      assert.matches("^traced\nstack traceback:\n\t%[C%]: in function 'error'", trace)
      assert.same({ true, 1, 2 }, { xpcall(function(...) return ... end, print, 1, 2) })
      assert.same({ false, "second" }, { xpcall(error, function() error("second", 0) end, "first") })
    end)
  end)

  it("without one xpcall is as it was", function()
    local function trace(call)
      local events = {}
      local function note(...) events[#events + 1] = table.pack(...) end
      note(call(function(...) return select("#", ...), ... end, print, nil, 2, nil))
      note(call(error, function(err) return err, "more" end, "oops"))
      note(call(error, function() error "again" end, "oops"))
      note(pcall(call))
      note(pcall(call, print))
      note(call(nil, function(err) return err end))
      return events
    end
    local function names(events)
      for _, event in ipairs(events) do
        if type(event[2]) == "string" then event[2] = event[2]:gsub("'%S+' %(", "'?' (") end
      end
      return events
    end
    assert.same(names(trace(core.stock.xpcall)), names(trace(xpcall)))
    async.run(function() assert.same(names(trace(core.stock.xpcall)), names(trace(xpcall))) end)
  end)

  it("critical functions are not pre-empted", function()
    run(function()
      local inside, rounds, stop = false, 0, false
      local check = async.critical(function()
        assert.is_false(inside)
        inside = true
        for _ = 1, 5e5 do end
        inside = false
        rounds = rounds + 1
        return "a", nil, rounds
      end)
      for _ = 1, 2 do async.spawn(function() while not stop do check() end end) end
      while rounds < 10 do async.yield() end
      stop = true
      assert.equal(3, select("#", check()))
    end)
  end)

  it("critical functions may suspend, raise, nest and be called outside of tasks", function()
    local give = async.critical(function(...) return ... end)
    assert.same({ 1, 2 }, { give(1, 2) })
    run(function()
      assert.same({ 1, 2 }, { give(1, 2) })
      local err = {}
      local ok, got = pcall(async.critical(function()
        give()
        async.yield()
        error(err)
      end))
      assert.is_false(ok)
      assert.equal(err, got)
      local stop = false
      local hog = async.spawn(function() while not stop do end end)
      async.spawn(function() stop = true end)
      hog:await()
    end)
  end)

  it("a debugger's hook is left alone", function()
    run(function()
      local calls = 0
      debug.sethook(function() calls = calls + 1 end, "", 1000)
      for _ = 1, 1e6 do end
      assert.is_true(debug.gethook() ~= nil)
      debug.sethook()
      assert.is_true(calls > 100)
    end)
  end)
end)

-- Hostile code, each of a kind that swallows what it can.
local hostile = {
  plain = busy,
  pcall = function() while true do pcall(busy) end end,
  recursion = function()
    local function f() return pcall(f) and f() end
    while true do f() end
  end,
  generator = function() while true do pcall(coroutine.wrap(function() while true do pcall(busy) end end)) end end,
  comparator = function() while true do pcall(table.sort, { 3, 2, 1 }, busy) end end,
  callback = function() while true do pcall(string.gsub, "aaaa", "a", busy) end end,
  metamethod = function()
    local t = setmetatable({}, { __index = busy })
    while true do pcall(function() return t.x end) end
  end,
  handler = function() while true do xpcall(error, busy) end end,
  close = function() while true do pcall(function() local _ <close> = closing(busy) end) end end,
  ["close of a coroutine"] = function()
    while true do
      pcall(coroutine.wrap(function()
        local _ <close> = closing(busy)
        error "oops"
      end))
    end
  end,
  sleep = function() while true do pcall(async.sleep, 60) end end,
  scope = function() while true do pcall(async.scope, busy) end end,
  timeout = function() while true do pcall(async.timeout, 0.0001, busy) end end,
  shield = function() while true do pcall(async.shield, busy) end end,
  spawn = function() while true do pcall(async.spawn, async.sleep, 60) end end,
}

describe("a hog that is cancelled", function()
  for name, body in pairs(hostile) do
    it("is stopped, whatever it does: " .. name, function()
      run(function()
        local task = async.spawn_with({ untrusted = true }, body)
        for _ = 1, name == "spawn" and 1 or 3 do async.yield() end -- behind ever more of its children
        task:cancel()
        assert.equal("cancelled", outcome(task))
      end)
    end)
  end

  it("can clean up meanwhile", function()
    run(function()
      local done
      local task = async.spawn(function()
        local _ <close> = closing(function()
          async.shield(async.sleep, 0.001)
          done = true
        end)
        busy()
      end)
      async.yield()
      task:cancel()
      assert.equal("cancelled", outcome(task))
      assert.is_true(done)
    end)
  end)

  it("by a timeout goes on after it", function()
    run(function()
      local fine, after = async.try_timeout(SLICE, function() while true do pcall(busy) end end), 0
      assert.is_false(fine)
      for i = 1, 1e6 do after = i end
      assert.equal(1e6, after)
    end)
  end)
end)

describe('with hog = "kill"', function()
  for name, body in pairs(hostile) do
    -- Lua takes long to unwind what was nested for the length of these slices: each error looks at the whole stack.
    if name ~= "sleep" and name ~= "timeout" and name ~= "recursion" then
      it("a hog is stopped and reported: " .. name, function()
        collectgarbage() -- a slice is over while the collector runs, too
        local told = run(function()
          local task = async.spawn(body)
          assert.equal("cancelled", outcome(task))
          local _, err = task:join()
          assert.equal("hog", err.reason)
        end, { hog = "kill", slice = 0.02 })
        assert.equal("hog", told[1].kind)
        assert.matches("^task %d+ did not suspend for a slice and was cancelled", told[1].message)
        assert.matches("spec/preempt_spec.lua:%d+: in function", told[1].traceback)
      end)
    end
  end

  it("who suspends in time is left in peace", function()
    local told = run(function()
      local task = async.spawn(function()
        for _ = 1, 2000 do
          for _ = 1, 100 do end
          async.yield()
        end
        return "done"
      end)
      assert.equal("done", task:await())
    end, { hog = "kill", slice = 0.05 })
    assert.same({}, told)
  end)
end)

describe("an untrusted task", function()
  it("cannot call critical and detach, nor can what it spawns", function()
    async.run(function()
      async.spawn_with({ untrusted = true }, function()
        for _, name in ipairs { "critical", "detach" } do
          local ok, err = pcall(async[name], print)
          assert.is_false(ok)
          assert.matches("'" .. name .. "' called in an untrusted task", err)
          async.spawn(function() assert.is_false((pcall(async[name], print))) end)
        end
      end)
    end)
  end)

  it("cannot spawn what has more than it has", function()
    run(function()
      local task = async.spawn_with({ untrusted = true, slice = SLICE, hog = "kill" }, function()
        async.spawn_with({ slice = 3600, untrusted = false }, busy)
      end)
      assert.equal("done", outcome(task))
    end, { slice = 3600 })
  end)

  it("may call critical functions that it was given", function()
    async.run(function()
      local give = async.critical(function() return "given" end)
      assert.equal("given", async.spawn_with({ untrusted = true }, give):await())
    end)
  end)

  it("has its shields for a slice only", function()
    local rt <close> = async.runtime { clock = "manual", on_error = function() end }
    local task = rt:spawn_with({ untrusted = true, slice = SLICE }, function()
      while true do pcall(async.shield, async.sleep, 60) end
    end)
    rt:tick()
    task:cancel()
    repeat rt:tick() until task:status() == "cancelled"
  end)
end)

describe("slow", function()
  it("is told of code that does not suspend, once, with what it does", function()
    local reports, in_task = {}, nil
    local rt <close> = async.runtime { slow = SLICE, on_slow = function(report, task)
      reports[#reports + 1] = report
      in_task = pcall(async.current)
      task:cancel("too slow")
    end }
    rt:run(function()
      local stop = false
      local task = async.spawn_with({ name = "miner" }, function()
        while #reports == 0 do end
        for _ = 1, 1e6 do end
        stop = true
        async.sleep(60)
      end)
      assert.equal("cancelled", outcome(task))
      assert.is_true(stop)
    end)
    assert.equal(1, #reports)
    assert.is_false(in_task)
    assert.equal("slow", reports[1].kind)
    assert.matches("^task %d+ 'miner' has run for %d+%.%d+ s without a suspension$", reports[1].message)
    assert.matches("spec/preempt_spec.lua:%d+: in function", reports[1].traceback)
  end)

  it("goes on when on_slow fails, and tells of that", function()
    local output, code = helper.child([[
      local async = require "asyncrt"
      local reports = 0
      local rt <close> = async.runtime { slow = 0.001, on_slow = function()
        reports = reports + 1
        error "worse"
      end }
      rt:run(function() while reports == 0 do end end)
      print "goes on"
    ]])
    assert.matches("error in on_slow: .*worse.*while it was told of: task %d+ has run .*goes on", output)
    assert.equal(0, code)
  end)

  it("is told of on stderr without a handler", function()
    local output = helper.child([[
      local async = require "asyncrt"
      local rt <close> = async.runtime { slow = 0.001 }
      rt:run(function() for _ = 1, 1e8 do end end)
    ]])
    assert.matches("asyncrt: task %d+ has run for .* s without a suspension\n\t.*: in function", output)
  end)
end)

describe("closing a runtime", function()
  for name, body in pairs(hostile) do
    it("ends after its grace whatever its tasks do, without a slice: " .. name, function()
      local rt = async.runtime { on_error = function() end }
      rt:spawn(body)
      if name == "sleep" then rt:tick(0) end
      rt:close(0)
      assert.equal("runtime (closed)", tostring(rt))
    end)
  end

  it("ends handlers of tasks that are killed, too", function()
    local rt = async.runtime { on_error = function() end }
    rt:spawn(function()
      local _ <close> = closing(busy)
      while true do pcall(function() coroutine.yield() end) end
    end)
    rt:tick(0)
    rt:close(0)
  end)
end)

describe("nobody gets away", function()
  it("in a runtime that is closed: with a policy that would let it run, or critical", function()
    local function wakes() pcall(async.sleep, 60) busy() end
    local ways = {
      { { slow = 0.01, on_slow = function() end }, wakes },
      { { slice = 3600 }, wakes },
      { { slow = 0.01, slice = 3600, on_slow = function() end }, wakes },
      { {}, async.critical(wakes) },
    }
    for _, way in ipairs(ways) do
      local told = 0
      way[1].on_error = function() told = told + 1 end
      local rt = async.runtime(way[1])
      rt:spawn(way[2])
      rt:tick(0)
      rt:close(0)
      assert.equal("runtime (closed)", tostring(rt))
      assert.equal(1, told) -- it is named
    end
  end)

  it("by a yield out of a critical function", function()
    local each = async.critical(function(fn) for i = 1, 3 do fn(i) end end)
    run(function()
      local task = async.spawn_with({ hog = "kill" }, function()
        coroutine.wrap(function() each(coroutine.yield) end)()
        busy()
      end)
      assert.equal("cancelled", outcome(task))
    end)
  end)

  it("by saying that it is ours, or in what is ours", function()
    local layer = "@" .. package.searchpath("asyncrt", package.path):match "^(.*/)"
    local endless = setmetatable({}, { __len = function() return math.maxinteger end })
    run(function()
      for _, body in ipairs {
        load("while true do end", layer .. "x"),
        function() async.each(endless, math.abs) end,
        function() async.each({ n = math.maxinteger }, math.abs) end,
      } do
        assert.equal("cancelled", outcome(async.spawn_with({ hog = "kill" }, body)))
      end
    end)
  end)

  it("in the closers of a coroutine that was stopped", function()
    run(function()
      for _, resume in ipairs { function(co) coroutine.wrap(co)() end, function(co)
        co = coroutine.create(co)
        local _, err = coroutine.resume(co)
        coroutine.close(co)
        error(err, 0)
      end } do
        for _, hog in ipairs { { hog = "kill" }, {} } do
          local task = async.spawn_with(hog, function()
            resume(function()
              local _ <close> = closing(busy)
              busy()
            end)
          end)
          for _ = 1, 3 do async.yield() end
          task:cancel()
          assert.equal("cancelled", outcome(task))
        end
      end
    end)
  end)

  it("in a callback of ours in one of Lua's", function()
    run(function()
      local task = async.try_spawn(function()
        table.sort({ 3, 2, 1 }, function()
          while true do pcall(async.gsub, "aaa", "a", function() return pcall(busy) end) end
        end)
      end)
      local _, err = task:join()
      assert.equal("hog", err.kind)
    end)
  end)

  it("in the words for the reason of its cancel", function()
    run(function()
      local reason = setmetatable({}, { __tostring = busy })
      local hog, sleeper = async.spawn(busy), async.spawn(async.sleep, 60)
      async.yield()
      hog:cancel(reason)
      sleeper:cancel(reason)
      assert.equal("cancelled", outcome(hog))
      local _, err = pcall(sleeper.await, sleeper)
      assert.equal(reason, err.reason)
    end)
  end)
end)

describe("a coroutine that a critical function has yielded out of", function()
  it("may be resumed when the task is gone", function()
    run(function()
      local co
      async.spawn(function()
        co = coroutine.create(async.critical(function() return coroutine.yield() end))
        coroutine.resume(co)
      end):await()
      for _ = 1, 100 do async.spawn(function() end) end
      async.sleep(0)
      collectgarbage()
      assert.same({ true, "value" }, { coroutine.resume(co, "value") })
    end)
  end)
end)
