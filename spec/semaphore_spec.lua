local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, run_seeded, here, error_of = helper.run, helper.run_seeded, helper.here, helper.error_of

local function free(semaphore) return tonumber(tostring(semaphore):match("%((%d+) free%)")) end

describe("a semaphore", function()
  it("lets as many in as it has permits, in the order of asking", function()
    run_seeded(function()
      local semaphore, inside, most, order, asked = async.semaphore(3), 0, 0, {}, {}
      for i = 1, 10 do
        async.spawn(function()
          asked[#asked + 1] = i
          local _ <close> = semaphore:acquire()
          order[#order + 1] = i
          inside = inside + 1
          most = math.max(most, inside)
          async.sleep(i) -- so that no two end at one time
          inside = inside - 1
        end)
      end
      async.sleep(100)
      assert.equal(3, most)
      for i = 4, 10 do assert.equal(asked[i], order[i]) end -- of the first three, nobody had to wait
      assert.equal(3, free(semaphore))
    end)
  end)

  it("gives permits back once for each guard, however often it is released", function()
    run(function()
      local semaphore = async.semaphore(2)
      local guard <close> = semaphore:acquire(2)
      assert.equal("guard (held)", tostring(guard))
      assert.equal(0, free(semaphore))
      guard:release()
      guard:release()
      guard:close()
      assert.equal("guard (released)", tostring(guard))
      assert.equal(2, free(semaphore))
    end)
  end)

  it("makes those who ask for less wait behind one who asks for many", function()
    run_seeded(function()
      local semaphore, order = async.semaphore(2), {}
      local guard = semaphore:acquire()
      local function ask(n)
        return async.spawn(function()
          local _ <close> = semaphore:acquire(n)
          order[#order + 1] = n
        end)
      end
      local many = ask(2)
      async.sleep(1)
      ask(1)
      async.sleep(1)
      assert.is_nil(semaphore:try_acquire())
      assert.same({}, order)
      guard:release()
      many:await()
      async.sleep(1)
      assert.same({ 2, 1 }, order)
    end)
  end)

  it("lets those behind in when one who asks for many is cancelled", function()
    run_seeded(function()
      local semaphore, got = async.semaphore(2), false
      local guard <close> = semaphore:acquire()
      local many = async.spawn(semaphore.acquire, semaphore, 2)
      async.sleep(1)
      async.spawn(function()
        local _ <close> = semaphore:acquire()
        got = true
      end)
      async.sleep(1)
      many:cancel()
      async.sleep(1)
      assert.is_true(got)
      assert.equal(1, free(semaphore))
      guard:release()
    end)
  end)

  it("has a permit for one who comes after its release", function()
    run_seeded(function()
      local semaphore = async.semaphore(0)
      semaphore:release()
      semaphore:acquire()
      assert.equal(0, free(semaphore))
    end)
  end)

  it("leaves the permit with one who is cancelled after it was handed over", function()
    run_seeded(function()
      local semaphore, got = async.semaphore(0), false
      local task = async.spawn(function()
        local _ <close> = semaphore:acquire()
        got = true
        async.sleep(1)
      end)
      async.sleep(1)
      semaphore:release()
      task:cancel()
      task:join()
      assert.is_true(got)
      assert.equal(1, free(semaphore))
    end)
  end)

  it("gives no permit to one who was cancelled before", function()
    run_seeded(function()
      local semaphore = async.semaphore(0)
      local task = async.spawn(semaphore.acquire, semaphore)
      async.sleep(1)
      task:cancel()
      semaphore:release()
      assert.equal(1, free(semaphore))
      task:join()
      assert.equal("cancelled", task:status())
      async.try_timeout(0, function()
        assert.is_true(async.is_cancelled(error_of(semaphore.acquire, semaphore)))
      end)
      assert.equal(1, free(semaphore))
    end)
  end)

  it("takes a permit back from a waiter that is killed after it was handed over", function()
    local semaphore = async.semaphore(0)
    local rt = async.runtime { clock = "manual", on_error = function() end }
    rt:spawn(function() async.shield(semaphore.acquire, semaphore) end)
    rt:tick()
    rt:close(0)
    semaphore:release()
    assert.equal(1, free(semaphore))
    do
      local lost = async.runtime { clock = "manual" }
      lost:spawn(semaphore.acquire, semaphore, 2)
      lost:tick()
      semaphore:release()
    end
    helper.expect_lost(1)
    helper.collect()
    assert.equal(2, free(semaphore))
  end)

  it("is not refilled by a guard that is dropped: its owner releases without it", function()
    run(function()
      local semaphore = async.semaphore(1)
      semaphore:acquire()
      helper.collect()
      assert.equal(0, free(semaphore))
      semaphore:release()
      assert.equal(1, free(semaphore))
    end)
  end)

  it("can be tried, and released, where no task runs", function()
    local semaphore = async.semaphore(1)
    do
      local _ <close> = semaphore:try_acquire()
      assert.same({ nil, "not enough permits", "empty", n = 3 }, table.pack(semaphore:try_acquire()))
    end
    assert.equal(1, free(semaphore))
    semaphore:release(5)
    assert.equal(6, free(semaphore))
  end)

  it("lets others run after many acquires that need not wait", function()
    run_seeded(function()
      local semaphore, ran = async.semaphore(1), false
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do semaphore:acquire():release() end
      assert.is_true(ran)
    end)
  end)

  it("refuses misuse with the caller's position", function()
    local semaphore = async.semaphore(1)
    assert.equal(here(1) .. ": bad argument #1 to 'semaphore' (-1 is not in 0..2147483647)", error_of(function()
      async.semaphore(-1) end))
    assert.equal(here(1) .. ": bad argument #1 to 'acquire' (0 is not in 1..2147483647)", error_of(function()
      semaphore:acquire(0) end))
    assert.equal(here(1) .. ": 'acquire' called outside a task", error_of(function()
      semaphore:acquire() end))
    assert.equal(here(1) .. ": 'release' of more permits than there can be", error_of(function()
      semaphore:release(2147483647) end))
    assert.equal(1, free(semaphore))
  end)
end)
