--- asyncrt: an asynchronous runtime for Lua. A Lua coroutine is a future: the run loop resumes it, it leaves its
-- waker with what it waits for and yields, the waker puts it back on the run queue.
-- @module asyncrt
local require = require -- scripts may be left without
require "asyncrt.version"
local core = require "asyncrt.core"
local errors = require "asyncrt.errors"
local combinators = require "asyncrt.combinators"
require "asyncrt.report"
core.layer()

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
  interval = require "asyncrt.interval".interval,
  all = combinators.all,
  race = combinators.race,
  map = combinators.map,
  each = combinators.each,
  waker = core.waker,
  park = core.park,
  poll = require "asyncrt.poll".poll,
  future = core.future,
  channel = core.channel,
  select = core.select,
  after = core.after,
  at = core.at,
  -- What few scripts call is loaded when it is first called; as tail calls, so that the caller is where it was. No more
  -- than that: by then there may be no descriptor to read a file with.
  broadcast = function(...) return require "asyncrt.broadcast".broadcast(...) end,
  watch = function(...) return require "asyncrt.broadcast".watch(...) end,
  mutex = core.mutex,
  semaphore = core.semaphore,
  rwlock = core.rwlock,
  event = core.event,
  condition = core.condition,
  barrier = core.barrier,
  once = require "asyncrt.once".once,
  sort = function(...) return require "asyncrt.sort".sort(...) end,
  gsub = function(...) return require "asyncrt.gsub".gsub(...) end,
  require = function(...) return require "asyncrt.require".require(...) end,
  net = require "asyncrt.net",
  copy = require "asyncrt.copy".copy,
  check = errors.check,
  is_cancelled = errors.is_cancelled,
  is_timeout = errors.is_timeout,
  traceback = errors.traceback,
  tasks = function(...) return require "asyncrt.inside".tasks(...) end,
  dump = function(...) return require "asyncrt.inside".dump(...) end,
  stats = core.stats,
  profile = core.profile,
}

return async
