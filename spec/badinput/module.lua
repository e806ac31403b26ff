-- The functions of the module.
local async = require "asyncrt"
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local kinds, field, makers = values.kinds, values.field, values.makers
local of = calls.of

local function nothing() end

local function is_text(value) return type(value) == "string" end

local entries = {}

-- Running and spawning ------------------------------------------------------------------------------------------------

local TOO_MANY = "bad argument #%d to '%s' (a task takes at most 250 arguments)"

entries.run = { needs = "main", at = "host", args = { kinds.callable }, rows = {
  of("251 arguments for main", async.run, { message = TOO_MANY:format(252, "run") }, nothing, calls.numbers(251)),
} }

entries.runtime = { needs = "runtime", at = "host", args = { kinds.options {
  clock = { expected = '"real", "virtual" or "manual"', takes = {}, bad = { "sundial", "Real", "" } },
  seed = field.integer,
  driver = { expected = '"auto", "epoll" or "poll"', takes = {}, bad = { "kqueue", "" } },
  on_error = field.callable,
  deadlock = field.boolean,
  frame = field.slice,
  slice = field.slice,
  hog = field.hog,
  slow = field.slice,
  on_slow = field.callable,
} } }

for _, name in ipairs { "spawn", "try_spawn", "detach" } do
  entries[name] = { needs = "task", args = { kinds.callable }, rows = {
    of("251 arguments", async[name], { message = TOO_MANY:format(252, name) }, nothing, calls.numbers(251)),
  } }
end

local function spawn_into(make)
  return function(env) return calls.plain(async.spawn_with, { scope = make(env) }, nothing) end
end

local function ended_scope()
  local ended
  async.scope(function(scope) ended = scope end)
  return ended
end

entries.spawn_with = { needs = "task", args = { values.spawn_options, kinds.callable }, rows = {
  of("251 arguments", async.spawn_with, { message = TOO_MANY:format(253, "spawn_with") },
    {}, nothing, calls.numbers(251)),
  { "a scope that has ended", call = spawn_into(calls.made(ended_scope)),
    message = "'spawn_with' into a scope that has ended" },
  { "a scope of another runtime", call = spawn_into(calls.made(makers.scope, "other")),
    message = "'spawn_with' into a scope of another runtime" },
} }

local function critical_of(...) return async.critical(...) end

entries.critical = { args = { kinds.callable }, rows = {
  { "in an untrusted task", message = "'critical' called in an untrusted task", call = function()
    return calls.plain(function()
      local task = async.spawn_with({ untrusted = true }, pcall, critical_of, nothing)
      local _, _, err = task:join()
      error((err:gsub("^.-: ", "row:1: ")), 0)
    end)
  end },
} }

entries.current = { needs = "task", rows = { of("arguments", async.current, {}, 1, {}) } }
entries.waker = { needs = "task" }
entries.locals = { needs = "task" }
entries.yield = { needs = "suspend" }
entries.park = { needs = "suspend" }
entries.cancelling = { rows = { of("outside a task", async.cancelling, { at = "host", returns = { nil, n = 1 } }) } }

-- Scopes --------------------------------------------------------------------------------------------------------------

-- Without a function it is the scope of a block.
local function scope_kind()
  local takes = { ["function"] = true, interval = true, channel = true, subscription = true }
  for _, sort in ipairs { "nil", "table", "error", "locals", "server", "broadcast", "watch" } do takes[sort] = true end
  return { optional = true, expected = "function", takes = takes, valid = nothing, fine = kinds.callable.fine,
    fields = { supervise = field.boolean }, bad = { { { bogus = 1 }, "unknown option 'bogus'" } } }
end

local function bad_scope(what, message, ...)
  return of(what, async.scope, { message = message }, ...)
end

entries.scope = { needs = "suspend", args = { scope_kind() }, rows = {
  bad_scope("nil and options", "bad argument #1 to 'scope' (function expected, got nil)", nil, {}),
  bad_scope("two tables", "bad argument #1 to 'scope' (function expected, got table)", {}, {}),
  bad_scope("wrong options", "bad argument #2 to 'scope' (field 'supervise' must be a boolean)",
    nothing, { supervise = 1 }),
  bad_scope("unknown options", "bad argument #2 to 'scope' (unknown option 'bogus')", nothing, { bogus = 1 }),
  bad_scope("no options", "bad argument #2 to 'scope' (table expected, got number)", nothing, 1),
} }

entries.shield = { needs = "unwinding", args = { kinds.callable } }
entries.timeout = { needs = "suspend", args = { kinds.seconds, kinds.callable },
  valid = function() return 1, nothing end }
entries.try_timeout = { needs = "suspend", args = { kinds.seconds, kinds.callable } }

-- Time ----------------------------------------------------------------------------------------------------------------

entries.sleep = { needs = "suspend", args = { kinds.seconds }, rows = {
  of("for ever", async.sleep, { waits = true }, math.huge),
  of("beyond 2^62 ns", async.sleep, { waits = true }, 1e300),
  of("a negative time", async.sleep, { returns = {} }, -1e300),
} }
entries.next_frame = { needs = "suspend" }
entries.sleep_until = { needs = "suspend", args = { kinds.seconds } }

entries.clock_hold = { nowhere = true, rows = {
  of("while no runtime runs", async.clock_hold,
    { at = "host", message = "'clock_hold' called while no runtime runs" }),
} }

entries.now = { nowhere = true, rows = {
  of("while no runtime runs", async.now,
    { at = "host", message = "'now' called while no runtime runs: use rt:now()" }),
  of("in a task", async.now, { returns = { 0.0 } }),
  of("in a callback", async.now, { at = "callback", returns = { 0.0 } }),
  of("in a coroutine", async.now, { at = "coroutine", returns = { 0.0 } }),
} }

local period = { expected = "number", takes = { number = true }, valid = 1, fine = { 1e-9, 1e300, math.huge },
  bad = { { 0 / 0, "number of seconds is NaN" } } }
for _, n in ipairs { 0, -1, -math.huge, 9e-10, math.mininteger } do
  table.insert(period.bad, { n, "period must be at least a nanosecond" })
end
entries.interval = { args = { period } }

-- Futures and polls ---------------------------------------------------------------------------------------------------

local ready = setmetatable({}, { __call = function() return 1 end })
entries.poll = { needs = "suspend", args = { kinds.callable }, valid = function() return ready end }
entries.future = { args = { kinds.optional(kinds.callable) } }

-- Errors --------------------------------------------------------------------------------------------------------------

local function is_io(message, code)
  return function(err) return err.kind == "io" and err.message:find(message) and err.code == code end
end

entries.check = { args = { kinds.any }, rows = {
  of("no message", async.check, { raises = is_io("^operation failed$") }, nil),
  of("false", async.check, { raises = is_io("^why$", "ENOENT") }, false, "why", "ENOENT"),
  of("a message that is no string", async.check, { raises = is_io("^table: ", 5) }, nil, {}, 5),
} }

-- For any value, or none.
for _, name in ipairs { "is_cancelled", "is_timeout" } do
  local entry = { rows = { of("nothing", async[name], { returns = { false } }) } }
  for _, sort in ipairs(values.sorts) do
    table.insert(entry.rows, { sort, call = function(env) return calls.plain(async[name], values.get(env, sort)) end,
      returns = { name == "is_timeout" and sort == "error" } })
  end
  entries[name] = entry
end

local unprintable = setmetatable({}, { __tostring = function() error "no words" end })
entries.traceback = { rows = { of("an error without words", async.traceback, { returns = { is_text } }, unprintable) } }
for _, sort in ipairs(values.sorts) do
  for _, at in ipairs { "host", "task" } do
    table.insert(entries.traceback.rows, { sort, at = at,
      call = function(env) return calls.plain(async.traceback, values.get(env, sort)) end, returns = { is_text } })
  end
end

-- Seeing inside -------------------------------------------------------------------------------------------------------

local function is_list(value) return type(value) == "table" and #value > 0 end

entries.tasks = { rows = { of("in a task", async.tasks, { returns = { is_list } }) } }

entries.stats = { nowhere = true, rows = {
  of("while no runtime runs", async.stats,
    { at = "host", message = "'stats' called while no runtime runs: use rt:stats()" }),
  of("in a task", async.stats, { returns = { function(value) return value.live == 1 end } }),
  of("in a callback", async.stats, { at = "callback", returns = { function(value) return value.live == 0 end } }),
  of("in a coroutine", async.stats, { at = "coroutine", returns = { function(value) return value.live == 1 end } }),
} }

entries.profile = { args = { { expected = "boolean", takes = { boolean = true }, valid = false } }, rows = {
  of("twice", async.profile, { returns = { false } }, false),
} }

local null = assert(io.open("/dev/null", "w")) -- open for as long as the specs run
local writer = { write = function() return true end }

local function closed_file()
  local file = assert(io.open("/dev/null", "w"))
  file:close()
  return file
end

entries.dump = { valid = function() return null end, args = { { expected = "file or stream", optional = true,
  takes = { file = true, stream = true }, fine = { writer } } }, rows = {
  of("a closed file", async.dump, { returns = { nil, "closed", "closed" } }, closed_file()),
  of("a table whose write is no function", async.dump,
    { message = "bad argument #1 to 'dump' (file or stream expected, got table)" }, { write = 1 }),
  of("a writer that fails", async.dump, { returns = { nil, "full", "ENOSPC" } },
    { write = function() return nil, "full", 28 end }),
} }

return entries
