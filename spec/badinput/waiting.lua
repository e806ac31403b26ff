-- Futures, wakers and intervals; errors and locals, which are tables with metamethods.
local async = require "asyncrt"
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local kinds, makers = values.kinds, values.makers
local on, meta, made = calls.on, calls.meta, calls.made

local function is_text(value) return type(value) == "string" end

local entries = {}

-- Futures

local function resolved()
  local future = async.future()
  future:resolve(1, nil)
  return future
end

local function rejected()
  local future = async.future()
  future:reject("rejected")
  pcall(future.await, future) -- somebody has to take it
  return future
end

local function is_rejected(err) return err == "rejected" end

entries["future:await"] = { needs = "suspend", self = resolved, rows = {
  on("a resolved one", made(resolved), "await", { returns = { 1, nil, n = 2 } }),
  on("a rejected one", made(rejected), "await", { raises = is_rejected }),
} }
entries["future:resolve"] = { rows = {
  on("an open one", made(makers.future), "resolve", { returns = { true } }),
  on("a resolved one", made(resolved), "resolve", { returns = { false } }, "late"),
  on("a rejected one", made(rejected), "resolve", { returns = { false } }, "late"),
} }
entries["future:reject"] = { self = resolved, rows = { -- nobody would take the error of an open one
  on("a resolved one", made(resolved), "reject", { returns = { false } }, "late"),
  on("a rejected one", made(rejected), "reject", { returns = { false } }, "late"),
} }
entries["future:done"] = { rows = {
  on("an open one", made(makers.future), "done", { returns = { false } }),
  on("a resolved one", made(resolved), "done", { returns = { true } }),
} }
entries["future.__gc"] = { rows = { meta("a rejected one", made(rejected), "__gc", { returns = {} }) } }
entries["future.__tostring"] = { name = "tostring" }

-- Wakers

local function of_ended_task(_, rt)
  local waker
  rt:spawn(function() waker = async.waker() end)
  async.yield()
  return waker
end

local function of_closed_runtime(env)
  local waker = env:make(makers.waker, env.other)
  env.other:close()
  return waker
end

entries["waker:wake"] = { rows = {
  on("of a task that has ended", made(of_ended_task), "wake", { returns = {} }),
  on("of a closed runtime", of_closed_runtime, "wake", { returns = {} }),
  on("of another runtime", made(makers.waker, "other"), "wake", { returns = {} }),
} }
entries["waker.__tostring"] = { name = "tostring" }

-- Intervals

local function short() return async.interval(0.5) end

local function endless() return async.interval(math.huge) end

entries["interval:wait"] = { needs = "suspend", rows = {
  on("one that ticks", made(short), "wait", { returns = { 1, 0 } }),
  on("one of another runtime", made(short, "other"), "wait", { returns = { 1, 0 } }),
  on("one that never ticks", made(endless), "wait", { waits = true }),
} }
entries["interval.__call"] = { needs = "suspend", name = "interval" }
entries["interval.__tostring"] = { name = "tostring" }

-- Errors

local function broken(env)
  local err = env:make(makers.error)
  err.message = setmetatable({}, { __tostring = function() error "no words" end })
  return err
end

entries["error.__tostring"] = { name = "tostring", rows = {
  meta("a message without words", broken, "__tostring", { returns = { is_text } }),
} }
entries["error.__index"] = { rows = {
  meta("a field that is not there", made(makers.error), "__index", { returns = { nil } }, "bogus"),
  meta("a key that is no string", made(makers.error), "__index", { returns = { nil } }, {}),
  meta("the traceback", made(makers.error), "__index", { returns = { is_text } }, "traceback"),
} }

-- Locals

local a_task_s = made(makers.locals)

local function step(what, got, ...)
  local args = table.pack(...)
  return { what, call = function(env) return calls.plain((pairs(a_task_s(env))), table.unpack(args, 1, args.n)) end,
    message = ("bad argument #1 to 'next' (asyncrt.locals expected, got %s)"):format(got) }
end

entries["locals.__index"] = { args = { kinds.optional(kinds.any) } }
entries["locals.__newindex"] = { valid = function() return "key", 1 end, rows = {
  meta("nil as a key", a_task_s, "__newindex", { message = "index is nil" }, nil, 1),
  meta("NaN as a key", a_task_s, "__newindex", { message = "index is NaN" }, 0 / 0, 1),
} }
entries["locals.__pairs"] = { rows = {
  step("the iterator alone", "no value"),
  step("the iterator with another table", "table", {}),
} }
entries["locals.__len"] = {}

return entries
