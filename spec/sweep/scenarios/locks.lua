-- Mutexes, semaphores, events.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  local mutex, semaphore, event = async.mutex(), async.semaphore(2), async.event()
  local inside, most, done = 0, 0, 0
  for _ = 1, 4 do
    async.spawn(function()
      event:wait()
      do
        local _ <close> = mutex:lock()
        async.sleep(1)
      end
      local guard <close> = semaphore:acquire()
      inside = inside + 1
      most = math.max(most, inside)
      async.sleep(1)
      inside = inside - 1
      done = done + 1
      guard:release()
    end)
  end
  async.sleep(1)
  event:set()
  local owner = async.try_spawn(function()
    mutex:lock()
    error("with the lock", 0)
  end)
  local ok, err = owner:join()
  sweep.expect(ok, false)
  sweep.expect(err, "with the lock")
  ok, err = pcall(mutex.lock, mutex)
  sweep.expect(ok, false)
  sweep.expect_kind(err, "broken")
  async.sleep(20)
  sweep.expect(done, 4)
  sweep.expect(most <= 2, true)
end)
return true
