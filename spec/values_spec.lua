-- However many values go through a call, as many come out of it: a stack that results have filled has no room for one
-- more, and C that forgets that is found by Lua's own checks (LUA_USE_APICHECK).
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local NUMBERS = { 200, 240, 249, 250, 1000 }
for n = 0, 60 do NUMBERS[#NUMBERS + 1] = n end

local function list(n)
  local t = {}
  for i = 1, n do t[i] = i end
  return table.unpack(t, 1, n)
end

-- Exactly so many, and the last is there.
local function count(expected, ...)
  local n = select("#", ...)
  if n ~= expected then error(("%d values instead of %d"):format(n, expected), 2) end
  if expected > 0 and select(n, ...) == nil then error("the last value is missing", 2) end
end

local function at_once(...) return ... end

local function later(...)
  async.yield()
  return ...
end

local function each(check)
  for _, slice in ipairs { false, 60 } do
    local rt <close> = async.runtime { clock = "virtual", slice = slice or nil }
    rt:run(function()
      for _, n in ipairs(NUMBERS) do
        check(n, at_once)
        check(n, later)
      end
    end)
  end
end

describe("any number of values comes through", function()
  it("boundaries", function()
    each(function(n, fn)
      count(n, async.scope(function() return fn(list(n)) end))
      count(n, async.scope(function()
        async.spawn(async.yield)
        return fn(list(n))
      end))
      count(n, async.shield(fn, list(n)))
      count(n, async.timeout(1, fn, list(n)))
      count(n + 1, async.try_timeout(1, fn, list(n)))
      assert.is_false(async.try_timeout(1, function()
        async.sleep(2)
        return list(n)
      end))
    end)
  end)

  it("protected calls, critical functions and coroutines", function()
    each(function(n, fn)
      count(n + 1, pcall(fn, list(n)))
      count(n + 1, xpcall(fn, debug.traceback, list(n)))
      count(n + 1, xpcall(fn, function(e) return e end, list(n)))
      count(n, async.critical(at_once)(list(n)))
      count(n, coroutine.wrap(fn)(list(n)))
      count(n + 1, coroutine.resume(coroutine.create(fn), list(n)))
      count(n, coroutine.wrap(function(...) return coroutine.wrap(fn)(...) end)(list(n)))
      local between = coroutine.wrap(function()
        async.yield()
        coroutine.yield(list(n))
        async.yield()
      end)
      count(n, between())
      count(0, between())
    end)
  end)

  it("tasks", function()
    each(function(n, fn)
      local task = async.spawn(function() return fn(list(n)) end)
      count(n, task:await())
      count(n + 1, task:join())
      count(n + 1, task:join(1))
      count(n + 1, async.select(task))
      count(n + 1, async.select { async.spawn(function() return fn(list(n)) end), async.after(5) })
      if n > 250 then return end
      count(n, async.spawn(fn, list(n)):await())
      count(n + 1, async.try_spawn(fn, list(n)):join(1))
      count(n, async.spawn_with({ name = "named", slice = 60 }, fn, list(n)):await())
    end)
  end)

  it("run, inside and out", function()
    for n = 0, 60 do
      local rt <close> = async.runtime { clock = "virtual" }
      count(n, rt:run(at_once, list(n)))
      count(n, async.run(later, list(n)))
    end
  end)

  it("futures and conditions", function()
    each(function(n, fn)
      local future, condition = async.future(), async.condition()
      async.spawn(function() future:resolve(fn(list(n))) end)
      count(n, future:await())
      count(n + 1, async.select(future))
      local waiter = async.spawn(function() return condition:wait() end)
      async.yield()
      condition:notify(1, list(n))
      count(n, waiter:await())
    end)
  end)

  it("channels and broadcasts", function()
    each(function(n, fn)
      if n == 0 then return end
      for _, capacity in ipairs { 0, 1, 3, 64, math.huge } do
        local ch = async.channel(capacity)
        async.spawn(function()
          for _ = 1, 4 do ch:send(fn(list(n))) end
        end)
        count(n, ch:recv())
        count(n + 1, async.select(ch))
        count(n, ch())
        count(n, ch:recv())
        local tasks = {
          async.spawn(function() count(n, ch:recv()) end),
          async.spawn(function() count(n + 1, async.select(ch, async.future())) end),
        }
        async.yield()
        assert.is_true(ch:try_send(list(n)))
        count(2, async.select(ch:sending(list(n)), async.after(1)))
        for _, task in ipairs(tasks) do task:await() end
      end
      local broadcast <close> = async.broadcast(4)
      local subscription = broadcast:subscribe()
      broadcast:send(list(n))
      count(n, subscription:recv())
    end)
  end)
end)
