-- Streams.
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local kinds, makers = values.kinds, values.makers
local on, meta, made = calls.on, calls.meta, calls.made

local entries = {}

local is_closed = { returns = { nil, "closed", "closed" } }
local nothing_happens = { returns = {} }
local a_stream = made(makers.stream)

local function closed(env)
  local stream = a_stream(env)
  stream:close()
  return stream
end

-- It belongs to the runtime that connected it.
local function on_foreign(method, ...)
  return on("one of another runtime", made(makers.stream, "other"), method,
    { message = ("'%s' on a socket of another runtime"):format(method) }, ...)
end

-- Reading

local size = kinds.integer(0, math.maxinteger, 1)

local format = { optional = true, expected = "string", takes = { number = true, string = true }, valid = "l",
  fine = { "L", "a", "*l", "line", 1, 0, 2 ^ 40 },
  bad = {
    { "", "invalid format" }, { "x", "invalid format" }, { "1", "invalid format" }, { "*", "invalid format" },
  } }
table.move(size.bad, 1, #size.bad, #format.bad + 1, format.bad)

local separator = { expected = "string", takes = { string = true }, valid = "\n", fine = { "\0", ("x"):rep(1000) },
  bad = { { "", "separator is empty" } } }

entries["stream:read"] = { needs = "suspend", args = { format }, rows = {
  on("a closed one", closed, "read", is_closed),
  on_foreign "read",
  on("two formats", a_stream, "read", { message = "bad argument #2 to 'read' (one format at a time)" }, "l", "l"),
} }
entries["stream:read_exactly"] = { needs = "suspend", args = { size }, rows = {
  on("a closed one", closed, "read_exactly", is_closed, 1),
  on_foreign("read_exactly", 1),
} }
entries["stream:read_until"] = { needs = "suspend", args = { separator, kinds.optional(size) }, rows = {
  on("a closed one", closed, "read_until", is_closed, "x"),
  on_foreign("read_until", "x"),
} }
entries["stream:lines"] = { args = { format }, rows = {
  { "the iterator, outside a task", at = "host", call = function(env) return calls.plain(a_stream(env):lines()) end,
    message = "'lines' called outside a task" },
  { "the iterator of a closed one", call = function(env) return calls.plain(closed(env):lines()) end, returns = {} },
} }

-- Writing

local bytes = { expected = "string", takes = { string = true, number = true }, valid = "bytes",
  fine = { "", "\0", 1, 1.5, 0 / 0, math.huge } }
local what = { expected = "string", takes = { string = true }, valid = "send", bad = {
  { "", "invalid option ''" }, { "receive", "invalid option 'receive'" }, { "1", "invalid option '1'" } } }

entries["stream:write"] = { needs = "suspend", args = { kinds.optional(bytes) }, rows = {
  on("a closed one", closed, "write", { returns = { nil, "closed", "closed", 0 } }, "x"),
  on_foreign("write", "x"),
  on("nil", a_stream, "write", { message = "bad argument #1 to 'write' (string expected, got nil)" }, nil),
  on("the third", a_stream, "write", { message = "bad argument #3 to 'write' (string expected, got table)" },
    "x", 1, {}),
} }
entries["stream:shutdown"] = { needs = "suspend", args = { what }, rows = {
  on("a closed one", closed, "shutdown", is_closed, "send"),
  on_foreign("shutdown", "send"),
} }

-- The rest

local timeout = {}
for key, value in pairs(kinds.seconds) do timeout[key] = value end
timeout.takes = { number = true, ["nil"] = true }

entries["stream:settimeout"] = { args = { timeout }, rows = {
  on("a closed one", closed, "settimeout", nothing_happens, 1),
} }
entries["stream:readable"] = {}
entries["readable.__tostring"] = { name = "tostring", rows = {
  meta("a closed one", function(env) return closed(env):readable() end, "__tostring",
    { returns = { "readable stream (closed)" } }),
} }
entries["stream:peer"] = { rows = { on("a closed one", closed, "peer", is_closed) } }
entries["stream:address"] = { rows = { on("a closed one", closed, "address", is_closed) } }
entries["stream:close"] = { rows = { on("a closed one", closed, "close", nothing_happens) } }
entries["stream.__close"] = { name = "close" }
entries["stream.__gc"] = { rows = { meta("a closed one", closed, "__gc", nothing_happens) } }
entries["stream.__tostring"] = { name = "tostring", rows = {
  meta("a closed one", closed, "__tostring", { returns = { "stream (closed)" } }),
} }

-- What waits for a lookup: no script ever gets one.
entries["lookup.__gc"] = { nowhere = true }

return entries
