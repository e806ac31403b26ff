local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, run_seeded, here, error_of =
  helper.run, helper.try_run, helper.run_seeded, helper.here, helper.error_of

-- A task that locks, keeps the mutex until it is told, and unlocks.
local function holder(mutex, name, order)
  local release = async.future()
  local task = async.spawn(function()
    local _ <close> = mutex:lock()
    order[#order + 1] = name
    release:await()
  end)
  return task, release
end

describe("a mutex", function()
  it("is free at first, and its lock is the mutex itself", function()
    run_seeded(function()
      local mutex = async.mutex()
      assert.equal("mutex (free)", tostring(mutex))
      assert.equal(mutex, mutex:lock())
      assert.equal(("mutex (locked by task %d)"):format(async.current():id()), tostring(mutex))
      mutex:unlock()
      assert.equal("mutex (free)", tostring(mutex))
    end)
  end)

  it("lets one in at a time, in the order of asking", function()
    run_seeded(function()
      local mutex, inside, order, asked = async.mutex(), 0, {}, {}
      for i = 1, 6 do
        async.spawn(function()
          asked[#asked + 1] = i
          local _ <close> = mutex:lock()
          inside = inside + 1
          assert.equal(1, inside)
          order[#order + 1] = i
          async.sleep(1)
          inside = inside - 1
        end)
      end
      async.sleep(10)
      assert.same(asked, order)
      assert.equal("mutex (free)", tostring(mutex))
    end)
  end)

  it("is handed over: who unlocks and asks again comes last", function()
    run_seeded(function()
      local mutex, order = async.mutex(), {}
      mutex:lock()
      local task = async.spawn(function()
        local _ <close> = mutex:lock()
        order[#order + 1] = "waiter"
      end)
      async.sleep(1)
      mutex:unlock()
      assert.is_nil(mutex:try_lock())
      mutex:lock()
      order[#order + 1] = "again"
      mutex:unlock()
      task:await()
      assert.same({ "waiter", "again" }, order)
    end)
  end)

  it("is unlocked when its block is left, also by an error or a cancel", function()
    run_seeded(function()
      local mutex = async.mutex()
      assert.equal("oops", error_of(function()
        local _ <close> = mutex:lock()
        error("oops", 0)
      end))
      local task = holder(mutex, 1, {})
      async.sleep(1)
      task:cancel()
      task:join()
      assert.equal("mutex (free)", tostring(mutex))
    end)
  end)

  it("that was unlocked early is left alone at the end of the block", function()
    run(function()
      local mutex = async.mutex()
      local other, release
      do
        local _ <close> = mutex:lock()
        mutex:unlock()
        other, release = holder(mutex, 1, {})
        async.sleep(1)
      end
      assert.equal(("mutex (locked by task %d)"):format(other:id()), tostring(mutex))
      release:resolve()
    end)
  end)

  it("passes a cancelled waiter's turn on", function()
    run_seeded(function()
      local mutex, order = async.mutex(), {}
      local first, release = holder(mutex, "first", order)
      async.sleep(1)
      local second, third = holder(mutex, "second", order), holder(mutex, "third", order)
      async.sleep(1)
      second:cancel()
      release:resolve()
      first:await()
      async.sleep(1)
      assert.equal("cancelled", second:status())
      assert.equal("third", order[2])
      third:cancel()
    end)
  end)

  it("stays with one who is cancelled after it was handed over, until it unlocks", function()
    run_seeded(function()
      local mutex, got, after = async.mutex(), false, false
      mutex:lock()
      local task = async.spawn(function()
        local _ <close> = mutex:lock()
        got = true
        async.sleep(1)
        after = true
      end)
      local next_one = async.spawn(function()
        local _ <close> = mutex:lock()
        return "mine"
      end)
      async.sleep(1)
      mutex:unlock()
      task:cancel()
      assert.equal("mine", next_one:await())
      assert.is_true(got)
      assert.is_false(after)
      assert.equal("cancelled", task:status())
    end)
  end)

  it("is not locked by one who is cancelled and then would have its turn", function()
    run_seeded(function()
      local mutex, got = async.mutex(), false
      mutex:lock()
      local task = async.spawn(function()
        local _ <close> = mutex:lock()
        got = true
      end)
      async.sleep(1)
      task:cancel()
      mutex:unlock()
      assert.equal("mutex (free)", tostring(mutex))
      task:join()
      assert.is_false(got)
    end)
  end)

  it("raises in a cancelled task before anything else", function()
    run(function()
      local mutex = async.mutex()
      async.try_timeout(0, function()
        assert.is_true(async.is_cancelled(error_of(mutex.lock, mutex)))
      end)
      assert.equal("mutex (free)", tostring(mutex))
    end)
  end)

  it("raises in its owner who locks it again, at once", function()
    run(function()
      local mutex = async.mutex()
      local _ <close> = mutex:lock()
      local err = error_of(mutex.lock, mutex)
      assert.equal("deadlock", err.kind)
      assert.is_nil(mutex:try_lock())
    end)
  end)

  it("lets others run after many locks that need not wait", function()
    run_seeded(function()
      local mutex, ran = async.mutex(), false
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do
        mutex:lock()
        mutex:unlock()
      end
      assert.is_true(ran)
    end)
  end)

  it("can be tried", function()
    run(function()
      local mutex = async.mutex()
      assert.equal(mutex, mutex:try_lock())
      async.spawn(function()
        assert.same({ nil, "the mutex is locked", "locked", n = 3 }, table.pack(mutex:try_lock()))
      end):await()
      mutex:unlock()
      async.try_timeout(0, function()
        assert.equal(mutex, mutex:try_lock()) -- no checkpoint
        mutex:unlock()
      end)
    end)
  end)

  it("can be locked and unlocked where no task runs", function()
    local rt <close> = async.runtime { clock = "manual" }
    local mutex, got = async.mutex(), false
    do
      local _ <close> = mutex:try_lock()
      assert.equal("mutex (locked)", tostring(mutex))
      rt:spawn(function()
        local _ <close> = mutex:lock()
        got = true
      end)
      rt:tick()
      assert.is_false(got)
    end
    rt:tick()
    assert.is_true(got)
    assert.equal("mutex (free)", tostring(mutex))
  end)

  it("is unlocked by its owner only", function()
    run(function()
      local mutex = async.mutex()
      assert.equal(here(1) .. ": 'unlock' on a mutex that is not locked", error_of(function()
        mutex:unlock() end))
      mutex:lock()
      async.spawn(function()
        assert.equal(here(1) .. ": 'unlock' on a mutex that somebody else has locked", error_of(function()
          mutex:unlock() end))
      end):await()
      mutex:unlock()
    end)
  end)

  it("says what its waiters wait for", function()
    run(function()
      local mutex = async.mutex()
      mutex:lock()
      local task = async.spawn(mutex.lock, mutex)
      async.yield()
      assert.equal("mutex", task:waiting_on())
      task:cancel()
    end)
  end)

  it("is shared by runtimes", function()
    local one <close> = async.runtime { clock = "manual" }
    local other <close> = async.runtime { clock = "manual" }
    local mutex, waker, order = async.mutex(), nil, {}
    one:spawn(function()
      local _ <close> = mutex:lock()
      waker = async.waker()
      async.park()
      order[1] = "one"
    end)
    one:tick()
    other:spawn(function()
      local _ <close> = mutex:lock()
      order[2] = "other"
    end)
    other:tick()
    waker:wake()
    one:tick()
    assert.same({ "one" }, order)
    other:tick()
    assert.same({ "one", "other" }, order)
  end)

  it("refuses misuse with the caller's position", function()
    local mutex = async.mutex()
    assert.equal(here(1) .. ": 'lock' called outside a task", error_of(function()
      mutex:lock() end))
    assert.equal(here(1) .. ": bad argument #1 to 'lock' (asyncrt.mutex expected, got table)",
      error_of(function() mutex.lock({}) end))
    assert.equal("asyncrt.mutex", getmetatable(mutex).__name)
  end)
end)

describe("a mutex whose owner ended without unlocking it", function()
  local endings = {
    ["returned"] = function(mutex) mutex:lock() async.sleep(1) end,
    ["failed"] = function(mutex) mutex:lock() async.sleep(1) error("oops", 0) end,
    ["was cancelled"] = function(mutex) mutex:lock() async.current():cancel() async.sleep(1) end,
  }
  for how, body in pairs(endings) do
    it("is broken for those who wait and those who come later, when it " .. how, function()
      run_seeded(function()
        local mutex, kinds = async.mutex(), {}
        local owner = async.try_spawn(body, mutex)
        async.yield()
        for i = 1, 3 do
          async.spawn(function() kinds[i] = error_of(mutex.lock, mutex).kind end)
        end
        async.sleep(2)
        owner:join()
        assert.same({ "broken", "broken", "broken" }, kinds)
        assert.equal("broken", error_of(mutex.lock, mutex).kind)
        assert.equal("broken", error_of(mutex.try_lock, mutex).kind)
        assert.equal("mutex (broken)", tostring(mutex))
        owner = nil -- luacheck: ignore 311
        collectgarbage()
        assert.equal("broken", error_of(mutex.lock, mutex).kind)
      end)
    end)
  end

  it("can be unlocked by anyone, and used again", function()
    run(function()
      local mutex = async.mutex()
      async.spawn(mutex.lock, mutex):await()
      mutex:unlock()
      local _ <close> = mutex:lock()
    end)
  end)

  it("is broken also if the owner was handed it", function()
    run_seeded(function()
      local mutex = async.mutex()
      mutex:lock()
      async.spawn(mutex.lock, mutex)
      async.yield()
      local third = async.spawn(function() return error_of(mutex.lock, mutex).kind end)
      async.sleep(1)
      mutex:unlock()
      assert.equal("broken", third:await())
    end)
  end)

  it("is broken for another runtime when the owner's is collected", function()
    local mutex, kind = async.mutex(), nil
    do
      local lost = async.runtime { clock = "manual" }
      lost:spawn(function()
        mutex:lock()
        async.park()
      end)
      lost:tick()
    end
    local rt <close> = async.runtime { clock = "manual" }
    rt:spawn(function() kind = error_of(mutex.lock, mutex).kind end)
    rt:tick()
    assert.is_nil(kind)
    helper.expect_lost(1)
    helper.collect()
    rt:tick()
    assert.equal("broken", kind)
  end)

  it("is not held up by a waiter that goes down with its runtime after it was handed to it", function()
    local mutex, got = async.mutex(), false
    local other <close> = async.runtime { clock = "manual" }
    do
      mutex:try_lock()
      local lost = async.runtime { clock = "manual" }
      lost:spawn(mutex.lock, mutex)
      lost:tick()
      other:spawn(function()
        local _ <close> = mutex:lock()
        got = true
      end)
      other:tick()
      mutex:unlock()
      other:tick()
      assert.is_false(got)
    end
    helper.expect_lost(1)
    helper.collect()
    other:tick()
    assert.is_true(got)
  end)

  it("is unlocked by the <close> of an owner that is killed", function()
    local mutex = async.mutex()
    local rt = async.runtime { clock = "manual", on_error = function() end }
    rt:spawn(function()
      local _ <close> = mutex:lock()
      async.shield(async.sleep, math.huge)
    end)
    rt:tick()
    rt:close(0)
    assert.equal("mutex (free)", tostring(mutex))
  end)
end)

describe("two mutexes", function()
  it("that two tasks lock crosswise are a deadlock, which is reported", function()
    local _, ok, err = try_run(function()
      local a, b = async.mutex(), async.mutex()
      local function both(one, other)
        local _ <close> = one:lock()
        async.yield()
        local _ <close> = other:lock()
      end
      async.spawn(both, a, b)
      async.spawn(both, b, a)
    end)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
  end)
end)
