-- What tasks can wait for, each as a table for spec/luaunit/primitives.lua:
--   new()             -> state; whoever waits has to wait
--   wait(state, me)   the call under test, in a task of its own
--   finish(state, ...) with what it gave, in that task: gives back what it has got hold of
--   wake(state, waits) lets one who waits go on, or the next one to come; `waits`: somebody does
--   answer            what the call gives then
--   close(state)      whoever waits gets closed
--   ends              name -> function(state) -> what the waiter gets when the one it waits for ends in that way
-- and what is different about it:
--   stays     a wake serves all who come after it, too
--   forgets   a wake where nobody waits is nothing
--   personal  a wake is meant for one task
--   indirect  what wakes is a task that has to run first
--   buffers   what came before a close is still given
--   alone     two who wait would wake each other
local async = require "asyncrt"
local helper = require "spec.helper"

local primitives = {}

local function add(name, primitive)
  primitive.name = name
  primitives[#primitives + 1] = primitive
  return primitive
end

local function give_back(_, guard) guard:release() end

-- What is still to come of the task after that: an end of its own kind.
local function ending()
  local go = async.future()
  return go, async.try_spawn(function()
    local how, what = go:await()
    if how == "fail" then error(what, 0) end
    return what
  end)
end

-- Channels -----------------------------------------------------------------------------------------------------------

local function fill(ch, n)
  for _ = 1, n do assert(ch:try_send("before")) end
  return ch
end

-- A rendezvous has no room for what nobody waits for: it stays with its sender.
local function send(ch)
  if not ch:try_send("message", 2) then async.spawn(ch.send, ch, "message", 2) end
end

local function receive(ch)
  if ch:try_recv() == nil then async.spawn(ch.recv, ch) end
end

local function close(ch) ch:close() end

local silence = { -- an end that nobody is told of: the waiter waits on
  ["the other side"] = function(ch)
    async.spawn(function() return ch end)
    return "waiting"
  end,
}

for name, capacity in pairs { rendezvous = 0, bounded = 2, unbounded = math.huge } do
  add(name .. " recv", {
    new = function() return async.channel(capacity) end,
    wait = function(ch) return ch:recv() end,
    wake = send, answer = { "message", 2 }, close = close, ends = silence,
    buffers = capacity > 0, case = function(ch) return ch end,
  })
  if capacity < math.huge then
    add(name .. " send", {
      new = function() return fill(async.channel(capacity), capacity) end,
      wait = function(ch) return ch:send("mine", nil) end,
      wake = receive, answer = { true }, close = close, ends = silence,
      case = function(ch) return ch:sending("mine", nil) end,
    })
  end
end

-- As `for v in ch do` does.
local function iterate(ch)
  local v = ch()
  if v == nil then return nil, "closed", "closed" end
  return v
end

add("channel as an iterator", {
  new = async.channel, wait = iterate, wake = send, answer = { "message" }, close = close,
})

-- One to many --------------------------------------------------------------------------------------------------------

local function close_source(s) s.from:close() end

for _, who in ipairs { "broadcast", "subscription" } do
  add("closed by the " .. who, {
    new = function()
      local from = async.broadcast(3)
      return { from = from, to = from:subscribe() }
    end,
    wait = function(s) return s.to:recv() end,
    wake = function(s) s.from:send("message", 2) end,
    answer = { "message", 2 }, buffers = true,
    close = who == "broadcast" and close_source or function(s) s.to:close() end,
    case = function(s) return s.to end,
  })
end

add("watch", {
  new = function()
    local from = async.watch "old"
    local to = from:subscribe()
    to:recv()
    return { from = from, to = to }
  end,
  wait = function(s) return s.to:recv() end,
  wake = function(s) s.from:set "new" end,
  answer = { "new" }, close = close_source, buffers = true, case = function(s) return s.to end,
})

-- Locks --------------------------------------------------------------------------------------------------------------

add("mutex", {
  new = function()
    local mutex = async.mutex()
    local go, owner = ending()
    local own = async.try_spawn(function()
      local m = mutex:lock()
      local how, what = go:await()
      if how == "fail" then error(what, 0) end
      if how ~= "end" then m:unlock() end
    end)
    async.sleep(0)
    return { mutex = mutex, go = go, owner = owner, own = own }
  end,
  wait = function(s) return s.mutex:lock() == s.mutex end,
  finish = function(s) s.mutex:unlock() end,
  wake = function(s) s.go:resolve "unlock" end,
  answer = { true }, stays = true, indirect = true,
  ends = {
    ["the owner, without a word"] = function(s)
      s.go:resolve "end"
      return "broken"
    end,
    ["the owner, by a failure"] = function(s)
      s.go:resolve("fail", "the owner's")
      async.try_spawn(pcall, s.own.await, s.own)
      return "broken"
    end,
    ["the owner, by a cancel"] = function(s)
      s.own:cancel()
      return "broken"
    end,
  },
})

add("mutex of main", {
  new = function()
    local mutex = async.mutex()
    return mutex:lock()
  end,
  wait = function(mutex) return mutex:lock() == mutex end,
  finish = function(mutex) mutex:unlock() end,
  wake = function(mutex)
    if mutex:try_lock() then return mutex:unlock() end
    mutex:unlock()
  end,
  answer = { true }, stays = true,
})

-- A task holds it in a variable to be closed.
local function hold_in_task(s)
  s.go = async.future()
  s.owner = async.try_spawn(function()
    local guard <close> = s.handle[s.hold](s.handle, s.n)
    s.guard = guard
    if s.go:await() == "fail" then error("the owner's", 0) end
  end)
  async.sleep(0)
  return s
end

local function lock(name, make, hold, wait, n)
  add(name, {
    new = function() return hold_in_task { handle = make(), hold = hold, n = n and n - 1 } end,
    wait = function(s) return s.handle[wait](s.handle, n) end,
    finish = give_back,
    wake = function(s) s.guard:release() end,
    stays = true,
    ends = {
      ["the owner, by a failure"] = function(s)
        s.go:resolve "fail"
        async.try_spawn(pcall, s.owner.await, s.owner)
        return "done"
      end,
      ["the owner, by a cancel"] = function(s)
        s.owner:cancel()
        return "done"
      end,
    },
  })
end

lock("semaphore", function() return async.semaphore(1) end, "acquire", "acquire")
lock("semaphore of several", function() return async.semaphore(3) end, "acquire", "acquire", 3)
lock("rwlock read", async.rwlock, "write", "read")
lock("rwlock write behind a reader", async.rwlock, "read", "write")
lock("rwlock write behind a writer", async.rwlock, "write", "write")

-- Permits are there, but somebody who wants more is before it.
add("semaphore behind one who asks for more", {
  new = function()
    local semaphore = async.semaphore(3)
    local s = { semaphore = semaphore, guard = semaphore:acquire(2) }
    s.before = async.try_spawn(function() semaphore:acquire(3):release() end)
    async.sleep(0)
    return s
  end,
  wait = function(s) return s.semaphore:acquire(1) end,
  finish = give_back,
  wake = function(s) s.guard:release() end,
  stays = true, indirect = true,
  ends = {
    ["the one before, by a cancel"] = function(s)
      s.before:cancel()
      return "done"
    end,
  },
})

-- Meetings -----------------------------------------------------------------------------------------------------------

add("event", {
  new = async.event,
  wait = function(event) return event:wait() end,
  wake = function(event) event:set() end,
  answer = {}, stays = true, case = function(event) return event end,
})

add("event that is cleared at once", {
  new = async.event,
  wait = function(event) return event:wait() end,
  wake = function(event)
    event:set()
    event:clear()
  end,
  answer = {}, forgets = true, all = true,
})

add("condition", {
  new = async.condition,
  wait = function(condition) return condition:wait() end,
  wake = function(condition) condition:notify(1, "news", nil, 3) end,
  answer = { "news", nil, 3, n = 3 }, forgets = true,
})

add("condition with a mutex", {
  new = function()
    local mutex = async.mutex()
    return { mutex = mutex, condition = async.condition(mutex) }
  end,
  wait = function(s)
    local _ <close> = s.mutex:lock()
    return s.condition:wait()
  end,
  wake = function(s) s.condition:notify(1, "news") end,
  answer = { "news" }, forgets = true,
})

add("barrier", {
  new = function() return async.barrier(2) end,
  wait = function(barrier)
    local number = barrier:wait()
    return number == 1 or number == 2
  end,
  wake = function(barrier, waits)
    if waits then barrier:wait() else async.spawn(barrier.wait, barrier) end
  end,
  answer = { true }, alone = true,
})

add("once", {
  new = function()
    local go = async.future()
    local s = { go = go, runs = 0 }
    s.get = async.once(function()
      s.runs = s.runs + 1
      if s.runs > 1 then return "run again" end
      local how = go:await()
      if how == "fail" then error("the first one's", 0) end
      return "value", nil
    end)
    s.first = async.try_spawn(s.get)
    async.sleep(0)
    return s
  end,
  wait = function(s) return s.get() end,
  wake = function(s) s.go:resolve "value" end,
  answer = { "value", nil, n = 2 }, stays = true, indirect = true,
  ends = {
    ["who runs it, by a failure"] = function(s)
      s.go:resolve "fail"
      async.try_spawn(pcall, s.first.await, s.first)
      return "done", { "run again" }
    end,
    ["who runs it, by a cancel"] = function(s)
      s.first:cancel()
      return "done", { "run again" }
    end,
  },
})

-- One result ---------------------------------------------------------------------------------------------------------

add("future", {
  new = async.future,
  wait = function(future) return future:await() end,
  wake = function(future) future:resolve("value", nil) end,
  answer = { "value", nil, n = 2 }, stays = true, case = function(future) return future end,
  ends = {
    ["rejected"] = function(future)
      future:reject "rejected"
      return "rejected"
    end,
  },
})

local function new_task()
  local go, task = ending()
  return { go = go, task = task }
end

local task_ends = {
  ["the task, by a failure"] = function(s)
    s.go:resolve("fail", "the task's")
    return "the task's"
  end,
  ["the task, by a cancel"] = function(s)
    s.task:cancel()
    return "task_cancelled"
  end,
}

add("await", {
  new = new_task,
  wait = function(s) return s.task:await() end,
  wake = function(s) s.go:resolve(nil, "value") end,
  answer = { "value" }, stays = true, indirect = true, ends = task_ends,
  case = function(s) return s.task end,
})

add("join", {
  new = new_task,
  wait = function(s) return s.task:join() end,
  wake = function(s) s.go:resolve(nil, "value") end,
  answer = { true, "value" }, stays = true, indirect = true,
  ends = {
    ["the task, by a failure"] = function(s)
      s.go:resolve("fail", "the task's")
      return "done", { false, "the task's" }
    end,
  },
})

add("waker", {
  new = function() return { latest = nil } end,
  wait = function(s)
    s.latest = async.waker()
    return async.park()
  end,
  wake = function(s) if s.latest then s.latest:wake() end end,
  answer = {}, personal = true, forgets = true,
  case = function(s)
    s.latest = async.waker()
    return s.latest
  end,
})

add("park, the second of two", { -- of which the first had a permit
  new = function() return { latest = nil } end,
  wait = function(s)
    s.latest = async.waker()
    s.latest:wake()
    async.park()
    return async.park()
  end,
  wake = function(s) if s.latest then s.latest:wake() end end,
  answer = {}, personal = true, forgets = true,
})

add("poll", {
  new = function() return { ready = nil } end,
  wait = function(s)
    return async.poll(function(waker)
      s.latest = waker
      return s.ready
    end)
  end,
  wake = function(s)
    s.ready = "value"
    if s.latest then s.latest:wake() end
  end,
  answer = { "value" }, personal = true, stays = true, indirect = true,
})

local PERIOD = 1000 -- longer than all else that takes time here

add("interval", {
  new = function() return async.interval(PERIOD) end,
  wait = function(interval)
    local n, late = interval:wait()
    return n > late
  end,
  wake = function() async.sleep(PERIOD) end,
  answer = { true }, indirect = true, alone = true,
})

-- Combinators: the waiter waits for what it has made -----------------------------------------------------------------

-- Nothing of it is left when the call has come back.
local function combinator(name, wait, answer)
  add(name, {
    new = function() return { go = async.future() } end,
    wait = function(s)
      local inside = 0
      local function part()
        inside = inside + 1
        local _ <close> = helper.defer(function() inside = inside - 1 end)
        local how, what = s.go:await()
        if how == "fail" then error(what, 0) end
        return what
      end
      local _ <close> = helper.defer(function() assert(inside == 0, "something goes on") end)
      return wait(part)
    end,
    wake = function(s) s.go:resolve(nil, "value") end,
    answer = answer, stays = true, indirect = true,
    ends = {
      ["a part, by a failure"] = function(s)
        s.go:resolve("fail", "the part's")
        return "the part's"
      end,
    },
  })
end

local function never() async.sleep(math.huge) end

combinator("all", function(part) return async.all(part, part) end, { "value", "value" })
combinator("race", function(part) return async.race(never, part, never) end, { 2, "value" })
combinator("map", function(part)
  local results = async.map({ 1, 2, 3 }, part, { limit = 2 })
  return results.n, results[3]
end, { 3, "value" })
combinator("each", function(part) return async.each({ 1, 2 }, part) end, {})

-- The same in a select, between cases that never come ----------------------------------------------------------------

for i = 1, #primitives do
  local primitive = primitives[i]
  if primitive.case then
    local copy = {}
    for key, value in pairs(primitive) do copy[key] = value end
    copy.wait = function(s)
      local idle = async.channel()
      return select(2, async.select(idle, primitive.case(s), async.future(), false, idle:sending(1), async.event(),
        async.after(math.huge)))
    end
    add("select of " .. primitive.name, copy)
  end
end

return primitives
