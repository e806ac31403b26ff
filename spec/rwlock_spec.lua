local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, run_seeded, here, error_of = helper.run, helper.run_seeded, helper.here, helper.error_of

-- A task that takes the lock in that way for so long, and notes when it had it.
local function user(lock, way, seconds, log, name)
  return async.spawn(function()
    local _ <close> = lock[way](lock)
    log[#log + 1] = name
    async.sleep(seconds)
  end)
end

describe("a rwlock", function()
  it("lets many read at a time, and one write", function()
    run_seeded(function()
      local lock, readers, writers, most = async.rwlock(), 0, 0, 0
      for i = 1, 12 do
        async.spawn(function()
          if i % 4 == 0 then
            local _ <close> = lock:write()
            writers = writers + 1
            assert.same({ 0, 1 }, { readers, writers })
            async.sleep(1)
            writers = writers - 1
          else
            local _ <close> = lock:read()
            readers = readers + 1
            most = math.max(most, readers)
            assert.equal(0, writers)
            async.sleep(1)
            readers = readers - 1
          end
        end)
      end
      async.sleep(20)
      assert.equal(3, most)
      assert.equal("rwlock (free)", tostring(lock))
    end)
  end)

  it("serves in the order of asking: readers wait behind a writer that waits", function()
    run_seeded(function()
      local lock, log = async.rwlock(), {}
      user(lock, "read", 3, log, "first reader")
      async.sleep(1)
      user(lock, "write", 1, log, "writer")
      async.sleep(1)
      user(lock, "read", 1, log, "late reader")
      assert.is_nil(lock:try_read())
      async.sleep(9)
      assert.same({ "first reader", "writer", "late reader" }, log)
    end)
  end)

  it("lets readers in when the writer before them is cancelled", function()
    run_seeded(function()
      local lock, log = async.rwlock(), {}
      local guard <close> = lock:read()
      local writer = user(lock, "write", 1, log, "writer")
      async.sleep(1)
      user(lock, "read", 1, log, "reader")
      async.sleep(1)
      assert.same({}, log)
      writer:cancel()
      async.sleep(1)
      assert.same({ "reader" }, log)
      guard:release()
    end)
  end)

  it("stays with one who is cancelled after it was handed over, until it lets go", function()
    run_seeded(function()
      local lock, log = async.rwlock(), {}
      local guard = lock:read()
      local writer = user(lock, "write", 1, log, "writer")
      async.sleep(1)
      guard:release()
      writer:cancel()
      assert.is_nil(lock:try_read())
      writer:join()
      assert.same({ "writer" }, log)
      assert.equal("rwlock (free)", tostring(lock))
    end)
  end)

  it("is free again when a writer that it was handed to goes down with its runtime", function()
    local lock = async.rwlock()
    local guard = lock:try_read()
    do
      local lost = async.runtime { clock = "manual" }
      lost:spawn(lock.write, lock)
      lost:tick()
      guard:release()
      assert.equal("rwlock (written)", tostring(lock))
    end
    helper.expect_lost(1)
    helper.collect()
    assert.equal("rwlock (free)", tostring(lock))
  end)

  it("can be tried where no task runs", function()
    local lock = async.rwlock()
    local one, two = lock:try_read(), lock:try_read()
    assert.equal("rwlock (read by 2)", tostring(lock))
    assert.same({ nil, "the rwlock is locked", "locked", n = 3 }, table.pack(lock:try_write()))
    one:release()
    one:release()
    two:close()
    do
      local _ <close> = lock:try_write()
      assert.equal("rwlock (written)", tostring(lock))
      assert.is_nil(lock:try_read())
      assert.is_nil(lock:try_write())
    end
    assert.equal("rwlock (free)", tostring(lock))
  end)

  it("says what is waited for, and lets others run", function()
    run(function()
      local lock, ran = async.rwlock(), false
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do lock:write():release() end
      assert.is_true(ran)
      local guard <close> = lock:write()
      local task = async.spawn(lock.read, lock)
      async.sleep(1)
      assert.equal("rwlock", task:waiting_on())
      task:cancel()
      guard:release()
    end)
  end)

  it("raises in a cancelled task, before anything else", function()
    run(function()
      local lock = async.rwlock()
      async.try_timeout(0, function()
        assert.is_true(async.is_cancelled(error_of(lock.read, lock)))
        assert.is_true(async.is_cancelled(error_of(lock.write, lock)))
      end)
      assert.equal("rwlock (free)", tostring(lock))
    end)
  end)

  it("refuses misuse with the caller's position", function()
    local lock = async.rwlock()
    assert.equal(here(1) .. ": 'write' called outside a task", error_of(function()
      lock:write() end))
  end)
end)
