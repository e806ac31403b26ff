-- async.net, copy, listeners and servers.
local async = require "asyncrt"
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local kinds, field, makers = values.kinds, values.field, values.makers
local on, meta, of, made = calls.on, calls.meta, calls.of, calls.made

local function nothing() end

local function is_text(value) return type(value) == "string" end

local entries = {}

-- Functions -----------------------------------------------------------------------------------------------------------

local host = { expected = "string", takes = { string = true }, valid = "127.0.0.1", bad = {
  { "", "host is empty" }, { "unix:", "path is empty" },
  { "127.0.0.1\0", "host contains zeros" }, { "unix:/tmp/a\0b", "host contains zeros" },
} }
local port = kinds.integer(0, 65535, 1)
local long_path = "unix:/" .. ("x"):rep(200)

local function connect(what, expected, ...)
  return of(what, async.net.connect, expected, ...)
end

entries["net.connect"] = { needs = "suspend",
  args = { host, port, kinds.options { nodelay = field.boolean, keepalive = field.boolean } },
  rows = {
    connect("every interface", { message = "bad argument #1 to 'connect' ('*' is for listen)" }, "*", 80),
    connect("an option of listen's", { message = "bad argument #3 to 'connect' (unknown option 'backlog')" },
      "127.0.0.1", 1, { backlog = 1 }),
    connect("a path with a port", { message = "bad argument #2 to 'connect' (table expected, got number)" },
      "unix:/nowhere", 80),
    connect("a path with wrong options",
      { message = "bad argument #2 to 'connect' (field 'nodelay' must be a boolean)" },
      "unix:/nowhere", { nodelay = 1 }),
    connect("a long path", { returns = { nil, is_text, "ENAMETOOLONG" } }, long_path),
    connect("a path that is not there", { returns = { nil, is_text, "ENOENT" } }, "unix:/nowhere/at/all"),
  } }

local function options_of_listen()
  return { nodelay = field.boolean, keepalive = field.boolean, reuseaddr = field.boolean, reuseport = field.boolean,
    backlog = field.positive }
end

local function listen(what, expected, ...)
  return of(what, async.net.listen, expected, ...)
end

entries["net.listen"] = { nowhere = true, args = { host, port, kinds.options(options_of_listen()) }, rows = {
  { "outside a task", at = "host", call = function(env) return "b:keep(a('127.0.0.1', 0))", async.net.listen, env end },
  listen("a name, outside a task", { at = "host", message = "'listen' called outside a task" }, "localhost", 0),
  listen("not our address", { returns = { nil, is_text, "EADDRNOTAVAIL" } }, "192.0.2.1", 0),
  listen("a long path", { returns = { nil, is_text, "ENAMETOOLONG" } }, long_path),
  listen("a path that cannot be", { returns = { nil, is_text, "ENOENT" } }, "unix:/nowhere/at/all"),
} }

local options_of_serve = options_of_listen()
options_of_serve.limit, options_of_serve.grace = field.positive, field.seconds

local function serve(what, expected, ...)
  return of(what, async.net.serve, expected, ...)
end

entries["net.serve"] = { nowhere = true,
  args = { host, port, kinds.callable, kinds.options(options_of_serve) },
  rows = {
    serve("outside a task", { at = "host", message = "'serve' called outside a task" }, "127.0.0.1", 0, nothing),
    serve("a path alone", { message = "bad argument #2 to 'serve' (function expected, got no value)" },
      "unix:/nowhere"),
    serve("a path with wrong options",
      { message = "bad argument #3 to 'serve' (field 'limit' must be a positive integer)" },
      "unix:/nowhere", nothing, { limit = 0 }),
    serve("a path that cannot be", { returns = { nil, is_text, "ENOENT" } }, "unix:/nowhere/at/all", nothing),
  } }

-- Anything with a method of that name will do.
local FROM, TO = "stream to read from expected", "stream to write to expected"
local reader, writer = { read = nothing }, { write = nothing }

local function copy_row(what, n, problem, ...)
  return of(what, async.copy, { message = ("bad argument #%d to 'copy' (%s)"):format(n, problem) }, ...)
end

entries.copy = { needs = "suspend", valid = function() return reader, writer end, rows = {
  copy_row("no arguments", 1, FROM), copy_row("one argument", 2, TO, reader),
  copy_row("nil", 1, FROM, nil, writer), copy_row("a number", 1, FROM, 1, writer),
  copy_row("a string", 1, FROM, "x", writer), copy_row("a table", 1, FROM, {}, writer),
  copy_row("a writer to read from", 1, FROM, writer, writer),
  copy_row("nil to write to", 2, TO, reader, nil), copy_row("a reader to write to", 2, TO, reader, reader),
} }

-- Listeners -----------------------------------------------------------------------------------------------------------

local is_closed = { returns = { nil, "closed", "closed" } }
local nothing_happens = { returns = {} }
local a_listener = made(makers.listener)

local function closed_listener(env)
  local listener = a_listener(env)
  listener:close()
  return listener
end

entries["listener:accept"] = { needs = "suspend", rows = {
  on("a closed one", closed_listener, "accept", is_closed),
  on("one of another runtime", made(makers.listener, "other"), "accept",
    { message = "'accept' on a socket of another runtime" }),
} }
entries["listener:accepts"] = { rows = {
  { "the iterator, outside a task", at = "host", call = function(env) return calls.plain(a_listener(env):accepts()) end,
    message = "'accepts' called outside a task" },
  { "the iterator of a closed one", call = function(env) return calls.plain(closed_listener(env):accepts()) end,
    returns = {} },
} }
entries["listener:address"] = { rows = { on("a closed one", closed_listener, "address", is_closed) } }
entries["listener:close"] = { rows = { on("a closed one", closed_listener, "close", nothing_happens) } }
entries["listener.__close"] = { name = "close" }
entries["listener.__gc"] = { rows = { meta("a closed one", closed_listener, "__gc", nothing_happens) } }
entries["listener.__tostring"] = { name = "tostring", rows = {
  meta("a closed one", closed_listener, "__tostring", { returns = { "listener (closed)" } }),
} }

-- Servers -------------------------------------------------------------------------------------------------------------

local function stopped(env)
  local server = env:make(makers.server)
  env.rt:run(server.stop, server)
  return server
end

entries["server:address"] = { rows = {
  on("one that has stopped", stopped, "address", { returns = { "127.0.0.1", math.tointeger } }),
} }
entries["server:stop"] = { needs = "suspend", args = { kinds.optional(kinds.seconds) }, rows = {
  on("one that has stopped", stopped, "stop", { returns = { true } }),
} }
entries["server:wait"] = { needs = "suspend", rows = { on("one that has stopped", stopped, "wait", nothing_happens) } }
entries["server:close"] = { rows = { on("one that has stopped", stopped, "close", nothing_happens) } }
entries["server.__close"] = { needs = "unwinding", name = "close" }
entries["server.__tostring"] = { name = "tostring" }

return entries
