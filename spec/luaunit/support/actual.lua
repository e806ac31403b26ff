-- Does what a combination of dimensions.lua says, on the runtime, and gives the same vector as the oracle. Errors are
-- shown by the names of the oracle; each is known by its identity, not by what it looks like.
local async = require "asyncrt"
local core = require "asyncrt.core"
local dimensions = require "spec.luaunit.support.dimensions"

local at, lasts = dimensions.at, dimensions.lasts
local actual = {}

local E = { body = { "body" }, close = { "close" }, sibling = { "sibling" } }
local names = { [E.body] = "E.body", [E.close] = "E.close", [E.sibling] = "E.sibling" }

local function label(err)
  if names[err] then return names[err] end
  if type(err) ~= "table" or not err.kind then return tostring(err) end
  local text = err.kind
  if err.kind == "cancelled" or err.kind == "task_cancelled" then text = ("%s(%s)"):format(text, err.reason) end
  if not err.suppressed then return text end
  local words = {}
  for i, other in ipairs(err.suppressed) do words[i] = label(other) end
  return text .. "[" .. table.concat(words, " ") .. "]"
end

-- One run: its log, and what it keeps to look at.
local Run = {}
Run.__index = Run

function Run:note(format, ...)
  self.log[#self.log + 1] = format:format(...)
end

local function words(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = label(list[i]) end
  return table.concat(list, " ")
end

-- What pcall gave: the values, or "raised" and the error.
local function answer(ok, ...)
  return ok and words(...) or "raised " .. label((...))
end

-- The sibling is there a second before the time begins: whether it runs before the task must not hang on a seed.
local EARLY = 1

function Run:now() return async.now() - self.start - EARLY end

local Closer = {}

function Closer.__close(self, err) self.run[self.method](self.run, err) end

function Run:close_inner(err)
  local body = self.c.body
  self:note("inner %s %s@%g", label(err), label(async.cancelling()), self:now())
  if body.waiting_close == "shielded" then
    async.shield(async.sleep, lasts.closing)
  elseif body.waiting_close == "bare" then
    async.sleep(lasts.closing)
  end
  if body.raising_close then error(E.close) end
end

function Run:close_outer(err)
  self:note("outer %s@%g", label(err), self:now())
end

function Run:work()
  local _ <close> = setmetatable({ run = self, method = "close_inner" }, Closer)
  local body = self.c.body
  if self.c.cancel == "running" then async.current():cancel("why") end
  if body.swallows then
    for i, seconds in ipairs { at.work_ends, lasts.second_sleep } do
      local _, err = pcall(async.sleep, seconds)
      self:note("%s %s@%g", i == 1 and "first" or "second", label(err), self:now())
    end
    return "r1", "r2"
  end
  async.sleep(at.work_ends)
  if body.raises then error(E.body) end
  return "r1", "r2"
end

-- Runs the function inside the boundaries, the first of which is the outermost; timeouts count from then.
local function within(boundaries, delay, i, fn, ...)
  local boundary = boundaries[i]
  if not boundary then return fn(...) end
  if boundary.kind == "shield" then return async.shield(within, boundaries, delay, i + 1, fn, ...) end
  return async.timeout(delay + boundary.seconds, within, boundaries, delay, i + 1, fn, ...)
end

function Run:after_boundaries(...)
  if not self.c.body.swallows then async.yield() end
  return ...
end

function Run:task_body()
  local _ <close> = setmetatable({ run = self, method = "close_outer" }, Closer)
  return self:after_boundaries(within(self.c.nesting.inside, 0, 1, self.work, self))
end

function Run:sibling_body()
  local kind = self.c.sibling
  if kind == "stubborn" then
    local ok = pcall(async.sleep, EARLY + at.stubborn_failure)
    if not ok then async.shield(async.sleep, lasts.stubborn) end
  else
    async.sleep(EARLY + (kind == "early" and at.early_failure or at.late_failure))
  end
  error(E.sibling)
end

-- Others cancel the task, or its scope, at the time the combination says; from outside the scope.
function Run:spawn_canceller(scope)
  local when = ({ scope = at.cancel, parked = at.cancel, late = at.late_cancel,
    closing = at.closing_cancel })[self.c.cancel]
  if not when then return end
  local target = self.c.cancel == "scope" and scope or self.task
  async.detach(function()
    async.sleep(when)
    target:cancel("why")
  end)
end

function Run:observe()
  local how = self.c.observer
  if how == "unawaited" then return end
  local task = self.task
  local result = table.pack(pcall(how == "joined" and task.join or task.await, task))
  self.observer = ("%s@%g"):format(answer(table.unpack(result, 1, result.n)), self:now())
  if self.c.cancel == "after" and task:status() ~= "waiting" then task:cancel("why") end
  if not result[1] then error(result[2], 0) end
end

function Run:scope_body(scope)
  if self.c.sibling ~= "none" then self.sibling = scope:spawn(self.sibling_body, self) end
  async.sleep(EARLY)
  self.task = scope[self.c.birth](scope, self.task_body, self)
  if self.c.cancel == "first poll" then self.task:cancel("why") end
  self:spawn_canceller(scope)
  self:observe()
  return "body"
end

function Run:scope_outcome()
  local result = table.pack(pcall(async.scope, function(scope) return self:scope_body(scope) end))
  self.scope = ("%s@%g"):format(answer(table.unpack(result, 1, result.n)), self:now())
  if not result[1] then error(result[2], 0) end
  return table.unpack(result, 2, result.n)
end

function Run:main()
  self.main_task, self.start = async.current(), async.now()
  local result = table.pack(pcall(within, self.c.nesting.around, EARLY, 1, self.scope_outcome, self))
  self.boundary = ("%s@%g"):format(answer(table.unpack(result, 1, result.n)), self:now())
  self.raised = not result[1] and result[2] or nil
  async.sleep(at.over)
  if self.c.cancel == "after" then self.task:cancel("why") end
  self.final = ("%s: %s"):format(self.task:status(), words(self.task:join()))
  if not result[1] then error(result[2], 0) end
  return "main"
end

function Run:who(task)
  return task == self.task and "task" or task == self.sibling and "sibling" or task == self.main_task and "main"
    or tostring(task)
end

function Run:on_error(err, task)
  self.reports[#self.reports + 1] = label(err) .. " of " .. self:who(task)
end

local function check_nothing_left(rt)
  local counts = core.counts(rt)
  for _, what in ipairs { "tasks", "timers", "operations", "anchored" } do
    if counts[what] ~= 0 then error(("%s %s left"):format(counts[what], what), 0) end
  end
  local live = #core.live(rt)
  if live > 0 then error(live .. " tasks left", 0) end
end

-- The vector; the task's handle is added to 'tasks' (weak values), if given.
function actual.outcome(combination, seed, tasks)
  local run = setmetatable({ c = combination, log = {}, reports = {}, observer = "" }, Run)
  local rt = async.runtime {
    clock = "virtual", seed = seed,
    on_error = function(err, task) run:on_error(err, task) end,
  }
  local ok, result = pcall(rt.run, rt, run.main, run)
  check_nothing_left(rt)
  rt:close()
  if not ok and not rawequal(result, run.raised) then error("run raised another error: " .. label(result), 0) end
  if tasks then tasks[run.task:id()] = run.task end
  return {
    log = table.concat(run.log, ", "),
    observer = run.observer,
    scope = run.scope,
    boundary = run.boundary,
    task = run.final,
    run = ok and label(result) or "raised " .. label(result),
    reports = table.concat(run.reports, ", "),
  }
end

return actual
