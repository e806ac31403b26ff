-- Rwlocks, conditions, barriers, once.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

local function notify()
  local mutex, got = async.mutex(), 0
  local condition = async.condition(mutex)
  for _ = 1, 3 do
    async.spawn(function()
      local _ <close> = mutex:lock()
      local value = condition:wait()
      got = got + value
    end)
  end
  local late = async.spawn(function()
    local _ <close> = mutex:lock()
    return condition:wait()
  end)
  async.sleep(1)
  late:cancel()
  sweep.expect(condition:notify(2, 10, sweep.numbers(20)), 2)
  async.sleep(1)
  sweep.expect(condition:notify_all(1), 1)
  async.sleep(1)
  sweep.expect(got, 21)
  mutex:lock():unlock()
end

local function meet()
  local barrier, lock, sum = async.barrier(3), async.rwlock(), 0
  for i = 1, 3 do
    async.spawn(function()
      local number = barrier:wait()
      sum = sum + number
      if i == 2 then
        local _ <close> = lock:write()
        async.sleep(1)
      else
        local _ <close> = lock:read()
        async.sleep(1)
      end
      sum = sum + 10
    end)
  end
  async.sleep(9)
  sweep.expect(sum, 36)
  sweep.expect(tostring(lock), "rwlock (free)")
end

local function once()
  local runs = 0
  local get = async.once(function()
    async.sleep(1)
    runs = runs + 1
    return "value"
  end)
  local other = async.spawn(get)
  sweep.expect(get(), "value")
  sweep.expect(other:await(), "value")
  sweep.expect(runs, 1)
end

rt:run(function()
  notify()
  meet()
  once()
end)
return true
