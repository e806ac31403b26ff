-- Runtimes, tasks and scopes.
local async = require "asyncrt"
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local kinds, makers = values.kinds, values.makers
local on, meta, made = calls.on, calls.meta, calls.made

local function nothing() end

local function is_text(value) return type(value) == "string" end

local entries = {}

entries["hold:close"] = {}
entries["hold.__close"] = { name = "close" }
entries["hold.__tostring"] = { name = "tostring" }

-- Runtimes ------------------------------------------------------------------------------------------------------------

local function closed(env)
  env.rt:close()
  return env.rt
end

local function own(env) return env.rt end

local function on_closed(method, ...)
  return on("a closed one", closed, method, { at = "host", message = ("'%s' on a closed runtime"):format(method) }, ...)
end

local function on_own(method, ...)
  local message = "'%s' called from inside a task or callback of a running runtime"
  return on("that of the calling task", own, method, { at = "task", message = message:format(method) }, ...)
end

entries["runtime:run"] = { needs = "host", args = { kinds.callable },
  rows = { on_closed("run", nothing), on_own("run", nothing) } }
entries["runtime:tick"] = { needs = "host", args = { kinds.optional(kinds.seconds) },
  rows = { on_closed "tick", on_own "tick" } }
entries["runtime:fileno"] = { rows = { on_closed "fileno" } }
entries["runtime:stats"] = { rows = { on_closed "stats" } }
entries["runtime:now"] = { rows = { on_closed "now" } }
entries["runtime:spawn"] = { args = { kinds.callable }, rows = { on_closed("spawn", nothing) } }
entries["runtime:spawn_with"] = { args = { values.spawn_options, kinds.callable }, rows = {
  on_closed("spawn_with", {}, nothing),
  { "a scope of another runtime", at = "host",
    call = function(env)
      return calls.method(env.rt, "spawn_with", { scope = env:make(makers.scope, env.other) }, nothing)
    end,
    message = "'spawn_with' into a scope of another runtime" },
} }
entries["runtime:close"] = { needs = "host", args = { kinds.optional(kinds.seconds) }, rows = {
  on_own "close",
  on("a closed one", closed, "close", { at = "host", returns = {} }),
} }
entries["runtime.__close"] = { needs = "host", name = "close" }
entries["runtime.__gc"] = { at = "host", rows = {
  meta("that of the calling task", own, "__gc", { at = "task", message = "'__gc' on a runtime that is running" }),
  meta("a closed one", closed, "__gc", { returns = {} }),
} }
entries["runtime.__tostring"] = { name = "tostring" }

local function manual(env)
  return env:keep(async.runtime { clock = "manual" })
end

local BEYOND = "the clock cannot go beyond 2^62 nanoseconds"

local function far_ahead(env)
  local rt = manual(env)
  rt:advance(4e9)
  return rt
end

local dt = { expected = "number", takes = { number = true }, valid = 0, fine = { -1, 0.5, 1e-300, 4e9, -math.huge },
  bad = { { 0 / 0, "number of seconds is NaN" } } }
for _, n in ipairs { 2 ^ 62 / 1e9, 1e308, math.huge, math.maxinteger } do table.insert(dt.bad, { n, BEYOND }) end

local function real() return async.runtime() end

local function keep_real(env) return env:keep(real()) end

local NOT_REAL = "'%s' on a runtime whose clock is not real"
for _, name in ipairs { "pause", "resume" } do
  entries["runtime:" .. name] = { at = "host", self = keep_real, rows = {
    on_closed(name),
    on("a clock that is not real", own, name, { at = "host", message = NOT_REAL:format(name) }),
  } }
end

local factor = { expected = "number", takes = { number = true }, valid = 2, fine = { 0, 1e6, 1 }, bad = {} }
for _, n in ipairs { 0 / 0, -1, 1e7, math.huge, -math.huge } do
  table.insert(factor.bad, { n, "the factor must be a number from 0 to 1e6" })
end
entries["runtime:scale"] = { at = "host", self = keep_real, args = { factor }, rows = {
  on_closed("scale", 1),
  on("a clock that is not real", own, "scale", { at = "host", message = NOT_REAL:format("scale") }, 1),
} }

entries["runtime:advance"] = { needs = "host", self = manual, args = { dt, kinds.optional(kinds.seconds) }, rows = {
  on_closed("advance", 1),
  on("a clock that is not manual", own, "advance",
    { at = "host", message = "'advance' on a runtime whose clock is not manual" }, 1),
  on("too far in two steps", far_ahead, "advance",
    { at = "host", message = ("bad argument #1 to 'advance' (%s)"):format(BEYOND) }, 4e9),
} }

-- Tasks ---------------------------------------------------------------------------------------------------------------

local ended = {} -- by what they say they are

function ended.done(_, rt)
  local task = rt:spawn(nothing)
  async.yield()
  return task
end

function ended.failed(_, rt)
  local task = rt:spawn(error, "failed", 0)
  async.yield()
  return task
end

function ended.cancelled(_, rt)
  local task = rt:spawn(async.park)
  task:cancel("enough")
  async.yield()
  return task
end

-- Adds rows for a method on tasks that have ended, each of another runtime, which is open or closed by now. `expected`
-- has what must come of it, by status.
local function on_ended(entry, method, expected)
  entry.rows = entry.rows or {}
  for status, make in pairs(ended) do
    local function of_closed(env)
      local task = env:make(make, env.other)
      env.other:close()
      return task
    end
    table.insert(entry.rows, on(status, made(make, "other"), method, expected[status]))
    table.insert(entry.rows, on(status .. ", of a closed runtime", of_closed, method, expected[status]))
  end
  return entry
end

local function all(expected)
  return { done = expected, failed = expected, cancelled = expected }
end

local function is_enough(err) return err.kind == "task_cancelled" and err.reason == "enough" end

local function is_failed(err) return err == "failed" end

-- Of the calling task.
local function itself(method, ...)
  local seconds = ...
  return { "the calling task itself",
    call = function() return ("a.current():%s(rest)"):format(method), async, nil, nil, seconds end,
    raises = function(err) return err.kind == "deadlock" and err.message == "a task awaits itself" end }
end

entries["task:await"] = on_ended({ needs = "suspend", self = ended.done, rows = { itself "await" } }, "await",
  { done = { returns = {} }, failed = { raises = is_failed }, cancelled = { raises = is_enough } })
entries["task:join"] = on_ended({ needs = "suspend", self = ended.done, args = { kinds.optional(kinds.seconds) },
  rows = { itself "join", itself("join", 1) } }, "join",
  { done = { returns = { true } }, failed = { returns = { false, "failed" } },
    cancelled = { returns = { false, is_enough } } })
entries["task:status"] = on_ended({}, "status",
  { done = { returns = { "done" } }, failed = { returns = { "failed" } }, cancelled = { returns = { "cancelled" } } })
entries["task:id"] = on_ended({}, "id", all { returns = { math.tointeger } })
entries["task:name"] = on_ended({ args = { kinds.optional(kinds.string) } }, "name", all { returns = { nil, n = 1 } })
entries["task:traceback"] = on_ended({}, "traceback", all { returns = { is_text } })
entries["task:waiting_on"] = on_ended({}, "waiting_on", all { returns = { nil, n = 1 } })
entries["task:usage"] = on_ended({}, "usage", all { returns = { math.tointeger, nil, n = 2 } })
entries["task.__tostring"] = { name = "tostring" }
entries["task.__gc"] = {}

entries["task:cancel"] = on_ended({}, "cancel", all { returns = {} })
for _, sort in ipairs(values.sorts) do -- any value is a reason
  table.insert(entries["task:cancel"].rows, { "a reason: " .. sort, call = function(env)
    return calls.method(env:make(makers.task), "cancel", values.get(env, sort))
  end, returns = {} })
end

-- Scopes --------------------------------------------------------------------------------------------------------------

local ended_scope = made(function()
  local ended_one
  async.scope(function(scope) ended_one = scope end)
  return ended_one
end)
local foreign_scope = made(makers.scope, "other")

local function spawn_rows(method, ...)
  local too_many = { ... }
  local last = #too_many + 251
  for _ = 1, 251 do too_many[#too_many + 1] = true end
  return {
    on("one that has ended", ended_scope, method,
      { message = ("'%s' into a scope that has ended"):format(method) }, ...),
    on("one of another runtime", foreign_scope, method,
      { message = ("'%s' into a scope of another runtime"):format(method) }, ...),
    on("251 arguments", made(makers.scope), method,
      { message = ("bad argument #%d to '%s' (a task takes at most 250 arguments)"):format(last, method) },
      table.unpack(too_many)),
  }
end

for _, method in ipairs { "spawn", "try_spawn" } do
  entries["scope:" .. method] = { needs = "task", args = { kinds.callable }, rows = spawn_rows(method, nothing) }
end
entries["scope:spawn_with"] = { needs = "task", args = { values.spawn_options, kinds.callable },
  rows = spawn_rows("spawn_with", {}, nothing) }
entries["scope:cancel"] = { rows = { on("one that has ended", ended_scope, "cancel", { returns = {} }, "late") } }
entries["scope.__tostring"] = { name = "tostring" }

-- Only the task that opened a block can close it, where it may suspend.
local function close_rows(on_or_meta, name)
  local scope = made(makers.scope)
  local not_its = { message = "'close' on a scope that is not this task's block" }
  return {
    on_or_meta("one that has ended", ended_scope, name, { at = "host", returns = {} }),
    on_or_meta("one of another task", scope, name, not_its),
    on_or_meta("one of another runtime", foreign_scope, name, not_its),
    on_or_meta("outside a task", scope, name, { at = "host", message = "'close' called outside a task" }),
    on_or_meta("in a comparator", scope, name, { at = "comparator",
      message = "'close' cannot suspend here: 'table.sort' is in the way" }),
  }
end

entries["scope:close"] = { nowhere = true, rows = close_rows(on, "close") }
entries["scope.__close"] = { nowhere = true, name = "close", rows = close_rows(meta, "__close") }

return entries
