-- Tasks that wait for each other, while others keep the runtime alive.
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, here = helper.run, helper.try_run, helper.here

-- Runs main beside a task that is never done. What it raises, and when.
local function deadlock_of(main, ...)
  local at
  local reports, ok, err = try_run(function(...)
    async.spawn_with({ daemon = true }, function()
      while true do async.sleep(0.25) end
    end)
    local results = table.pack(pcall(async.scope, main, ...))
    at = async.now()
    if not results[1] then error(results[2], 0) end
  end, ...)
  assert.same({}, reports)
  assert.is_false(ok)
  assert.equal("deadlock", err.kind)
  return err, at
end

local function names(tasks)
  local list = {}
  for i, task in ipairs(tasks) do list[i] = task:name() end
  return list
end

local function spawn(name, fn, ...)
  return async.spawn_with({ name = name }, fn, ...)
end

-- Locks the first at once, the second a second later.
local function lock_both(first, second)
  local _ <close> = first:lock()
  async.sleep(1)
  second:lock()
end

describe("a cycle of waits", function()
  it("of two mutexes is raised in the task that closes it, and names all with their places", function()
    local line
    local err, at = deadlock_of(function()
      local a, b = async.mutex(), async.mutex()
      line = here(1)
      async.spawn_with({ name = "ab" }, lock_both, a, b)
      spawn("ba", lock_both, b, a)
    end)
    assert.equal(1, at)
    assert.same({ "ba", "ab" }, names(err.tasks))
    local text = err.message
    assert.matches("^deadlock: 2 tasks wait for each other\n", text)
    assert.matches("task %d+ 'ba', about to wait for mutex %(locked by task %d+%)", text)
    assert.matches("task %d+ 'ab', waiting for mutex %(locked by task %d+%)", text)
    assert.truthy(text:find("spawned at " .. line, 1, true))
    assert.matches("cycle_spec.lua:%d+: in function", text:match("'ba'.-'ab'"))
    assert.matches("cycle_spec.lua:%d+: in function", text:match("'ab'.*"))
  end)

  it("is not taken into effect: who is told has not locked, and the other goes on", function()
    run(function()
      local a, b = async.mutex(), async.mutex()
      local ended
      async.spawn(function()
        lock_both(a, b)
        ended = async.now()
        b:unlock()
      end)
      do
        local _ <close> = b:lock()
        async.sleep(2)
        local ok, err = pcall(a.lock, a)
        assert.same({ false, "deadlock" }, { ok, err.kind })
        async.sleep(1)
      end
      async.sleep(1)
      assert.equal(3, ended)
      assert.equal("mutex (free)", tostring(a))
    end)
  end)

  it("of joins is told, whether awaited or joined", function()
    for _, method in ipairs { "await", "join" } do
      local err = deadlock_of(function()
        local left, right
        left = spawn("left", function()
          async.yield()
          right[method](right)
        end)
        right = spawn("right", function()
          async.sleep(1)
          left[method](left)
        end)
      end)
      assert.same({ "right", "left" }, names(err.tasks))
    end
  end)

  it("of many is told with all of them, in order", function()
    local err, at = deadlock_of(function()
      local tasks = {}
      for i = 1, 200 do
        tasks[i] = spawn(tostring(i), function()
          async.sleep(i)
          tasks[i % 200 + 1]:await()
        end)
      end
    end)
    assert.equal(200, at)
    local expected = { "200" }
    for i = 1, 199 do expected[i + 1] = tostring(i) end
    assert.same(expected, names(err.tasks))
  end)

  it("of a lock and a join is told in either order", function()
    local function lock(mutex) mutex:lock() end
    local first_join = deadlock_of(function()
      local mutex = async.mutex()
      mutex:lock()
      async.spawn(lock, mutex):await()
    end)
    assert.equal(2, #first_join.tasks)
    local first_lock = deadlock_of(function()
      local mutex = async.mutex()
      mutex:lock()
      local task = async.spawn(lock, mutex)
      async.sleep(1)
      task:await()
    end)
    assert.equal(2, #first_lock.tasks)
  end)

  it("goes through the end of scopes, blocks, combinators and tasks, in either order", function()
    local function child(mutex, delay)
      async.sleep(delay)
      mutex:lock()
    end
    local parents = {
      scope = function(mutex, delay) async.scope(function(s) s:spawn(child, mutex, delay) end) end,
      late = function(mutex, delay)
        async.scope(function(s)
          s:spawn(child, mutex, delay)
          async.sleep(1)
        end)
      end,
      block = function(mutex, delay)
        local s <close> = async.scope()
        s:spawn(child, mutex, delay)
        async.sleep(1)
      end,
      shield = function(mutex, delay)
        async.shield(function()
          async.spawn(child, mutex, delay)
          async.sleep(1)
        end)
      end,
      task = function(mutex, delay)
        async.spawn(child, mutex, delay)
        async.sleep(1)
      end,
      all = function(mutex, delay)
        async.all(function() child(mutex, delay) end, function() async.sleep(1) end)
      end,
    }
    for name, parent in pairs(parents) do
      for _, delay in ipairs { 0, 2 } do
        local err, at = deadlock_of(function()
          spawn("parent", function()
            local mutex = async.mutex()
            mutex:lock()
            parent(mutex, delay)
          end):await()
        end)
        assert.equal(2, #err.tasks, name)
        assert.is_true(at <= 2, name)
      end
    end
  end)

  it("goes through a task that is awaited by one of its descendants' lenders", function()
    local err = deadlock_of(function()
      local left, right
      left = spawn("left", function()
        spawn("child", function() right:await() end)
        async.sleep(1)
      end)
      right = spawn("right", function()
        async.sleep(0.5)
        left:await()
      end)
    end)
    assert.same({ "right", "left", "child" }, names(err.tasks))
  end)

  it("is told by a condition that cannot have its mutex again", function()
    local err = deadlock_of(function()
      local mutex = async.mutex()
      local condition = async.condition(mutex)
      local waiter = spawn("waiter", function()
        local _ <close> = mutex:lock()
        condition:wait()
      end)
      async.sleep(1)
      mutex:lock()
      condition:notify()
      waiter:await()
    end)
    assert.equal("waiter", err.tasks[1]:name())
  end)

  it("goes over from one runtime to another", function()
    local a, b = async.mutex(), async.mutex()
    local function lock(first, second)
      local _ <close> = first:lock()
      async.yield()
      second:lock()
      second:unlock()
    end
    local errors = {}
    local function note(err) errors[#errors + 1] = err end
    local left <close> = async.runtime { clock = "manual", on_error = note }
    local right <close> = async.runtime { clock = "manual", on_error = note }
    left:spawn_with({ name = "left" }, lock, a, b)
    right:spawn_with({ name = "right" }, lock, b, a)
    for _ = 1, 4 do
      left:tick()
      right:tick()
    end
    assert.equal(1, #errors)
    assert.equal("deadlock", errors[1].kind)
    assert.same({ "right", "left" }, names(errors[1].tasks))
  end)
end)

describe("no cycle is told of", function()
  it("where a timeout ends one of the waits, of whichever task, from however far out", function()
    for _, who in ipairs { "first", "second", "around" } do
      run(function()
        local a, b = async.mutex(), async.mutex()
        local function body(first, second, mine)
          return function()
            local _ <close> = first:lock()
            async.sleep(1)
            if who ~= mine then
              second:lock()
              second:unlock()
            else
              assert.is_false(async.try_timeout(3, second.lock, second))
            end
          end
        end
        local function both()
          async.scope(function(s)
            s:spawn(body(a, b, "first"))
            s:spawn(body(b, a, "second"))
          end)
        end
        if who == "around" then async.try_timeout(4, both) else both() end
        assert.equal(4, async.now())
      end)
    end
  end)

  it("where a join gives up by itself", function()
    run(function()
      local left, right
      left = async.spawn(function()
        async.yield()
        assert.same({ nil, "timeout", "timeout" }, { right:join(2) })
      end)
      right = async.spawn(function()
        async.sleep(1)
        left:await()
      end)
    end)
  end)

  it("in a race, which another one may win", function()
    run(function()
      local mutex = async.mutex()
      local _ <close> = mutex:lock()
      assert.equal(2, (async.race(function() mutex:lock() end, function() async.sleep(1) end)))
    end)
  end)

  it("where a shield keeps the timeout out, there is", function()
    local err = deadlock_of(function()
      local a, b = async.mutex(), async.mutex()
      spawn("ab", function() async.timeout(10, async.shield, lock_both, a, b) end)
      spawn("ba", lock_both, b, a)
    end)
    assert.equal(2, #err.tasks)
  end)

  it("by a daemon, which the end of the others ends", function()
    run(function()
      local mutex = async.mutex()
      mutex:lock()
      async.scope(function(s)
        s:spawn_with({ daemon = true }, function() mutex:lock() end)
        s:spawn(async.sleep, 1)
      end)
      assert.equal(1, async.now())
    end)
  end)

  it("of select, which waits for others too", function()
    run(function()
      local left, right
      local channel = async.channel()
      left = async.spawn(function()
        async.yield()
        assert.equal(2, (async.select(right, channel)))
      end)
      right = async.spawn(function() left:await() end)
      async.sleep(1)
      channel:send("message")
    end)
  end)

  it("where a runtime is not to look for deadlocks", function()
    local rt <close> = async.runtime { clock = "manual", deadlock = false, on_error = error }
    local a, b = async.mutex(), async.mutex()
    local left, right = rt:spawn(lock_both, a, b), rt:spawn(lock_both, b, a)
    rt:advance(5)
    assert.same({ "waiting", "waiting" }, { left:status(), right:status() })
  end)

  it("of a mutex that its owner unlocks, however long the queue", function()
    run(function()
      local mutex = async.mutex()
      for _ = 1, 100 do
        async.spawn(function()
          local _ <close> = mutex:lock()
          async.spawn(async.sleep, 1):await()
        end)
      end
    end)
  end)

  it("without taking long, of 20,000 who each wait for the one before, or of a chain that deep", function()
    run(function()
      async.spawn(function()
        local before = async.spawn(async.sleep, 1)
        for _ = 1, 20000 do before = async.spawn(before.await, before) end
        before:await()
      end):await()
      local function down(n)
        if n > 0 then return async.spawn(down, n - 1):await() end
      end
      down(20000)
    end)
  end)
end)
