--- asyncrt: an asynchronous runtime for Lua. A Lua coroutine is a future: the run loop resumes it, it leaves its
-- waker with what it waits for and yields, the waker puts it back on the run queue.
-- @module asyncrt
require "asyncrt.version"
local core = require "asyncrt.core"
local errors = require "asyncrt.errors"
require "asyncrt.report"
core.layer()

-- What many scripts never call is loaded at its first call.
local late = {
  interval = function() return require "asyncrt.interval" end,
  combinators = function() return require "asyncrt.combinators" end,
  broadcast = function() return require "asyncrt.broadcast" end,
  once = function() return require "asyncrt.once" end,
  sort = function() return require "asyncrt.sort" end,
  gsub = function() return require "asyncrt.gsub" end,
  require = function() return require "asyncrt.require" end,
  copy = function() return require "asyncrt.copy" end,
  inside = function() return require "asyncrt.inside" end,
}

-- A tail call: the caller is where it was.
local function later(load, name)
  local fn
  return function(...)
    fn = fn or load()[name]
    return fn(...)
  end
end

local async = {
  run = core.run,
  runtime = core.runtime,
  spawn = core.spawn,
  spawn_with = core.spawn_with,
  try_spawn = core.try_spawn,
  detach = core.detach,
  current = core.current,
  yield = core.yield,
  cancelling = core.cancelling,
  critical = core.critical,
  locals = core.locals,
  scope = core.scope,
  shield = core.shield,
  timeout = core.timeout,
  try_timeout = core.try_timeout,
  sleep = core.sleep,
  sleep_until = core.sleep_until,
  now = core.now,
  next_frame = core.next_frame,
  interval = later(late.interval, "interval"),
  all = later(late.combinators, "all"),
  race = later(late.combinators, "race"),
  map = later(late.combinators, "map"),
  each = later(late.combinators, "each"),
  waker = core.waker,
  park = core.park,
  poll = require "asyncrt.poll".poll,
  future = core.future,
  channel = core.channel,
  select = core.select,
  after = core.after,
  at = core.at,
  broadcast = later(late.broadcast, "broadcast"),
  watch = later(late.broadcast, "watch"),
  mutex = core.mutex,
  semaphore = core.semaphore,
  rwlock = core.rwlock,
  event = core.event,
  condition = core.condition,
  barrier = core.barrier,
  once = later(late.once, "once"),
  sort = later(late.sort, "sort"),
  gsub = later(late.gsub, "gsub"),
  require = later(late.require, "require"),
  net = require "asyncrt.net",
  copy = later(late.copy, "copy"),
  check = errors.check,
  is_cancelled = errors.is_cancelled,
  is_timeout = errors.is_timeout,
  traceback = errors.traceback,
  tasks = later(late.inside, "tasks"),
  dump = later(late.inside, "dump"),
  stats = core.stats,
  profile = core.profile,
}

return async
