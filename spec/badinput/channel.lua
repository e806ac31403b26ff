-- Channels.
local async = require "asyncrt"
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local kinds, makers = values.kinds, values.makers
local on, of, meta, made = calls.on, calls.of, calls.meta, calls.made

local entries = {}

local MOST = 2147483648

local capacity = { optional = true, expected = "number", takes = { number = true }, valid = 0,
  fine = { 1, MOST, 3.0, math.huge }, bad = {} }
for _, n in ipairs { 1.5, -0.5, 0 / 0, -math.huge, 1e300 } do
  table.insert(capacity.bad, { n, "number has no integer representation" })
end
for _, n in ipairs { -1, MOST + 1, math.mininteger, math.maxinteger } do
  table.insert(capacity.bad, { n, ("%d is not in 0..%d"):format(n, MOST) })
end
entries.channel = { args = { capacity } }

local function rendezvous() return async.channel() end

local function full()
  local channel = async.channel(1)
  channel:send("a message")
  return channel
end

local function closed()
  local channel = async.channel(1)
  channel:close()
  return channel
end

local is_closed = { returns = { nil, "closed", "closed" } }

-- What nobody takes must be something.
local message = { expected = "value", takes = {}, valid = "a message", fine = { false, 0 / 0, {} } }
for _, sort in ipairs(values.sorts) do message.takes[sort] = sort ~= "nil" end

entries["channel:send"] = { needs = "suspend", args = { message }, rows = {
  on("a rendezvous", made(rendezvous), "send", { waits = true }, 1),
  on("a full one", made(full), "send", { waits = true }, 1),
  on("a closed one", made(closed), "send", is_closed, 1),
} }
entries["channel:try_send"] = { args = { message }, rows = {
  on("a rendezvous", made(rendezvous), "try_send", { returns = { nil, "full", "full" } }, 1),
  on("a full one", made(full), "try_send", { returns = { nil, "full", "full" } }, 1),
  on("a closed one", made(closed), "try_send", is_closed, 1),
} }
entries["channel:recv"] = { needs = "suspend", rows = {
  on("a rendezvous", made(rendezvous), "recv", { waits = true }),
  on("a full one", made(full), "recv", { returns = { "a message" } }),
  on("a closed one", made(closed), "recv", is_closed),
} }
entries["channel:try_recv"] = { rows = {
  on("a rendezvous", made(rendezvous), "try_recv", { returns = { nil, "empty", "empty" } }),
  on("a closed one", made(closed), "try_recv", is_closed),
} }
entries["channel:close"] = { rows = { on("a closed one", made(closed), "close", { returns = {} }) } }
entries["channel:name"] = { args = { kinds.optional(kinds.string) } }
entries["channel.__call"] = { needs = "suspend", name = "recv", rows = {
  meta("a closed one", made(closed), "__call", { returns = {} }),
} }
entries["channel.__close"] = { name = "close" }
entries["channel.__len"] = { name = "len", rows = {
  meta("a full one", made(full), "__len", { returns = { 1 } }),
  meta("a closed one", made(closed), "__len", { returns = { 0 } }),
} }
entries["channel.__tostring"] = { name = "tostring" }

-- What select takes

entries["channel:sending"] = { args = { message } }
entries["sending.__tostring"] = { name = "tostring" }
entries.after = { args = { kinds.seconds } }
entries.at = { args = { kinds.seconds } }
entries["deadline.__tostring"] = { name = "tostring" }

local case = { expected = "awaitable or false", takes = { table = true } } -- a list
for _, sort in ipairs {
  "task", "future", "channel", "sending", "waker", "deadline", "event", "subscription", "listener", "readable",
} do
  case.takes[sort] = true
end

local NO_CASE = { message = "'select' has no case to wait for" }

entries.select = { needs = "suspend", args = { case }, valid = function() return closed() end, rows = {
  of("nothing but false", async.select, NO_CASE, false, false),
  of("a list of nothing", async.select, NO_CASE, {}),
  of("a list and more", async.select,
    { message = "bad argument #1 to 'select' (awaitable or false expected, got table)" }, {}, false),
  of("nil among cases", async.select,
    { message = "bad argument #2 to 'select' (awaitable or false expected, got nil)" }, false, nil, false),
  of("true in a list", async.select,
    { message = "bad argument #1 to 'select' (item 2: awaitable or false expected, got boolean)" }, { false, true }),
  of("a rendezvous", async.select, { waits = true }, rendezvous()),
  of("a closed channel", async.select, { returns = { 1, nil, "closed", "closed" } }, closed()),
  { "a listener of another runtime", call = function(env)
    return calls.plain(async.select, env:make(makers.listener, env.other))
  end, message = "'select' on a socket of another runtime" },
  { "a stream of another runtime", call = function(env)
    return calls.plain(async.select, env:make(makers.readable, env.other))
  end, message = "'select' on a socket of another runtime" },
  { "a closed listener", call = function(env)
    local listener = env:make(makers.listener)
    listener:close()
    return calls.plain(async.select, listener)
  end, returns = { 1, nil, "closed", "closed" } },
  { "another task's waker", call = function(env)
    return calls.plain(async.select, values.get(env, "waker"))
  end, message = "bad argument #1 to 'select' (waker of another task)" },
} }

-- One to many

local function closed_one(maker)
  return made(function()
    local handle = maker(1)
    handle:close()
    return handle
  end)
end

local function used_up()
  local subscription = async.watch(1):subscribe()
  subscription:try_recv()
  return subscription
end

local function closed_subscription()
  local subscription = used_up()
  subscription:close()
  return subscription
end

entries.broadcast = { args = { kinds.integer(1, 2147483647, 1) } }
entries["broadcast:send"] = { args = { message }, rows = {
  on("a closed one", closed_one(async.broadcast), "send", is_closed, 1),
} }
entries["broadcast:subscribe"] = {}
entries["broadcast:close"] = { rows = { on("a closed one", closed_one(async.broadcast), "close", { returns = {} }) } }
entries["broadcast.__close"] = { name = "close" }
entries["broadcast.__tostring"] = { name = "tostring" }

entries.watch = { args = { message } }
entries["watch:set"] = { args = { message }, rows = {
  on("a closed one", closed_one(async.watch), "set", is_closed, 2),
} }
entries["watch:get"] = { rows = { on("a closed one", closed_one(async.watch), "get", { returns = { 1 } }) } }
entries["watch:subscribe"] = {}
entries["watch:close"] = { rows = { on("a closed one", closed_one(async.watch), "close", { returns = {} }) } }
entries["watch.__close"] = { name = "close" }
entries["watch.__tostring"] = { name = "tostring" }

entries["subscription:recv"] = { needs = "suspend", rows = {
  on("one with nothing in it", made(used_up), "recv", { waits = true }),
  on("a closed one", made(closed_subscription), "recv", is_closed),
} }
entries["subscription:try_recv"] = { rows = {
  on("one with nothing in it", made(used_up), "try_recv", { returns = { nil, "empty", "empty" } }),
  on("a closed one", made(closed_subscription), "try_recv", is_closed),
} }
entries["subscription:lost"] = { rows = { on("a closed one", made(closed_subscription), "lost", { returns = { 0 } }) } }
entries["subscription:close"] = { rows = {
  on("a closed one", made(closed_subscription), "close", { returns = {} }),
} }
entries["subscription.__call"] = { needs = "suspend", name = "recv", rows = {
  meta("a closed one", made(closed_subscription), "__call", { returns = {} }),
} }
entries["subscription.__close"] = { name = "close" }
entries["subscription.__len"] = { name = "len" }
entries["subscription.__tostring"] = { name = "tostring" }

return entries
