-- Conservation: tasks that lock, acquire, wait and are cancelled at random, under many seeds. Whatever happens, permits
-- are neither lost nor made, nobody is inside with another one, and in the end everything is free.
local lu = require "luaunit"
local async = require "asyncrt"
local helper = require "spec.helper"

local SEEDS = os.getenv "FLAVOUR" == "asan" and 60 or 200
local TASKS, PERMITS, GRAIN = 30, 5, 0.25

local begin, finish
helper.watch(function(fn) begin = fn end, function(fn) finish = fn end)

local totals = { tasks = 0, taken = 0, cancelled = 0 }

-- Each world has numbers of its own, so that a seed gives the same one twice.
local World = {}
World.__index = World

local function new_world(seed)
  return setmetatable({ random = seed * 7919 + 1, problems = {}, tasks = {} }, World)
end

function World:draw(n)
  self.random = self.random * 6364136223846793005 + 1442695040888963407
  return (self.random >> 33) % n + 1
end

function World:expect(ok, ...)
  if not ok then self.problems[#self.problems + 1] = string.format(...) end
end

-- Some time, often none; or no suspension at all.
function World:dawdle()
  local chance = self:draw(6)
  if chance <= 2 then return end
  if chance == 3 then return async.yield() end
  async.sleep(self:draw(4) * GRAIN)
end

function World:cancel_someone()
  local task = self.tasks[self:draw(#self.tasks)]
  task:cancel()
end

-- With a semaphore -------------------------------------------------------------------------------------------------

local Semaphore = {}

function Semaphore.new(world)
  world.semaphore, world.held = async.semaphore(PERMITS), 0
end

local Held = {}

function Held:__close()
  self.world.held = self.world.held - self.n
end

local function acquire(world, n)
  if world:draw(4) == 1 then return world.semaphore:try_acquire(n) end
  if world:draw(4) == 1 then
    local ok, guard = async.try_timeout(world:draw(3) * GRAIN, world.semaphore.acquire, world.semaphore, n)
    return ok and guard
  end
  return world.semaphore:acquire(n)
end

function Semaphore.step(world)
  local n = world:draw(3)
  local guard <close> = acquire(world, n) or nil
  if not guard then return end
  totals.taken = totals.taken + 1
  world.held = world.held + n
  local _ <close> = setmetatable({ world = world, n = n }, Held)
  world:expect(world.held <= PERMITS, "%d permits held of %d", world.held, PERMITS)
  world:dawdle()
end

function Semaphore.check(world)
  world:expect(world.held == 0, "%d permits still held", world.held)
  local guard = world.semaphore:try_acquire(PERMITS)
  world:expect(guard, "permits were lost: %s", tostring(world.semaphore))
  world:expect(not world.semaphore:try_acquire(), "permits were made")
end

-- With a mutex -----------------------------------------------------------------------------------------------------

local Mutex = {}

function Mutex.new(world)
  world.mutex = async.mutex()
end

local Inside = {}

function Inside:__close()
  self.world:expect(self.world.inside == self, "somebody else came in")
  self.world.inside = nil
end

function Mutex.step(world)
  local mutex = world.mutex
  local _ <close> = world:draw(4) == 1 and mutex:try_lock() or mutex:lock()
  totals.taken = totals.taken + 1
  world:expect(world.inside == nil, "two are inside")
  local inside <close> = setmetatable({ world = world }, Inside)
  world.inside = inside
  world:dawdle()
end

function Mutex.check(world)
  world:expect(tostring(world.mutex) == "mutex (free)", "still locked: %s", tostring(world.mutex))
end

-- With a rwlock ---------------------------------------------------------------------------------------------------

local Rwlock = {}

function Rwlock.new(world)
  world.lock, world.readers, world.writers = async.rwlock(), 0, 0
end

local User = {}

function User:__close()
  self.world[self.kind] = self.world[self.kind] - 1
end

function Rwlock.step(world)
  local kind = world:draw(3) == 1 and "writers" or "readers"
  local way = kind == "writers" and "write" or "read"
  if world:draw(4) == 1 then way = "try_" .. way end
  local guard <close> = world.lock[way](world.lock)
  if not guard then return end
  totals.taken = totals.taken + 1
  local _ <close> = setmetatable({ world = world, kind = kind }, User)
  world[kind] = world[kind] + 1
  world:expect(world.writers == 0 or world.writers == 1 and world.readers == 0,
    "%d write and %d read", world.writers, world.readers)
  world:dawdle()
end

function Rwlock.check(world)
  world:expect(tostring(world.lock) == "rwlock (free)", "still locked: %s", tostring(world.lock))
end

-- With a condition -------------------------------------------------------------------------------------------------

local Condition = {}

function Condition.new(world)
  world.mutex, world.given, world.got = async.mutex(), 0, 0
  world.condition = async.condition(world.mutex)
end

local Locked = {}

function Locked:__close()
  self.world:expect(not self.world.mutex:try_lock(), "the mutex was not locked again")
end

-- Whoever was notified gets it: what was given is what was got.
function Condition.step(world)
  local _ <close> = world.mutex:lock()
  local _ <close> = setmetatable({ world = world }, Locked)
  if world:draw(2) == 1 then
    local n = world:draw(3)
    world.given = world.given + world.condition:notify(n, n)
    return world:dawdle()
  end
  local n = world.condition:wait()
  world:expect(n == 1 or n == 2 or n == 3, "got %s", tostring(n))
  world.got = world.got + 1
  totals.taken = totals.taken + 1
end

function Condition.check(world)
  world:expect(world.given == world.got, "%d notified, %d learned of it", world.given, world.got)
  world:expect(tostring(world.mutex) == "mutex (free)", "still locked: %s", tostring(world.mutex))
end

-- With a barrier ---------------------------------------------------------------------------------------------------

local Barrier = {}

local ROUND = 3

function Barrier.new(world)
  world.barrier, world.numbers = async.barrier(ROUND), { 0, 0, 0 }
end

function Barrier.step(world)
  local ok, number = async.try_timeout(world:draw(3) * GRAIN, world.barrier.wait, world.barrier)
  if not ok then return end
  totals.taken = totals.taken + 1
  world.numbers[number] = world.numbers[number] + 1
end

function Barrier.check(world)
  local numbers = world.numbers
  world:expect(numbers[1] == numbers[2] and numbers[2] == numbers[3], "rounds of %s", table.concat(numbers, ", "))
  world:expect(tostring(world.barrier) == "barrier (0 of 3)", "still waited for: %s", tostring(world.barrier))
end

-- With an event ----------------------------------------------------------------------------------------------------

local Event = {}

function Event.new(world)
  world.event, world.generation = async.event(), 0
end

-- Who waits is released by the very next set, whatever is cleared after it.
function Event.step(world)
  if world:draw(3) == 1 then
    world.generation = world.generation + 1
    world.event:set()
    if world:draw(2) == 1 then world.event:clear() end
    return world:dawdle()
  end
  local before, was_set = world.generation, world.event:is_set()
  world.event:wait()
  world:expect(was_set or world.generation > before, "released by nobody")
  totals.taken = totals.taken + 1
  world.event:clear()
end

function Event.check(world)
  world.event:set()
  world:expect(world.event:is_set(), "not set")
end

-- Worlds -----------------------------------------------------------------------------------------------------------

local function body(world, kind)
  for _ = 1, world:draw(6) do
    world:dawdle()
    kind.step(world)
    if world:draw(5) == 1 then world:cancel_someone() end
  end
end

-- The tasks wait in a scope of their own that is cancelled if they would wait for ever.
local function live(world, kind)
  async.try_timeout(1000, function()
    for i = 1, TASKS do world.tasks[i] = async.spawn(body, world, kind) end
  end)
  for _, task in ipairs(world.tasks) do
    totals.tasks = totals.tasks + 1
    if task:status() == "cancelled" then totals.cancelled = totals.cancelled + 1 end
  end
  kind.check(world)
end

local function expect_conserved(kind)
  for seed = 1, SEEDS do
    local world = new_world(seed)
    kind.new(world)
    local rt <close> = async.runtime { clock = "virtual", seed = seed, deadlock = false }
    rt:run(live, world, kind)
    if #world.problems > 0 then
      lu.fail(("seed %d: %s"):format(seed, table.concat(world.problems, "\n  ", 1, math.min(5, #world.problems))))
    end
  end
end

TestLocks = {}

function TestLocks.setUp() begin() end

function TestLocks.tearDown() finish() end

function TestLocks.test_permits_are_neither_lost_nor_made()
  expect_conserved(Semaphore)
end

function TestLocks.test_one_is_inside_a_mutex_and_none_in_the_end()
  expect_conserved(Mutex)
end

function TestLocks.test_a_writer_is_alone()
  expect_conserved(Rwlock)
end

function TestLocks.test_who_is_notified_learns_of_it()
  expect_conserved(Condition)
end

function TestLocks.test_rounds_of_a_barrier_are_whole()
  expect_conserved(Barrier)
end

function TestLocks.test_who_waits_for_an_event_is_released_by_a_set()
  expect_conserved(Event)
end

local code = lu.LuaUnit.run()
print(("note: %d seeds each: %d tasks, %d of them cancelled, %d times something was taken"):format(
  SEEDS, totals.tasks, totals.cancelled, totals.taken))
os.exit(code, true)
