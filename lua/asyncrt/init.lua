--- asyncrt: an asynchronous runtime for Lua. A Lua coroutine is a future: the run loop resumes it, it leaves its
-- waker with what it waits for and yields, the waker puts it back on the run queue.
-- @module asyncrt
local require = require -- scripts may be left without
require "asyncrt.version"
local core = require "asyncrt.core"
local errors = require "asyncrt.errors"
local ahead = require "asyncrt.ahead".ahead
require "asyncrt.report"
core.layer()
for _, name in ipairs { "broadcast", "combinators", "gsub", "inside", "interval", "net", "require", "server",
  "sort" } do
  ahead("asyncrt." .. name)
end

-- What is in a function here is compiled at its first call; as tail calls, so that the caller is where it was.
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
  clock_hold = core.clock_hold,
  next_frame = core.next_frame,
  interval = function(...) return require "asyncrt.interval".interval(...) end,
  all = function(...) return require "asyncrt.combinators".all(...) end,
  race = function(...) return require "asyncrt.combinators".race(...) end,
  map = function(...) return require "asyncrt.combinators".map(...) end,
  each = function(...) return require "asyncrt.combinators".each(...) end,
  waker = core.waker,
  park = core.park,
  poll = require "asyncrt.poll".poll,
  future = core.future,
  channel = core.channel,
  select = core.select,
  after = core.after,
  at = core.at,
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
  net = {
    connect = function(...) return require "asyncrt.net".connect(...) end,
    listen = function(...) return require "asyncrt.net".listen(...) end,
    serve = function(...) return require "asyncrt.net".serve(...) end,
  },
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
