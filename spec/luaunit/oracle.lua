-- The oracle: what must come of a combination of support/dimensions.lua. Requires nothing of asyncrt. Each rule cites
-- the sentence of the contract that it comes from; where the contract is silent, 'decided' says what and why. Any one
-- rule can be flipped: `oracle.expect(combination, "name of the rule")` is what would come if it did not hold.
-- Required, it is a module; run as a script it is a suite about itself.
local required_as = ...
local dimensions = require "spec.luaunit.support.dimensions"

local at, lasts = dimensions.at, dimensions.lasts
local oracle = { rules = {} }

local known = {}
local function rule(name, quote, decided)
  local entry = { name = name, quote = quote, decided = decided }
  known[name] = entry
  oracle.rules[#oracle.rules + 1] = entry
end

-- The rules ---------------------------------------------------------------------------------------------------------

-- of tasks and cancels
rule("a task cancelled before its first poll never runs",
  "Before its first poll: it never runs")
rule("a call that suspends raises a cancel that came before",
  "A call that suspends first checks for cancellation and raises before any effect")
rule("a cancel cuts the wait of a parked task",
  "asks the task and all below it to stop; returns at once",
  "a wait ends at the time of the cancel, not when it would have ended by itself")
rule("a cancel of the scope reaches its tasks",
  "the first failure in time cancels the rest",
  "s:cancel reaches the same tasks as a failure")
rule("cancels are level-triggered",
  "until the boundary is left every checkpoint raises, so a `pcall` that swallows it only delays it")
rule("who returns although cancelled is done",
  "Once it took effect, its result is returned and the cancellation shows at the next such call",
  "a task that takes every cancel with pcall and returns has returned: its values are its outcome, as a Trio \z
    task's would be")
rule("who is cancelled and does not return is cancelled",
  "`ready running waiting done failed cancelled`")
rule("the first cancel of a scope stays",
  "asks the task and all below it to stop",
  "who was asked already is not asked again: the reason stays that of the first")
rule("a cancel after the end does nothing",
  "asks the task and all below it to stop",
  "what has ended cannot be asked; its outcome stays")
rule("a foreign error makes a cancelled task failed",
  "is what comes out (also of timeout, try_timeout and task:cancel, which makes the task `failed`)")
rule("a foreign error in __close displaces a cancel",
  "an error other than the boundary's own cancel, raised in the body or in `__close` while unwinding, is what \z
    comes out")
rule("a cancel in __close does not displace a foreign error",
  "A foreign error always wins",
  "also one that was on its way already: whether the handler that it runs happens to be cut must not decide \z
    whether it is seen (law 3)")
rule("of two foreign errors the later comes out",
  "raised in the body or in `__close` while unwinding, is what comes out",
  "as in plain Lua: the error of a handler replaces the one it was told of")
rule("the innermost <close> runs first",
  "`<close>` variables and handlers run in order on return, error and cancel")
rule("<close> runs on cancel",
  "`<close>` variables and handlers run in order on return, error and cancel")
rule("<close> may wait",
  "run in order on return, error and cancel, and may suspend")
rule("<close> waits under a shield when cancelled",
  "and may suspend (under a shield when cancelled)",
  "without one the handler's wait raises the cancel, as every checkpoint does")
rule("the reason is known inside",
  "`async.cancelling()` → reason",
  "of the outermost cancel in force; a timeout's is \"timeout\", a failure's \"failure\"")

-- of shields and timeouts
rule("a shield keeps cancels from outside off",
  "`async.shield(fn, ...)` is a scope that outside cancels reach only at the first checkpoint after it")
rule("a cancel waits behind the shield",
  "reach only at the first checkpoint after it")
rule("what is inside a shield works",
  "Inner timeouts and cancels work")
rule("a timeout raises",
  "→ values or raises `timeout` after fn has unwound")
rule("a timeout waits for the unwinding",
  "raises `timeout` after fn has unwound")
rule("a return after the expiry wins",
  "fn's own return or error always wins")
rule("an error after the expiry wins",
  "fn's own return or error always wins")
rule("of several cancels the outermost answers",
  "of several expired the outermost answers",
  "the same for a timeout inside a cancelled task and for a cancelled scope inside an expired timeout: an inner \z
    boundary does not absorb its cancel while an outer one is in force (as in Trio)")

-- of scopes
rule("a failure cancels the rest of its scope",
  "the first failure in time cancels the rest")
rule("a scope raises its first failure",
  "when all are done the scope raises it")
rule("a scope ends with its last task",
  "returns its values when every task spawned inside is done")
rule("a failure raised by a scope suppresses later ones",
  "(later ones in `err.suppressed` where the error is ours, else to `on_error`)")
rule("what cannot be suppressed is reported",
  "(later ones in `err.suppressed` where the error is ours, else to `on_error`)")
rule("on_error learns whose error it is",
  "`on_error(err, task)`")
rule("an error told twice counts once",
  "`err == original` after any number of awaits",
  "the body that awaits the failing child raises the same error: that is one failure, not two")
rule("a child so cancelled fails nobody",
  "A child so cancelled fails nobody")
rule("a cancelled scope gives nil",
  "a body that did not return then gives `nil, \"cancelled\", reason`")
rule("a body that returned gives its values",
  "returns its values when every task spawned inside is done",
  "also if the scope was cancelled while only its children ran, from inside or outside")
rule("a failure beats a cancel",
  "A foreign error always wins")
rule("what user code raises passes untouched",
  "What user code raises passes untouched, whatever its type")

-- of those who look
rule("await gives the values",
  "any number of awaiters; raises the task's error")
rule("await raises the child's own error",
  "A task awaiting the failing child sees the child's own error")
rule("awaiting a cancelled task raises",
  "awaiting a *cancelled* task raises `task_cancelled` (with its reason)")
rule("task_cancelled is an ordinary failure",
  "an ordinary failure of the awaiter")
rule("join answers as pcall",
  "as pcall would answer")
rule("join does not take the failure from the scope",
  "It does not take the failure from the scope")
rule("a supervised failure fails no scope",
  "its failure fails no scope and belongs to whoever awaits or joins")
rule("an observed supervised failure is not reported",
  "belongs to whoever awaits or joins")
rule("an unobserved supervised failure is reported",
  "unobserved it goes to `on_error` when the handle is collected or its scope ends")
rule("run raises main's error",
  "returns main's values or raises its error")

-- Errors ------------------------------------------------------------------------------------------------------------

-- label: how the vector shows it. foreign: no cancel. ours: asyncrt's own.
local BODY = { label = "E.body", foreign = true }
local CLOSE = { label = "E.close", foreign = true }
local SIBLING = { label = "E.sibling", foreign = true }

local function new_timeout() return { label = "timeout", foreign = true, ours = true } end

local function task_cancelled(reason)
  return { label = "task_cancelled(" .. reason .. ")", foreign = true, ours = true }
end

-- A cancel as it unwinds, for a request {source, depth, time, reason, place}.
local function unwinding(request)
  return { label = "cancelled(" .. request.reason .. ")", cancel = request.source, reason = request.reason }
end

local function label(err)
  if not err then return "nil" end
  if not err.suppressed then return err.label end
  local words = {}
  for i, other in ipairs(err.suppressed) do words[i] = other.label end
  return err.label .. "[" .. table.concat(words, " ") .. "]"
end

local World = {}
World.__index = World

function World:holds(name)
  if self.consulted then self.consulted[name] = true end
  assert(known[name], name)
  return name ~= self.flipped
end

-- Cancels -----------------------------------------------------------------------------------------------------------

local DEPTH = { ["outer timeout"] = 1, scope = 2, task = 3, ["inner timeout"] = 4 }

-- place: how many of the boundaries inside the task stand around the code that asked for it; 0: the task itself, or
-- further out.
function World:request(source, time, reason, place)
  local requests = self.requests
  requests[#requests + 1] = { source = source, depth = DEPTH[source], time = time, reason = reason, place = place or 0 }
end

function World:shielded(boundaries, from, to)
  for i = from + 1, to do
    if boundaries[i].kind == "shield" and self:holds "a shield keeps cancels from outside off" then return true end
  end
  return false
end

-- Does it reach code of the task that is inside that many boundaries?
function World:reaches(request, place)
  if place < request.place then return false end
  local from = self:holds "what is inside a shield works" and request.place or 0
  return not self:shielded(self.c.nesting.inside, from, place)
end

function World:answers_before(request, other)
  if request.depth ~= other.depth then return request.depth < other.depth end
  return (request.time < other.time) == self:holds "the first cancel of a scope stays"
end

-- The outermost cancel in force at that time.
function World:in_force(time, place)
  local found
  for _, request in ipairs(self.requests) do
    if request.time <= time and self:reaches(request, place) and (not found or self:answers_before(request, found)) then
      found = request
    end
  end
  return found
end

function World:next_cancel(after, place)
  local found
  for _, request in ipairs(self.requests) do
    if request.time > after and (not found or request.time < found.time) and self:reaches(request, place) then
      found = request
    end
  end
  return found
end

-- A wait of the task: when it ends, and with what cancel.
function World:wait(from, seconds, place)
  local by = self:in_force(from, place)
  if by and self:holds "a call that suspends raises a cancel that came before" then return from, unwinding(by) end
  by = self:next_cancel(from, place)
  if by and by.time < from + seconds and self:holds "a cancel cuts the wait of a parked task" then
    return by.time, unwinding(self:in_force(by.time, place))
  end
  return from + seconds
end

-- What unwinds after a handler of <close>, told of 'old', raised 'new'.
function World:displace(old, new)
  if not old or not new then return new or old end
  if new.foreign and old.foreign then
    return self:holds "of two foreign errors the later comes out" and new or old
  elseif new.foreign then
    return self:holds "a foreign error in __close displaces a cancel" and new or old
  elseif old.foreign and self:holds "a cancel in __close does not displace a foreign error" then
    return { label = new.label, cancel = new.cancel, reason = new.reason, behind = old }
  end
  return new
end

-- Lua itself goes on with the cancel, and handlers see that one; at the next boundary the error is back.
local function reinstate(err)
  return err and err.behind or err
end

-- What comes out of a timeout, and when; 'outer' is a cancel further out that is in force.
function World:through_timeout(source, expiry, now, err, outer)
  if now < expiry then return now, err end
  if not err then
    return now, not self:holds "a return after the expiry wins" and new_timeout() or nil
  elseif err.cancel ~= source then
    if err.cancel or self:holds "an error after the expiry wins" then return now, err end
    return now, new_timeout()
  elseif outer and self:holds "of several cancels the outermost answers" then
    return now, unwinding(outer)
  elseif not self:holds "a timeout raises" then
    return now, nil
  end
  return self:holds "a timeout waits for the unwinding" and now or expiry, new_timeout()
end

-- The task ----------------------------------------------------------------------------------------------------------

local function note(log, format, ...)
  log[#log + 1] = format:format(...)
end

-- The work and its <close> variable, inside all boundaries: when it ends, and with what error.
function World:work(log)
  local body, place = self.c.body, #self.c.nesting.inside
  local now, err = self:wait(0, at.work_ends, place)
  if body.swallows then
    note(log, "first %s@%g", label(err), now)
    local all = self.requests
    if not self:holds "cancels are level-triggered" then self.requests = {} end
    now, err = self:wait(now, lasts.second_sleep, place)
    self.requests = all
    note(log, "second %s@%g", label(err), now)
    return self:close_work(log, now, nil)
  end
  return self:close_work(log, now, err or body.raises and BODY or nil)
end

function World:close_work(log, now, err)
  local body, place = self.c.body, #self.c.nesting.inside
  if err and err.cancel and not self:holds "<close> runs on cancel" then return now, err end
  local by = self:in_force(now, place)
  local reason = by and self:holds "the reason is known inside" and by.reason
  note(log, "inner %s %s@%g", label(err), reason or "nil", now)
  if body.waiting_close and not self:holds "<close> may wait" then return now, err end
  if body.waiting_close == "shielded" then
    now = now + lasts.closing
  elseif body.waiting_close then
    local cut
    if by and not self:holds "<close> waits under a shield when cancelled" then
      now = now + lasts.closing
    else
      now, cut = self:wait(now, lasts.closing, place)
    end
    err = self:displace(err, cut)
  end
  return now, self:displace(err, body.raising_close and CLOSE or nil)
end

function World:leave_boundaries(now, err)
  local inside = self.c.nesting.inside
  for place = #inside, 1, -1 do
    err = reinstate(err)
    if inside[place].expires then
      local outer = self:in_force(now, place - 1)
      now, err = self:through_timeout("inner timeout", inside[place].seconds, now, err, outer)
    end
  end
  return now, err
end

local function has_shield(boundaries)
  for _, boundary in ipairs(boundaries) do
    if boundary.kind == "shield" then return true end
  end
  return false
end

-- The checkpoint after the boundaries.
function World:after_boundaries(now, err)
  if err or self.c.body.swallows then return err end
  local by = self:in_force(now, 0)
  if not by then return nil end
  if has_shield(self.c.nesting.inside) and not self:holds "a cancel waits behind the shield" then return nil end
  return self:holds "a call that suspends raises a cancel that came before" and unwinding(by) or nil
end

function World:verdict(now, err)
  local cancel = self:in_force(now, 0)
  if not err then
    local stays = not cancel or self:holds "who returns although cancelled is done"
    return stays and "done" or "cancelled", not stays and unwinding(cancel) or nil
  elseif err.cancel then
    return self:holds "who is cancelled and does not return is cancelled" and "cancelled" or "failed", err
  elseif cancel and not self:holds "a foreign error makes a cancelled task failed" then
    return "cancelled", unwinding(cancel)
  end
  return "failed", err
end

-- status, err, at (when it ended), log (what its <close> variables noted)
function World:run_task()
  if self.c.cancel == "first poll" and self:holds "a task cancelled before its first poll never runs" then
    return { status = "cancelled", err = unwinding { source = "task", reason = "why" }, at = 0, log = {} }
  end
  local log = {}
  local now, err = self:leave_boundaries(self:work(log))
  err = self:after_boundaries(now, err)
  note(log, "outer %s@%g", label(err), now)
  if not self:holds "the innermost <close> runs first" then log[#log], log[1] = log[1], log[#log] end
  local status, outcome = self:verdict(now, reinstate(err))
  return { status = status, err = outcome, at = now, log = log }
end

-- The scope ---------------------------------------------------------------------------------------------------------

-- Requests that come from outside the scope's tasks, and those of the task's own boundaries.
function World:outside_requests()
  local nesting, cancel = self.c.nesting, self.c.cancel
  self.requests = {}
  for i, boundary in ipairs(nesting.around) do
    if boundary.expires and not self:shielded(nesting.around, i, #nesting.around) then
      self:request("outer timeout", boundary.seconds, "timeout")
    end
  end
  if cancel == "scope" and self:holds "a cancel of the scope reaches its tasks" then
    self:request("scope", at.cancel, "why")
  end
  local time = ({ ["first poll"] = 0, running = 0, parked = at.cancel, late = at.late_cancel,
    closing = at.closing_cancel })[cancel]
  if time then self:request("task", time, "why") end
  for place, boundary in ipairs(nesting.inside) do
    if boundary.expires then self:request("inner timeout", boundary.seconds, "timeout", place) end
  end
end

-- The first request that reaches the whole scope: it is what cuts the body's wait.
function World:first_of_scope()
  local found
  for _, request in ipairs(self.requests) do
    if request.depth <= DEPTH.scope and (not found or request.time < found.time) then found = request end
  end
  return found
end

-- What an observer gets of the ended task: text, and the error that goes on in the body.
function World:observe(task)
  local joins = self.c.observer == "joined"
  if task.status == "done" then
    if joins then return "true r1 r2" end
    return self:holds "await gives the values" and "r1 r2" or ""
  end
  local err = task.err
  if task.status == "cancelled" then
    if not joins and not self:holds "awaiting a cancelled task raises" then return "nil" end
    err = task_cancelled(err.reason)
    if not self:holds "task_cancelled is an ordinary failure" then
      err = { label = err.label, cancel = "nobody's", reason = "?" }
    end
  elseif not joins and not self:holds "await raises the child's own error" then
    err = task_cancelled "failure"
  end
  if joins and self:holds "join answers as pcall" then return "false " .. label(err) end
  return "raised " .. label(err), err
end

-- text (what the observer got), err, at, observed (whether that was the task's end)
function World:run_body(task)
  if self.c.observer == "unawaited" then return { text = "", at = 0 } end
  local cut = self:first_of_scope()
  if cut and cut.time <= task.at and self:holds "a cancel cuts the wait of a parked task" then
    local err = unwinding(self:in_force(cut.time, 0))
    return { text = "raised " .. label(err) .. ("@%g"):format(cut.time), err = err, at = cut.time }
  end
  local text, err = self:observe(task)
  return { text = text .. ("@%g"):format(task.at), err = err, at = task.at, observed = true }
end

-- The failures of task and body that are the scope's, in time.
function World:own_failures(task, body)
  local list = {}
  local supervised = self.c.birth == "try_spawn" and self:holds "a supervised failure fails no scope"
  local taken = self.c.observer == "joined" and body.observed
    and not self:holds "join does not take the failure from the scope"
  if task.status == "failed" and not supervised and not taken then
    list[1] = { who = "task", err = task.err, at = task.at }
  elseif task.status == "cancelled" and not self:holds "a child so cancelled fails nobody" then
    list[1] = { who = "task", err = task_cancelled(task.err.reason), at = task.at }
  end
  if body.err and body.err.foreign then
    local same = list[1] and list[1].err == body.err and self:holds "an error told twice counts once"
    if not same then list[#list + 1] = { who = "main", err = body.err, at = body.at } end
  end
  return list
end

-- When everything in the scope is asked to stop, or never.
function World:stop_time(failures)
  local first = self:first_of_scope()
  local time = first and first.time or math.huge
  if failures[1] and self:holds "a failure cancels the rest of its scope" then time = math.min(time, failures[1].at) end
  return time
end

-- Of failures at the same time the later is the consequence of the earlier: the sibling's cancels the task, and the
-- body raises what it awaited.
local CAUSE = { sibling = 1, task = 2, main = 3 }

-- Lets the sibling live: when it ends, and whether it fails then; the task and the body as that leaves them.
function World:run_all()
  local task = self:run_task()
  local body = self:run_body(task)
  local failures = self:own_failures(task, body)
  local kind, stop = self.c.sibling, self:stop_time(failures)
  local fails_at = ({ early = at.early_failure, late = at.late_failure,
    stubborn = math.min(stop + lasts.stubborn, at.stubborn_failure) })[kind]
  if not fails_at then return task, body, failures, 0 end
  if kind ~= "stubborn" and stop < fails_at then return task, body, failures, stop end
  if kind ~= "stubborn" and self:holds "a failure cancels the rest of its scope" then
    self:request("scope", fails_at, "failure")
    task = self:run_task()
    body = self:run_body(task)
    failures = self:own_failures(task, body)
  end
  failures[#failures + 1] = { who = "sibling", err = SIBLING, at = fails_at }
  table.sort(failures, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return CAUSE[a.who] < CAUSE[b.who]
  end)
  return task, body, failures, fails_at
end

-- The error that a scope with failures raises; the others go where they can be seen.
function World:choose(failures, reports)
  local winner = self:holds "a scope raises its first failure" and 1 or #failures
  local err = failures[winner].err
  for i, failure in ipairs(failures) do
    if i ~= winner then
      if err.ours and self:holds "a failure raised by a scope suppresses later ones" then
        err.suppressed = err.suppressed or {}
        table.insert(err.suppressed, failure.err)
      elseif err.ours or self:holds "what cannot be suppressed is reported" then
        table.insert(reports, failure)
      end
    end
  end
  return err
end

function World:report_unobserved(task, body, reports)
  if self.c.birth ~= "try_spawn" or task.status ~= "failed" then return end
  if not self:holds "a supervised failure fails no scope" then return end
  local silent
  if body.observed then
    silent = self:holds "an observed supervised failure is not reported"
  else
    silent = not self:holds "an unobserved supervised failure is reported"
  end
  if not silent then table.insert(reports, { who = "task", err = task.err }) end
end

-- The body returned: what the scope gives.
function World:body_outcome(now)
  local first = self:first_of_scope()
  if not first or first.time > now or self:holds "a body that returned gives its values" then return "body" end
  if first.source == "scope" then return "nil cancelled " .. first.reason end
  return nil, unwinding(first)
end

-- The scope's own cancel has unwound its body.
function World:cancelled_outcome(err, now)
  local outer = self:in_force(now, 0)
  if outer and outer.source == "outer timeout" and self:holds "of several cancels the outermost answers" then
    return nil, unwinding(outer)
  elseif not self:holds "a cancelled scope gives nil" then
    return nil, err
  end
  return "nil cancelled " .. err.reason
end

-- What comes out of async.scope: text or error.
function World:scope_outcome(body, failures, now, reports)
  if failures[1] then
    local late = self.c.cancel == "scope" and failures[1].at > at.cancel
    if not late or self:holds "a failure beats a cancel" then return nil, self:choose(failures, reports) end
  end
  if not body.err then return self:body_outcome(now) end
  if body.err.cancel ~= "scope" then return nil, body.err end
  return self:cancelled_outcome(body.err, now)
end

-- The outcome -------------------------------------------------------------------------------------------------------

local function shown(text, err, now)
  return ("%s@%g"):format(err and "raised " .. label(err) or text, now)
end

function World:final(task)
  local status, err = task.status, task.err
  if self.c.cancel == "after" and not self:holds "a cancel after the end does nothing" then status = "cancelled" end
  if task.status == "done" then return status .. ": true r1 r2" end
  if task.status == "cancelled" then err = task_cancelled(err.reason) end
  return status .. ": false " .. label(err)
end

function World:reported(reports)
  local words = {}
  for i, report in ipairs(reports) do
    words[i] = label(report.err) .. " of " .. (self:holds "on_error learns whose error it is" and report.who or "nil")
  end
  return table.concat(words, ", ")
end

function World:leave_around(now, text, err)
  local around = self.c.nesting.around
  for i = #around, 1, -1 do
    if around[i].expires then now, err = self:through_timeout("outer timeout", around[i].seconds, now, err) end
  end
  return now, text, err
end

-- The names of what is compared, in the order in which to show it.
oracle.fields = { "log", "task", "observer", "scope", "boundary", "run", "reports" }

-- consulted, if given, gets the names of the rules that had a say.
function oracle.expect(combination, flipped, consulted)
  local world = setmetatable({ c = combination, flipped = flipped, consulted = consulted }, World)
  world:outside_requests()
  local task, body, failures, sibling_at = world:run_all()
  local now = math.max(task.at, body.at, sibling_at)
  if not world:holds "a scope ends with its last task" then now = body.at end
  local reports = {}
  local text, err = world:scope_outcome(body, failures, now, reports)
  world:report_unobserved(task, body, reports)
  if err and not err.ours and err.foreign and not world:holds "what user code raises passes untouched" then
    err = { label = "wrapped " .. err.label, foreign = true }
  end
  local out = {
    log = table.concat(task.log, ", "),
    observer = body.text,
    scope = shown(text, err, now),
    task = world:final(task),
  }
  local left, value, raised = world:leave_around(now, text, err)
  out.boundary = shown(value, raised, left)
  out.run = raised and world:holds "run raises main's error" and "raised " .. label(raised) or "main"
  out.reports = world:reported(reports)
  return out
end

if required_as == "spec.luaunit.oracle" then return oracle end

-- The suite ----------------------------------------------------------------------------------------------------------

local lu = require "luaunit"

TestOracle = {}

function TestOracle:test_every_rule_cites_the_contract()
  for _, entry in ipairs(oracle.rules) do
    lu.assertTrue(#entry.quote > 10, entry.name)
    lu.assertEquals(known[entry.name], entry, "two rules of one name")
  end
end

function TestOracle:test_every_rule_is_consulted()
  local consulted = {}
  for _, c in ipairs(dimensions.all()) do oracle.expect(c, nil, consulted) end
  for _, entry in ipairs(oracle.rules) do lu.assertTrue(consulted[entry.name], entry.name) end
end

function TestOracle:test_it_needs_nothing_of_asyncrt()
  for name in pairs(package.loaded) do lu.assertNil(name:match "^asyncrt", name) end
end

-- Worked out by hand from the contract.

local function find(list, name)
  for _, entry in ipairs(list) do
    if entry.name == name then return entry end
  end
  error("no such entry: " .. name)
end

local function expect(body, nesting, cancel, observer, sibling, birth)
  return oracle.expect {
    body = find(dimensions.bodies, body), nesting = find(dimensions.nestings, nesting),
    cancel = cancel, observer = observer, sibling = sibling, birth = birth or "spawn",
  }
end

local PLAIN = "nothing around the scope, nothing in the task"

function TestOracle:test_a_task_that_returns()
  lu.assertEquals(expect("returns", PLAIN, "never", "awaited", "none"), {
    log = "inner nil nil@10, outer nil@10", task = "done: true r1 r2", observer = "r1 r2@10",
    scope = "body@10", boundary = "body@10", run = "main", reports = "",
  })
end

function TestOracle:test_a_task_that_is_cancelled_while_it_waits()
  lu.assertEquals(expect("waits in close", PLAIN, "parked", "joined", "none"), {
    log = "inner cancelled(why) why@2, outer cancelled(why)@5.25",
    task = "cancelled: false task_cancelled(why)", observer = "false task_cancelled(why)@5.25",
    scope = "body@5.25", boundary = "body@5.25", run = "main", reports = "",
  })
end

function TestOracle:test_a_timeout_around_a_failing_scope()
  local nesting = "expiring timeout around the scope, nothing in the task"
  lu.assertEquals(expect("raises in close", nesting, "never", "awaited", "stubborn"), {
    log = "inner cancelled(timeout) timeout@4, outer E.close@4",
    task = "failed: false E.close", observer = "raised cancelled(timeout)@4",
    scope = "raised E.close@4.25", boundary = "raised E.close@4.25", run = "raised E.close",
    reports = "E.sibling of sibling",
  })
end

function TestOracle:test_a_shield_delays_a_cancel()
  lu.assertEquals(expect("returns", "nothing around the scope, shield in the task", "parked", "unawaited", "late"), {
    log = "inner nil nil@10, outer cancelled(failure)@10", task = "cancelled: false task_cancelled(failure)",
    observer = "", scope = "raised E.sibling@10", boundary = "raised E.sibling@10", run = "raised E.sibling",
    reports = "",
  })
end

os.exit(lu.LuaUnit.run(), true)
