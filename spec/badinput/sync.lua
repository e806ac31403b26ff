-- Mutexes, semaphores with their guards, and events.
local async = require "asyncrt"
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local kinds = values.kinds
local on, meta, made = calls.on, calls.meta, calls.made

local entries = {}

local nothing_happens = { returns = {} }

-- Mutexes

local function new_mutex() return async.mutex() end

local function locked_mutex()
  local mutex = async.mutex()
  mutex:try_lock()
  return mutex
end

-- By a task that goes on.
local function foreign_mutex(_, rt)
  local mutex = async.mutex()
  rt:spawn(function()
    mutex:lock()
    async.sleep(math.huge)
  end)
  async.yield()
  return mutex
end

-- Its owner was the task that makes it.
local broken_mutex = locked_mutex

local function is_broken(err) return err.kind == "broken" end

entries.mutex = {}
entries["mutex:lock"] = { needs = "suspend", self = new_mutex, rows = {
  on("one of somebody else's", made(foreign_mutex), "lock", { waits = true }),
  on("one of another runtime's task", made(foreign_mutex, "other"), "lock", { waits = true }),
  on("a broken one", made(broken_mutex), "lock", { raises = is_broken }),
} }
entries["mutex:try_lock"] = { self = new_mutex, rows = {
  on("one of somebody else's", made(foreign_mutex), "try_lock",
    { returns = { nil, "the mutex is locked", "locked" } }),
  on("a broken one", made(broken_mutex), "try_lock", { raises = is_broken }),
} }
entries["mutex:unlock"] = { self = broken_mutex, rows = {
  on("one that is not locked", made(new_mutex), "unlock", { message = "'unlock' on a mutex that is not locked" }),
  on("one of somebody else's", made(foreign_mutex), "unlock",
    { message = "'unlock' on a mutex that somebody else has locked" }),
} }
entries["mutex.__close"] = { name = "close", rows = {
  meta("one that is not locked", made(new_mutex), "__close", nothing_happens),
  meta("one of somebody else's", made(foreign_mutex), "__close", nothing_happens),
} }
entries["mutex.__tostring"] = { name = "tostring" }

-- Semaphores

local MOST = 2147483647

local function used_up()
  return async.semaphore(0)
end

local function brimful()
  return async.semaphore(MOST)
end

local permits = kinds.integer(0, MOST, 1)
local count = kinds.optional(kinds.integer(1, MOST, 1))

entries.semaphore = { args = { permits } }
entries["semaphore:acquire"] = { needs = "suspend", args = { count }, rows = {
  on("one that is used up", made(used_up), "acquire", { waits = true }),
  on("as many as can be", made(brimful), "acquire", {}, MOST),
} }
entries["semaphore:try_acquire"] = { args = { count }, rows = {
  on("one that is used up", made(used_up), "try_acquire", { returns = { nil, "not enough permits", "empty" } }),
} }
entries["semaphore:release"] = { args = { count }, rows = {
  on("more than can be", made(brimful), "release", { message = "'release' of more permits than there can be" }),
} }
entries["semaphore.__tostring"] = { name = "tostring" }

local function released()
  local guard = async.semaphore(1):acquire()
  guard:release()
  return guard
end

entries["guard:release"] = { rows = { on("one that is released", made(released), "release", nothing_happens) } }
entries["guard:close"] = { rows = { on("one that is released", made(released), "close", nothing_happens) } }
entries["guard.__close"] = { name = "close" }
entries["guard.__tostring"] = { name = "tostring" }

-- Rwlocks

local function written()
  local lock = async.rwlock()
  lock:try_write()
  return lock
end

local is_locked = { returns = { nil, "the rwlock is locked", "locked" } }

local function new_rwlock() return async.rwlock() end

entries.rwlock = {}
for _, name in ipairs { "read", "write" } do
  entries["rwlock:" .. name] = { needs = "suspend", self = new_rwlock, rows = {
    on("one that is written", made(written), name, { waits = true }),
  } }
  entries["rwlock:try_" .. name] = { rows = { on("one that is written", made(written), "try_" .. name, is_locked) } }
end
entries["rwlock.__tostring"] = { name = "tostring" }

-- Conditions

local permitted = kinds.optional(kinds.integer(0, MOST, 1))

entries.condition = { args = { {
  expected = "asyncrt.mutex", takes = { mutex = true }, optional = true,
} } }
entries["condition:wait"] = { needs = "suspend", nowhere = true, rows = {
  on("one that nobody notifies", made(function() return async.condition() end), "wait", { waits = true }),
  on("one whose mutex is not locked", made(function() return async.condition(async.mutex()) end), "wait",
    { message = "'wait' on a condition whose mutex the task has not locked" }),
} }
entries["condition:notify"] = { args = { permitted } }
entries["condition:notify_all"] = {}
entries["condition.__tostring"] = { name = "tostring" }

-- Barriers

entries.barrier = { args = { kinds.integer(1, MOST, 1) } }
entries["barrier:wait"] = { needs = "suspend", rows = {
  on("one that needs another one", made(function() return async.barrier(2) end), "wait", { waits = true }),
} }
entries["barrier.__tostring"] = { name = "tostring" }

-- Events

local function set_event()
  local event = async.event()
  event:set()
  return event
end

entries.event = {}
entries["event:set"] = { rows = { on("one that is set", made(set_event), "set", nothing_happens) } }
entries["event:clear"] = { rows = { on("one that is set", made(set_event), "clear", nothing_happens) } }
entries["event:is_set"] = { rows = { on("one that is set", made(set_event), "is_set", { returns = { true } }) } }
entries["event:wait"] = { needs = "suspend", self = set_event, rows = {
  on("one that is not set", made(function() return async.event() end), "wait", { waits = true }),
} }
entries["event.__tostring"] = { name = "tostring" }

return entries
