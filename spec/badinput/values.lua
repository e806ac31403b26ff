-- Values to call with. Every sort has a name of its own here, which is not always the one that messages use.
local async = require "asyncrt"

local values = {}

-- Handles ----------------------------------------------------------------------------------------------------------

-- makers[sort](env, rt) runs in a task of that runtime's.
local makers = {}
values.makers = makers

local function nothing() end

function makers.task(_, rt)
  return rt:spawn(async.park)
end

function makers.scope(_, rt)
  local made
  rt:spawn(function()
    local scope <close> = async.scope()
    made = scope
    async.park()
  end)
  async.yield()
  return made
end

function makers.waker(_, rt)
  local made
  rt:spawn(function()
    made = async.waker()
    async.sleep(math.huge)
  end)
  async.yield()
  return made
end

function makers.future()
  return async.future()
end

function makers.runtime(env)
  return env:keep(async.runtime { clock = "virtual" })
end

-- With room, and with something in it.
function makers.channel()
  local channel = async.channel(2)
  channel:send("a message")
  return channel
end

function makers.broadcast()
  return async.broadcast(2)
end

-- With something in it.
function makers.subscription()
  return async.watch("a message"):subscribe()
end

function makers.watch()
  return async.watch("a value")
end

function makers.sending()
  return async.channel():sending("a message")
end

function makers.deadline()
  return async.after(1)
end

-- Closed: calls that wait are given a second of this clock.
function makers.hold()
  local hold = async.clock_hold()
  hold:close()
  return hold
end

function makers.mutex()
  return async.mutex()
end

function makers.semaphore()
  return async.semaphore(1)
end

function makers.rwlock()
  return async.rwlock()
end

function makers.condition()
  return async.condition()
end

function makers.barrier()
  return async.barrier(1)
end

function makers.guard()
  return async.semaphore(1):acquire()
end

function makers.event()
  return async.event()
end

function makers.interval()
  return async.interval(1)
end

function makers.listener(env)
  return env:keep(assert(async.net.listen("127.0.0.1", 0)))
end

-- Connected, and with bytes to read.
function makers.stream(env)
  local listener <close> = assert(async.net.listen("127.0.0.1", 0))
  local stream = env:keep(assert(async.net.connect(listener:address())))
  local peer = env:keep(assert(listener:accept()))
  assert(peer:write("one line\nand a half"))
  return stream
end

function makers.readable(env)
  return makers.stream(env):readable()
end

function makers.server(env, rt)
  local made
  rt:spawn(function()
    made = assert(async.net.serve("127.0.0.1", 0, nothing))
    async.park()
  end)
  async.yield()
  return made
end

makers["error"] = function()
  local _, err = pcall(async.timeout, 0, async.yield)
  return err
end

makers["locals"] = function()
  return async.locals()
end

-- Everything ----------------------------------------------------------------------------------------------------------

-- In the order of the rows: what messages call them, and the value or, of handles, nothing yet.
values.sorts = { "nil", "boolean", "number", "string", "table", "function", "thread", "file", "light" }
local plain = {
  boolean = { "boolean", true },
  number = { "number", 0 },
  string = { "string", "1" }, -- which Lua would convert
  table = { "table", {} },
  ["function"] = { "function", nothing },
  thread = { "thread", coroutine.create(nothing) },
  file = { "FILE*", io.stdout },
  light = { "light userdata", debug.upvalueid(makers.task, 1) },
  ["nil"] = { "nil", nil },
}
local handles = {}
for sort in pairs(makers) do handles[#handles + 1] = sort end
table.sort(handles)
table.move(handles, 1, #handles, #values.sorts + 1, values.sorts)

function values.type_name(sort)
  return plain[sort] and plain[sort][1] or "asyncrt." .. sort
end

-- The value of that sort; a handle is made once in an environment.
function values.get(env, sort)
  if plain[sort] then return plain[sort][2] end
  local key = "one " .. sort
  if env[key] == nil then env[key] = env:make(makers[sort]) end
  return env[key]
end

-- Kinds of arguments --------------------------------------------------------------------------------------------------

-- What an argument must be. A kind has: `expected`, as messages put it; `takes`, the sorts that will do; `valid`, a
-- value; `bad`, pairs of a value of the right type and what is wrong with it; `fine`, more that will do; `optional`;
-- `fields`, the options of a table.
local kinds = {}
values.kinds = kinds

local function set(...)
  local members = {}
  for _, sort in ipairs { ... } do members[sort] = true end
  return members
end

local NAN = 0 / 0

kinds.callable = {
  expected = "function",
  takes = set("function", "interval", "channel", "subscription"),
  valid = nothing,
  fine = {
    setmetatable({}, { __call = nothing }),
    setmetatable({}, { __call = nothing, __metatable = false }),
    setmetatable({}, { __call = setmetatable({}, { __call = nothing }) }),
  },
}

kinds.seconds = {
  expected = "number",
  takes = set("number"),
  valid = 0,
  bad = { { NAN, "number of seconds is NaN" } },
  fine = { -1, -0.0, 1, 0.25, 1e-300, 1e308, math.huge, -math.huge, math.mininteger, math.maxinteger },
}

kinds.string = { expected = "string", takes = set("string"), valid = "text", fine = { "", "\0", ("x"):rep(1e5) } }

local tables = set("table", "locals", "error", "interval", "server", "broadcast", "watch")

-- Any value at all, if there is one.
kinds.any = { any = true, valid = 1 }

function kinds.integer(low, high, valid)
  local kind = { expected = "number", takes = set("number"), valid = valid }
  kind.bad = {
    { 1.5, "number has no integer representation" },
    { NAN, "number has no integer representation" },
    { math.huge, "number has no integer representation" },
    { 1e300, "number has no integer representation" },
  }
  for _, n in ipairs { low - 1, math.mininteger, high ~= math.maxinteger and high + 1 or nil } do
    table.insert(kind.bad, { n, ("%d is not in %d..%d"):format(n, low, high) })
  end
  return kind
end

function kinds.optional(kind)
  local copy = { optional = true }
  for key, value in pairs(kind) do copy[key] = value end
  return copy
end

-- Options: a table. fields[name] = {expected =, takes =, bad = {values}}
function kinds.options(fields)
  return { expected = "table", takes = tables, valid = {}, optional = true, fields = fields, bad = {
    { { bogus = 1 }, "unknown option 'bogus'" },
    { { 1 }, "unknown option '1'" },
    { { [true] = 1 }, "unknown option 'true'" },
  } }
end

values.field = {
  boolean = { expected = "a boolean", takes = set("boolean") },
  string = { expected = "a string", takes = set("string") },
  callable = { expected = "a function", takes = set("function", "interval", "channel", "subscription") },
  integer = { expected = "an integer", takes = set("number"), bad = { 1.5, 0.0, NAN, math.huge } },
  positive = { expected = "a positive integer", takes = {}, bad = { 0, -1, 1.5, NAN, math.huge, 2 ^ 31 } },
  seconds = { expected = "a number of seconds", takes = set("number"), bad = { NAN } },
  scope = { expected = "a scope", takes = set("scope") },
  slice = { expected = "a number of seconds above 0", takes = set("number"), bad = { NAN, 0, -1, -math.huge } },
  hog = { expected = '"kill"', takes = {}, bad = { "Kill", "" } },
}

local field = values.field

values.spawn_options = kinds.options {
  name = field.string, scope = field.scope, daemon = field.boolean, supervise = field.boolean, slice = field.slice,
  hog = field.hog, untrusted = field.boolean,
}
values.spawn_options.optional = nil

return values
