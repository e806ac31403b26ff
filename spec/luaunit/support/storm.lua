-- A storm: a random tree of tasks with scopes, timeouts, shields, awaits, joins, futures, parks, failures, handlers of
-- <close>, and cancels of any of them at any time. The same program and seed give the same storm. It keeps books, and
-- says at the end what does not balance.
local async = require "asyncrt"
local core = require "asyncrt.core"

local TASKS, STEPS = 150, 1200 -- a storm's bounds
local DEPTH = 6 -- of boundaries and pcalls in one task
local GRAIN = 0.125 -- of time, in seconds: coarse, so that much happens at once

local Storm = {}
Storm.__index = Storm

-- Chance ------------------------------------------------------------------------------------------------------------

-- Each task draws from numbers of its own: what it does does not hang on what others did first.
local function draw(record, n)
  record.random = record.random * 6364136223846793005 + 1442695040888963407
  return ((record.random >> 33) % n) + 1
end

local function some_time(record) return draw(record, 12) * GRAIN end

local function pick(record, list)
  return #list > 0 and list[draw(record, #list)] or nil
end

-- Books -------------------------------------------------------------------------------------------------------------

function Storm:note(what, id)
  self.trace[#self.trace + 1] = ("%s %s %g"):format(what, id, async.now())
end

function Storm:complain(...)
  self.problems[#self.problems + 1] = string.format(...)
end

-- Somebody has got the error.
function Storm:see(err)
  if type(err) == "table" then self.seen[err] = true end
end

function Storm:new_error()
  local err = { id = #self.errors + 1 }
  self.errors[err.id] = err
  return err
end

local ENDED = { done = true, failed = true, cancelled = true }

-- Has everything ended that was spawned inside? Tasks whose handle was dropped cannot be asked.
function Storm:check_children(place, what)
  for _, child in ipairs(place.children) do
    if child.handle and not ENDED[child.handle:status()] then
      self:complain("task %d outlived its %s", child.id, what)
    end
  end
end

-- A <close> variable ------------------------------------------------------------------------------------------------

local Variable = {}

function Variable.__close(self, err)
  local storm, record = self.storm, self.record
  self.closed = self.closed + 1
  storm:note("close", record.id)
  local chance = draw(record, 20)
  if chance <= 3 then
    async.shield(async.sleep, some_time(record))
  elseif chance <= 5 then
    local ok, cut = pcall(async.sleep, some_time(record))
    if not ok then
      -- A boundary knows what the cancel displaces, a plain pcall does not.
      if record.in_pcall then storm:see(err) end
      error(cut, 0)
    end
  elseif chance == 6 then
    storm:see(err) -- displaced by the next, as Lua has it
    error(storm:new_error(), 0)
  end
end

function Storm:open(record)
  local variable = setmetatable({ storm = self, record = record, closed = 0 }, Variable)
  self.variables[#self.variables + 1] = variable
  return variable
end

-- Tasks -------------------------------------------------------------------------------------------------------------

function Storm:new_record(parent)
  local record = { id = #self.records + 1, random = draw(parent, 1 << 30),
    children = {}, places = {}, started = 0, depth = 0 }
  self.records[record.id] = record
  return record
end

-- Where spawns of the task go now: its innermost boundary, or itself.
local function innermost(record)
  return record.places[#record.places] or record
end

function Storm:body(record)
  record.started = record.started + 1
  if record.started > 1 then self:complain("task %d was started twice", record.id) end
  self:note("start", record.id)
  record.waker = async.waker()
  local _ <close> = self:open(record)
  self:steps(record)
  self:note("end", record.id)
  return record.id
end

local births = {
  function(storm, child) return async.spawn(storm.body, storm, child) end,
  function(storm, child) return async.spawn(storm.body, storm, child) end,
  function(storm, child) return async.try_spawn(storm.body, storm, child) end,
  function(storm, child) return async.spawn_with({ daemon = true }, storm.body, storm, child) end,
}

function Storm:spawn_at(record, place, birth)
  if #self.records >= TASKS then return end
  local child = self:new_record(record)
  child.handle = birth(self, child)
  self.living[#self.living + 1] = child
  place.children[#place.children + 1] = child
  record.mine = record.mine or {}
  table.insert(record.mine, child)
end

-- Steps -------------------------------------------------------------------------------------------------------------

local steps = {}

function Storm:steps(record)
  for _ = 1, draw(record, 4) do
    if self.steps_left == 0 then return end
    self.steps_left = self.steps_left - 1
    pick(record, steps)(self, record)
  end
end

local function deeper(record)
  if record.depth == DEPTH then return false end
  record.depth = record.depth + 1
  return true
end

-- Code that runs inside a boundary; place is that one's book, and in the end all its children must have ended.
local Place = {}

function Place.__close(place)
  local record = place.record
  place.storm:check_children(place, "scope")
  place.ended = true
  record.places[#record.places] = nil
  record.depth, record.in_pcall = place.depth, place.in_pcall
end

function Storm:enter(record)
  local place = setmetatable({
    storm = self, record = record, children = {}, depth = record.depth, in_pcall = record.in_pcall,
  }, Place)
  record.places[#record.places + 1] = place
  record.in_pcall = false
  return place
end

local Restore = { __close = function(self) self.record.in_pcall, self.record.depth = self.in_pcall, self.depth end }

local function step(weight, fn)
  for _ = 1, weight do steps[#steps + 1] = fn end
end

step(3, function(_, record) async.sleep(some_time(record)) end)
step(1, function() async.yield() end)

step(6, function(storm, record) storm:spawn_at(record, innermost(record), pick(record, births)) end)

-- Nobody keeps the handle: the failure is reported when it is collected.
step(1, function(storm, record)
  if #storm.records >= TASKS then return end
  local child = storm:new_record(record)
  child.dropped = true
  async.try_spawn(storm.body, storm, child)
end)

step(1, function(storm, record)
  if #storm.records >= TASKS then return end
  local child = storm:new_record(record)
  child.handle = async.detach(storm.body, storm, child)
  storm.living[#storm.living + 1] = child
end)

step(2, function(storm, record) -- into a scope of anybody's
  local place = pick(record, storm.scopes)
  if not place or place.ended then return end
  storm:spawn_at(record, place, function(_, child)
    local how = draw(record, 3) == 1 and "try_spawn" or "spawn"
    return place.scope[how](place.scope, storm.body, storm, child)
  end)
end)

step(2, function(storm, record)
  if not deeper(record) then return end
  local _ <close> = storm:enter(record)
  async.scope(function(scope)
    local place = innermost(record)
    place.scope = scope
    table.insert(storm.scopes, place)
    local _ <close> = storm:open(record)
    storm:steps(record)
  end, { supervise = draw(record, 4) == 1 })
end)

step(1, function(storm, record) -- the block form
  if not deeper(record) then return end
  local place <close> = storm:enter(record)
  record.in_pcall = place.in_pcall -- a block is no boundary for the errors of its code
  local scope <close> = async.scope { supervise = draw(record, 4) == 1 }
  place.scope = scope
  table.insert(storm.scopes, place)
  storm:steps(record)
end)

step(2, function(storm, record)
  if not deeper(record) then return end
  local _ <close> = storm:enter(record)
  local how = draw(record, 2) == 1 and async.timeout or async.try_timeout
  how(some_time(record), function()
    local _ <close> = storm:open(record)
    storm:steps(record)
  end)
end)

step(1, function(storm, record)
  if not deeper(record) then return end
  local _ <close> = storm:enter(record)
  async.shield(storm.steps, storm, record)
end)

-- Catches what comes out of the steps, a cancel too: that one shows again at the next checkpoint.
function Storm:catch(record)
  if not deeper(record) then return end
  local ok, err
  do
    local _ <close> = setmetatable({ record = record, in_pcall = record.in_pcall, depth = record.depth }, Restore)
    record.in_pcall = true
    ok, err = pcall(self.steps, self, record)
  end
  if ok then return end
  self:note("caught", record.id)
  self:see(err)
  return err
end

step(4, function(storm, record)
  local err = storm:catch(record)
  if err and draw(record, 3) == 1 then error(err, 0) end
end)

step(1, function(storm) error(storm:new_error(), 0) end)

local function check_ended(storm, child)
  if not ENDED[child.handle:status()] then storm:complain("task %d was told ended", child.id) end
  storm:check_children(child, "task")
end

step(3, function(storm, record) -- no time limit: older ones wait for younger ones only
  local child = record.mine and pick(record, record.mine)
  if not child then return end
  child.handle:await()
  check_ended(storm, child)
end)

step(2, function(storm, record)
  local other = pick(record, storm.living)
  if not other then return end
  async.timeout(some_time(record), other.handle.await, other.handle)
  check_ended(storm, other)
end)

step(2, function(storm, record)
  local other = pick(record, storm.living)
  if not other or other == record then return end
  local result, err = other.handle:join(some_time(record))
  if result == nil then return end -- it takes longer
  check_ended(storm, other)
  if not result then storm:see(err) end
end)

step(2, function(storm, record)
  local other = pick(record, storm.living)
  if other then other.handle:cancel("storm") end
end)

step(1, function(storm, record)
  local place = pick(record, storm.scopes)
  if place then place.scope:cancel("storm") end
end)

step(1, function(_, record) async.try_timeout(some_time(record), async.park) end)

step(1, function(storm, record)
  local other = pick(record, storm.living)
  if other and other.waker then other.waker:wake() end
end)

step(1, function(storm) table.insert(storm.futures, async.future()) end)

step(1, function(storm, record)
  local future = pick(record, storm.futures)
  if future then async.try_timeout(some_time(record), future.await, future) end
end)

step(1, function(storm, record)
  local future = pick(record, storm.futures)
  if not future or future:done() then return end
  if draw(record, 2) == 1 then
    future:resolve(record.id)
  else
    future:reject(storm:new_error())
  end
end)

-- The whole ---------------------------------------------------------------------------------------------------------

function Storm:cancel_at_random(random)
  local record = { random = random }
  for _ = 1, 20 do
    async.sleep(some_time(record))
    local victim = pick(record, self.living)
    if victim then victim.handle:cancel "out of the blue" end
    local place = draw(record, 3) == 1 and pick(record, self.scopes)
    if place then place.scope:cancel "out of the blue" end
  end
end

-- A task that goes on after failures.
function Storm:trunk(record)
  record.started = record.started + 1
  local _ <close> = self:open(record)
  for _ = 1, 10 do self:catch(record) end
  return record.id
end

function Storm:main(root)
  root.handle = async.current()
  root.started = 1
  local _ <close> = self:open(root)
  for _ = 1, 3 do async.detach(self.cancel_at_random, self, draw(root, 1 << 30)) end
  async.scope(function()
    for _ = 1, 8 do
      self:spawn_at(root, root, function(_, child) return async.spawn(self.trunk, self, child) end)
    end
    self:catch(root)
  end, { supervise = true })
  self:steps(root)
end

-- Every error that is in the list of a seen one is seen.
function Storm:see_suppressed()
  local list = {}
  for err in pairs(self.seen) do list[#list + 1] = err end
  for _, err in ipairs(list) do
    for _, other in ipairs(rawget(err, "suppressed") or {}) do
      if type(other) == "table" and not self.seen[other] then
        self.seen[other] = true
        list[#list + 1] = other
      end
    end
  end
end

-- Each task in exactly one state; returns how many are in which, and the errors of the failed.
function Storm:take_stock()
  local failures = {}
  for _, record in ipairs(self.records) do
    local handle = record.handle
    local status = record.dropped and "dropped" or handle:status()
    self.totals[status] = (self.totals[status] or 0) + 1
    if not ENDED[status] and not record.dropped then self:complain("task %d never ended: %s", record.id, status) end
    if record.started == 0 and not record.dropped and status ~= "cancelled" then
      self:complain("task %d never ran, and is %s", record.id, status)
    end
    if status == "failed" then
      local _, err = handle:join()
      failures[#failures + 1] = { record = record, err = err }
    end
  end
  return failures
end

function Storm:check_books(failures)
  self:see_suppressed()
  for _, failure in ipairs(failures) do
    if type(failure.err) ~= "table" then
      self:complain("task %d failed with %s", failure.record.id, failure.err)
    elseif not self.seen[failure.err] then
      self:complain("nobody learned that task %d failed: %s", failure.record.id, failure.err.kind or failure.err.id)
    end
  end
  for _, err in ipairs(self.errors) do
    if not self.seen[err] then self:complain("error %d was lost", err.id) end
  end
  for _, variable in ipairs(self.variables) do
    if variable.closed ~= 1 then
      self:complain("a variable of task %d was closed %d times", variable.record.id, variable.closed)
    end
  end
  local sum = 0
  for _, n in pairs(self.totals) do sum = sum + n end
  if sum ~= #self.records then self:complain("%d tasks were spawned, %d ended", #self.records, sum) end
end

function Storm:check_runtime(rt)
  local counts = core.counts(rt)
  for _, what in ipairs { "tasks", "timers", "operations", "anchored" } do
    if counts[what] ~= 0 then self:complain("%d %s left", counts[what], what) end
  end
end

function Storm:on_error(err)
  if not self.deaf then self:see(err) end
  self.reports = self.reports + 1
end

function Storm:learn_end(ok, err)
  if ok then return end
  self:see(err)
  if type(err) ~= "table" then
    self:complain("run raised %s", err)
  elseif err.kind == "deadlock" and err.tasks then
    self:complain("%s", err)
  end
end

-- Takes stock on a runtime, where the tasks have ended; what collected handles left behind is reported first.
function Storm:balance(rt)
  self.futures = nil
  collectgarbage()
  local failures = rt:run(self.take_stock, self)
  self:check_runtime(rt)
  self:check_books(failures)
end

local function new_storm(program)
  return setmetatable({
    program = program, steps_left = STEPS, trace = {}, problems = {}, errors = {}, seen = {}, variables = {},
    records = {}, living = {}, scopes = {}, futures = {}, totals = {}, reports = 0,
  }, Storm)
end

function Storm:new_runtime(seed)
  return async.runtime {
    clock = "virtual", seed = seed,
    on_error = function(err) self:on_error(err) end,
  }
end

local storm = {}

-- Runs it to its end; returns its books: problems, trace, totals, reports, records, errors, variables. A deaf one does
-- not hear on_error: its books cannot balance.
function storm.run(program, seed, deaf)
  local self = new_storm(program)
  self.deaf = deaf
  local rt <close> = self:new_runtime(seed)
  self:learn_end(pcall(rt.run, rt, self.main, self, self:new_record { random = program }))
  self:balance(rt)
  return self
end

-- The same as a host's task, and the runtime is closed after that time: all is cancelled and unwinds.
function storm.close(program, seed, seconds)
  local self = new_storm(program)
  local other <close> = self:new_runtime()
  local rt <close> = self:new_runtime(seed)
  local root = self:new_record { random = program }
  rt:spawn(self.main, self, root)
  rt:run(async.sleep, seconds)
  rt:close(math.huge)
  self:balance(other)
  return self
end

return storm
