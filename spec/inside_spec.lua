local async = require "asyncrt"
local core = require "asyncrt.core"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, here, settle = helper.run, helper.here, helper.settle

local function row_of(task)
  for _, row in ipairs(async.tasks()) do
    if row.task == task then return row end
  end
end

-- A file that keeps what is written.
local function new_file()
  return { write = function(self, text)
    self[#self + 1] = text
    return self
  end }
end

-- As one text.
local function dump()
  local file = new_file()
  assert.is_true(async.dump(file))
  return table.concat(file)
end

describe("the list of tasks", function()
  it("has what each is and does", function()
    run(function()
      local main = async.current()
      local mutex = async.mutex()
      mutex:lock()
      local spawned_at = here(1)
      local task = async.spawn_with({ name = "second" }, function()
        async.sleep(1)
        mutex:lock()
      end)
      async.sleep(3)
      local row = row_of(task)
      assert.same({ "second", task:id(), main:id(), "waiting" }, { row.name, row.id, row.parent, row.status })
      assert.equal(("mutex (locked by task %d)"):format(main:id()), row.waiting_on)
      assert.same({ 2, 2, 3, spawned_at }, { row.waited, row.polls, row.age, row.spawned_at })
      assert.is_nil(row.seconds)
      assert.is_nil(row.scope)
      row = row_of(main)
      assert.same({ "running", 3 }, { row.status, row.age })
      assert.is_nil(row.parent)
      assert.is_nil(row.waiting_on)
      assert.is_nil(row.waited)
      mutex:unlock()
    end)
  end)

  it("has parents before children, and the scope that each is in", function()
    run(function()
      local main = async.current()
      async.scope(function(scope)
        local outer = scope:spawn(function()
          async.spawn(async.sleep, 5)
          async.sleep(5)
        end)
        settle()
        local rows = async.tasks()
        assert.equal(3, #rows)
        assert.same({ main:id(), outer:id() }, { rows[1].id, rows[2].id })
        assert.same({ main:id(), outer:id() }, { rows[2].parent, rows[3].parent })
        assert.matches("scope " .. rows[2].scope, tostring(scope))
        assert.is_nil(rows[3].scope)
        assert.equal("ready", row_of(async.spawn(async.yield)).status)
      end)
    end)
  end)

  it("is there outside of a task, has all runtimes, and is empty without one", function()
    assert.same({}, async.tasks())
    local one <close> = async.runtime { clock = "manual" }
    local two <close> = async.runtime { clock = "manual" }
    local second, first = two:spawn(async.sleep, 9), one:spawn(async.sleep, 9)
    two:tick()
    two:advance(2)
    local rows = async.tasks()
    assert.same({ first, second }, { rows[1].task, rows[2].task })
    assert.same({ one, two }, { rows[1].runtime, rows[2].runtime })
    assert.same({ "ready", 0, 0 }, { rows[1].status, rows[1].polls, rows[1].age })
    assert.same({ "waiting", 1, 2, "sleep (7 s left)" },
      { rows[2].status, rows[2].polls, rows[2].age, rows[2].waiting_on })
  end)
end)

describe("a task that waits", function()
  it("says what for, with which handle, and for how long", function()
    run(function()
      local condition, future, event = async.condition(), async.future(), async.event()
      local channel, barrier, mutex = async.channel(), async.barrier(2), async.mutex()
      local semaphore, rwlock = async.semaphore(0), async.rwlock()
      local other = async.spawn(async.sleep, 10)
      mutex:lock()
      rwlock:try_write()
      local waits = {
        ["condition"] = { condition, condition.wait },
        ["future"] = { future, future.await },
        ["event"] = { event, event.wait },
        ["channel receive"] = { channel, channel.recv },
        ["barrier"] = { barrier, barrier.wait },
        ["mutex"] = { mutex, mutex.lock },
        ["semaphore"] = { semaphore, semaphore.acquire },
        ["rwlock"] = { rwlock, rwlock.read },
        ["task " .. other:id()] = { other, other.await },
      }
      local tasks = {}
      for what, wait in pairs(waits) do tasks[what] = async.spawn(wait[2], wait[1]) end
      local sending = async.channel()
      waits["channel send"] = { sending }
      tasks["channel send"] = async.spawn(sending.send, sending, "message")
      async.sleep(1.5)
      for what, task in pairs(tasks) do
        assert.same({ what, waits[what][1], 1.5 }, { task:waiting_on() })
        task:cancel()
      end
      mutex:unlock()
    end)
  end)

  it("has no handle where there is none", function()
    run(function()
      for what, wait in pairs { sleep = async.sleep, waker = async.park } do
        local task = async.spawn(wait, 10)
        async.sleep(1)
        assert.same({ what, nil, 1 }, { task:waiting_on() })
        task:cancel()
      end
    end)
  end)

  it("says in its traceback what its handle says of itself", function()
    run(function()
      local channel = async.channel()
      channel:name("jobs")
      local task = async.spawn(function() channel:recv() end)
      local sleeper = async.spawn(async.sleep, 5)
      local lazy = async.spawn(async.sleep, math.huge)
      async.sleep(1)
      assert.matches("waiting for channel receive, channel 'jobs' %(0 messages%)\n", task:traceback())
      assert.matches("waiting for sleep %(4 s left%)", sleeper:traceback())
      assert.matches("waiting for sleep %(for ever%)", lazy:traceback())
      task:cancel()
      lazy:cancel()
      local choosy = async.spawn(async.select, false, channel, sleeper, false, async.at(9))
      local channels = {}
      for i = 1, 9 do channels[i] = channel end
      local choosier = async.spawn(async.select, channels)
      async.yield()
      assert.matches(("waiting for select of channel 'jobs' %%(0 messages%%), task %d %%(waiting%%), %s\n"):format(
        sleeper:id(), tostring(async.at(9)):gsub("%p", "%%%0")), choosy:traceback())
      assert.matches("messages%), %.%.%.\n", choosier:traceback())
      assert.same({ "select", nil, 0 }, { choosy:waiting_on() })
      choosy:cancel()
      choosier:cancel()
    end)
  end)
end)

describe("the usage of a task", function()
  it("counts its polls, those of all below it, and of children that have ended", function()
    run(function()
      local main = async.current()
      assert.same({ 1, nil }, { main:usage() })
      async.yield()
      assert.same({ 2, nil }, { main:usage() })
      local task = async.spawn(function()
        async.scope(function(s)
          s:spawn(settle, 9)
          s:spawn(settle, 4)
        end)
        async.spawn(function()
          async.spawn(async.sleep, 5)
          async.sleep(10)
        end)
        async.sleep(1)
      end)
      async.sleep(2)
      -- 2 and the end of its scope, 10 and 5 of the ended, 1 each below
      assert.equal(3 + 10 + 5 + 1 + 1, (task:usage()))
      assert.equal(3 + 10 + 5, row_of(task).polls)
      task:await()
      assert.equal(3 + 10 + 5 + 2 + 2 + 1, (task:usage())) -- woken once more, when its children had ended
      assert.is_true(main:usage() > (task:usage()))
    end)
  end)

  it("has the time run while somebody profiles, and none otherwise", function()
    local function burn() for _ = 1, 20000 do math.sin(1) end end
    finally(function() async.profile(false) end)
    local task
    run(function()
      assert.is_false(async.profile(true))
      assert.is_true(async.profile(true))
      async.yield() -- from the next turn on
      async.sleep(1)
      local parent = async.spawn(function()
        task = async.spawn(function()
          burn()
          async.yield()
          burn()
        end)
        async.sleep(1)
      end)
      async.sleep(0.5)
      local _, seconds = task:usage()
      local _, all = parent:usage()
      assert.is_true(seconds > 0)
      assert.is_true(all >= seconds)
      assert.is_true(row_of(parent).seconds > 0)
      local before = select(2, async.current():usage())
      burn()
      assert.is_true(select(2, async.current():usage()) > before) -- of the poll that is under way
    end)
    assert.is_true(select(2, task:usage()) > 0)
    assert.is_true(async.profile(false))
    assert.is_nil((select(2, task:usage())))
  end)

  it("can be profiled from outside, for runtimes there are and those to come, and be stopped in the middle", function()
    finally(function() async.profile(false) end)
    local early <close> = async.runtime { clock = "manual" }
    local task = early:spawn(async.sleep, 1)
    async.profile(true)
    local late <close> = async.runtime { clock = "manual" }
    local other = late:spawn(async.sleep, 1)
    for _ = 1, 200 do late:spawn(async.yield) end -- more slots than there was room for
    early:tick()
    late:tick()
    assert.is_true(select(2, task:usage()) > 0)
    assert.is_true(select(2, other:usage()) > 0)
    early:spawn(function()
      async.profile(false)
      async.profile(true)
      async.yield()
    end)
    early:tick()
    early:tick()
    assert.equal(0, (select(2, task:usage())))
    async.profile(false)
  end)
end)

describe("the numbers of a runtime", function()
  it("say what its driver is and why", function()
    local rt <close> = async.runtime {}
    local chosen <close> = async.runtime { driver = "poll", clock = "virtual", seed = 42 }
    local stats = rt:stats()
    local from = os.getenv "ASYNCRT_DRIVER" and "ASYNCRT_DRIVER" or "default"
    assert.same({ from, "real" }, { stats.driver_from, stats.clock })
    stats = chosen:stats()
    assert.same({ "poll", "option", "virtual", 42 }, { stats.driver, stats.driver_from, stats.clock, stats.seed })
    local output = helper.child([[
      local stats = require "asyncrt".runtime():stats()
      print(stats.driver, stats.driver_from, stats.seed)
    ]], nil, "ASYNCRT_DRIVER=poll ASYNCRT_SEED=7")
    assert.equal("poll\tASYNCRT_DRIVER\t7\n", output)
  end)

  it("count its tasks, queues and what they wait for", function()
    local rt <close> = async.runtime { clock = "manual" }
    local mutex = async.mutex()
    rt:spawn(function()
      mutex:lock()
      async.sleep(5)
      mutex:unlock()
    end)
    for _ = 1, 3 do rt:spawn(function() local _ <close> = mutex:lock() end) end
    rt:spawn(async.yield)
    local stats = rt:stats()
    assert.same({ 5, 5, 0, 5 }, { stats.live, stats.ready, stats.waiting, stats.spawned })
    assert.same({ woken = 0, ready = 5, hogs = 0, deferred = 0 }, stats.queues)
    rt:tick()
    stats = rt:stats()
    assert.same({ 5, 1, 4, 5, 0 }, { stats.live, stats.ready, stats.waiting, stats.spawned, stats.ended })
    assert.same({ woken = 0, ready = 0, hogs = 0, deferred = 1 }, stats.queues)
    assert.same({ mutex = 3, sleep = 1 }, stats.waiters)
    assert.same({ 1, 0, 0 }, { stats.timers, stats.operations, stats.jobs })
    assert.is_true(stats.coroutines >= 5)
    rt:advance(5)
    stats = rt:stats()
    assert.same({ 0, 0, 0, 5, 5 }, { stats.live, stats.ready, stats.waiting, stats.spawned, stats.ended })
    assert.equal(stats.coroutines, stats.pooled)
    rt:run(function()
      assert.same({ 1, 6 }, { async.stats().live, async.stats().spawned })
    end)
  end)
end)

describe("the dump", function()
  it("is a tree with tracebacks, spawn sites, and the scopes that are open", function()
    run(function()
      local line, spawned_at, text
      async.scope(function(scope)
        spawned_at = here(1)
        scope:spawn_with({ name = "outer" }, function()
          async.spawn_with({ name = "inner" }, async.sleep, 9)
          line = here(1)
          async.timeout(5, async.shield, async.sleep, 4)
        end)
        async.sleep(1)
        text = dump()
      end)
      assert.matches("^runtime %(3 tasks%): driver %w+ %([%w_]+%), clock virtual, 0 ready, 2 waiting, 3 timers", text)
      assert.matches("\n  task %d+, running, 2 polls, 1 s old\n  \t[^\n]*inside_spec.lua", text)
      assert.matches("\n      inside: scope %d+\n", text)
      assert.matches("\n    task %d+ 'outer' in scope %d+, waiting 1 s for sleep %(3 s left%), 1 poll, 1 s old\n", text)
      assert.truthy(text:find("\t" .. line, 1, true))
      assert.truthy(text:find("spawned at " .. spawned_at, 1, true))
      assert.matches("\n        inside: shield, timeout %(4 s left%)\n", text)
      assert.matches("\n      task %d+ 'inner', waiting 1 s for sleep %(8 s left%)", text)
    end)
  end)

  it("can be made from outside, from on_error, and without a runtime", function()
    assert.equal("no runtime is open\n", dump())
    local told
    local rt <close> = async.runtime { clock = "manual", on_error = function() told = dump() end }
    rt:spawn_with({ name = "sleeper" }, async.sleep, 5)
    rt:spawn(error, "for on_error", 0)
    rt:tick()
    assert.matches("'sleeper', waiting 0 s for sleep", told)
    assert.matches("'sleeper', waiting 0 s for sleep", dump())
  end)

  it("goes to standard error, a file or a stream", function()
    local output = helper.child([[
      local async = require "asyncrt"
      async.run(function() assert(async.dump()) end)
    ]])
    assert.matches("task %d+, running", output)
    local file <close> = assert(io.tmpfile())
    assert.is_true(async.dump(file))
    file:seek("set")
    assert.equal("no runtime is open\n", file:read("a"))
    async.run(function()
      local listener <close> = assert(async.net.listen("127.0.0.1", 0))
      local client <close> = assert(async.net.connect(listener:address()))
      local peer <close> = assert(listener:accept())
      assert.is_true(async.dump(client))
      client:close()
      assert.matches("^runtime %(1 tasks%).-running", assert(peer:read("a")))
    end)
  end)

  it("says so if it could not be written, at whatever place", function()
    local rt <close> = async.runtime { clock = "manual" }
    for _ = 1, 500 do rt:spawn(async.sleep, 1) end
    local left = 3
    local failing = { write = function()
      left = left - 1
      if left == 0 then return nil, "No space left on device", 28 end
      return true
    end }
    assert.same({ nil, "No space left on device", "ENOSPC" }, { async.dump(failing) })
    assert.same({ nil, "closed", "closed" }, { async.dump { write = function() return nil, "closed", "closed" end } })
  end)

  it("shows the rest of the tasks when one cannot be shown", function()
    run(function()
      local facts = core.scopes_of
      finally(function() core.scopes_of = facts end)
      local bad = async.spawn(async.sleep, 1)
      async.spawn_with({ name = "good" }, async.sleep, 1)
      core.scopes_of = function(task)
        if task == bad then error("broken", 0) end
      end
      async.yield()
      local text = dump()
      assert.matches(("task %d: cannot be shown: broken\n"):format(bad:id()), text)
      assert.matches("'good', waiting", text)
    end)
  end)

  it("walks a chain of 100,000 without a stack, and numbers what is too deep to be indented", function()
    local depth = 100000
    local rt <close> = async.runtime { clock = "manual" }
    rt:spawn(function()
      local function down(n)
        if n > 1 then async.spawn(down, n - 1) end
        async.sleep(1)
      end
      down(depth)
    end)
    rt:tick()
    local tasks, longest = 0, 0
    assert.is_true(async.dump { write = function(_, text)
      for line in text:gmatch("[^\n]+") do
        if line:find("task %d+, waiting") then tasks = tasks + 1 end
        longest = math.max(longest, #line)
      end
      return true
    end })
    assert.equal(depth, tasks)
    assert.is_true(longest < 200)
    assert.equal(depth, #async.tasks())
    rt:advance(1)
  end)
end)

describe("a task that waits in a coroutine of its own", function()
  it("is seen with the handle, the frames of all its coroutines, and in cycles", function()
    run(function()
      local channel, mutex = async.channel(), async.mutex()
      local inner, outer
      local task = async.spawn(function()
        local receive_and_lock = coroutine.wrap(function()
          inner = here(1)
          channel:recv()
          coroutine.wrap(function() mutex:lock() end)()
        end)
        outer = here(1)
        receive_and_lock()
      end)
      async.sleep(1)
      assert.same({ "channel receive", channel, 1 }, { task:waiting_on() })
      local text = dump()
      for _, place in ipairs { inner, outer } do
        assert.truthy(text:find("\t" .. place, 1, true))
        assert.truthy(task:traceback():find("\t" .. place, 1, true))
      end
      mutex:lock()
      channel:send("message")
      async.yield()
      assert.same({ "mutex", mutex, 0 }, { task:waiting_on() })
      local err = helper.error_of(function() coroutine.wrap(function() task:await() end)() end)
      assert.equal("deadlock", err.kind)
      assert.equal(task, err.tasks[2])
      mutex:unlock()
    end)
  end)

  it("dumps itself from there", function()
    run(function()
      local text
      local function look()
        text = dump()
        return text
      end
      local line = here(1)
      coroutine.wrap(look)()
      assert.matches("running, 1 poll, 0 s old\n  \t[^\n]*\n", text)
      assert.truthy(text:find("\t" .. line, 1, true))
    end)
  end)
end)
