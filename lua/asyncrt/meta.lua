---@meta asyncrt
-- Types of the public functions, for LuaLS. Nothing requires this file; the handles are in meta_*.lua.
---@class asyncrt.module
local async = {}

---@alias asyncrt.callable function|table|userdata anything that can be called

-- Running ----------------------------------------------------------------------------------------------------------

---@class asyncrt.runtime.options
---@field clock? "real"|"virtual"|"manual" default "real"
---@field seed? integer shuffles what has no promised order, reproducibly
---@field driver? "auto"|"epoll"|"poll" default "auto"
---@field on_error? fun(err: any, task: asyncrt.task?) failures that nobody took; default: to stderr
---@field deadlock? boolean default true: raise when nothing can go on; false: wait for ever
---@field frame? number seconds between frames where no host ticks; default 1/60
---@field slice? number seconds: code that does not suspend goes behind the others after that time; default: never
---@field hog? "kill" at the end of its slice its task is cancelled instead, and on_error told
---@field slow? number seconds: on_slow is told of code that does not suspend for that time
---@field on_slow? fun(report: asyncrt.error, task: asyncrt.task) called at once, outside tasks; default: to stderr

---Runs `main(...)` as a task in a runtime of its own, until it and its children are done. Raises main's error.
---@param main asyncrt.callable
---@param ... any its arguments
---@return any ... what main returns
function async.run(main, ...) end

---A runtime to be driven by the host.
---@param opts? asyncrt.runtime.options
---@return asyncrt.runtime
function async.runtime(opts) end

-- Tasks ------------------------------------------------------------------------------------------------------------

---@class asyncrt.spawn.options
---@field name? string
---@field scope? asyncrt.scope instead of the innermost one
---@field supervise? boolean its failure fails no scope
---@field daemon? boolean keeps its scope not open: cancelled when the rest is done
---@field slice? number as in asyncrt.runtime.options, for it and what it spawns
---@field hog? "kill" the same
---@field untrusted? boolean for it and what it spawns critical and detach raise, shields last a slice, by default 10 ms

---A child in the innermost scope. It first runs after the caller suspends.
---@param fn asyncrt.callable
---@param ... any its arguments
---@return asyncrt.task
function async.spawn(fn, ...) end

---@param opts asyncrt.spawn.options
---@param fn asyncrt.callable
---@param ... any
---@return asyncrt.task
function async.spawn_with(opts, fn, ...) end

---A child whose failure fails no scope: it is for whoever awaits or joins it, else for on_error.
---@param fn asyncrt.callable
---@param ... any
---@return asyncrt.task
function async.try_spawn(fn, ...) end

---A task in the run scope instead of the caller's.
---@param fn asyncrt.callable
---@param ... any
---@return asyncrt.task
function async.detach(fn, ...) end

---@return asyncrt.task
function async.current() end

---Suspends until the other ready tasks had their turn.
function async.yield() end

---The reason of the cancel that reaches the calling task now; nil if none does.
---@return any reason
function async.cancelling() end

---A function that does as fn, and is not pre-empted meanwhile.
---@param fn asyncrt.callable
---@return function
function async.critical(fn) end

---The calling task's table: starts as a snapshot of its spawner's.
---@return table
function async.locals() end

-- Scopes -----------------------------------------------------------------------------------------------------------

---@class asyncrt.scope.options
---@field supervise? boolean failures stop nobody

---Runs `fn(scope)` and returns its values when every task spawned inside is done; `nil, "cancelled", reason` if the
---scope's own cancel stopped it. Without a function: the scope of a block, for `local s <close> = async.scope()`.
---@overload fun(opts?: asyncrt.scope.options): asyncrt.scope
---@param fn fun(scope: asyncrt.scope): ...
---@param opts? asyncrt.scope.options
---@return any ...
function async.scope(fn, opts) end

---Runs `fn(...)` where cancels from outside do not reach it until it is done.
---@param fn asyncrt.callable
---@param ... any
---@return any ...
function async.shield(fn, ...) end

---Runs `fn(...)`; raises an error of kind `timeout` if it had to be stopped after so long.
---@param seconds number
---@param fn asyncrt.callable
---@param ... any
---@return any ...
function async.timeout(seconds, fn, ...) end

---@param seconds number
---@param fn asyncrt.callable
---@param ... any
---@return boolean in_time
---@return any ...
function async.try_timeout(seconds, fn, ...) end

-- Time -------------------------------------------------------------------------------------------------------------

---@param seconds number negative counts as 0
function async.sleep(seconds) end

---@param time number on the runtime's clock
function async.sleep_until(time) end

---Suspends until the next frame. `rt:tick()` is one, or `rt:advance()`, after which a tick is none; under `run` they
---come every `frame` seconds. Returns the time since the frame before on the runtime's clock.
---@return number dt
function async.next_frame() end

---@return number seconds on the clock of the running runtime
function async.now() end

---Keeps a virtual clock from jumping until it is closed: for tests whose peers are outside, in another process say.
---@return asyncrt.hold hold may be a `<close>` variable
function async.clock_hold() end

---@param period number seconds
---@return asyncrt.interval interval also an iterator: `for n, late in async.interval(period) do`
function async.interval(period) end

-- Lua's own functions that may suspend ----------------------------------------------------------------------------

---`table.sort` whose comparator may suspend. Equal items keep their order; the table is written at the end.
---@param t table
---@param comp? fun(a: any, b: any): boolean
function async.sort(t, comp) end

---`string.gsub` whose replacement, a function or a table's `__index`, may suspend.
---@param s string|number
---@param pattern string|number
---@param repl string|number|table|function
---@param n? integer
---@return string
---@return integer count
function async.gsub(s, pattern, repl, n) end

---`require` of modules that may suspend while they are loaded: whoever comes meanwhile waits.
---@param name string
---@return any module
---@return any data
function async.require(name) end

-- Wakers and futures -----------------------------------------------------------------------------------------------

---The calling task's own.
---@return asyncrt.waker
function async.waker() end

---Suspends until the task's waker is woken; may return early.
function async.park() end

---Calls `fn(waker)` now and after each wake, until its first result is not nil.
---@param fn fun(waker: asyncrt.waker): ...
---@return any ...
function async.poll(fn) end

---@param on_cancel? fun(future: asyncrt.future) called the first time that the last one who waits is cancelled
---@return asyncrt.future
function async.future(on_cancel) end

-- Channels ---------------------------------------------------------------------------------------------------------

---Messages from tasks to tasks, by reference, in order. `for v in channel do` receives until it is closed.
---@param capacity? number an integer, or math.huge; default 0: a sender waits for who takes its message
---@return asyncrt.channel
function async.channel(capacity) end

---@alias asyncrt.awaitable asyncrt.task|asyncrt.future|asyncrt.channel|asyncrt.sending|asyncrt.deadline|asyncrt.waker
---|asyncrt.event|asyncrt.subscription|asyncrt.listener|asyncrt.readable

---Waits for several things at once, or for those in one list; `false` switches a case off. Exactly one takes effect,
---of those that are ready any one.
---@param ... asyncrt.awaitable|false|(asyncrt.awaitable|false)[]
---@return integer index
---@return any ... what the case's own call would give; raises as it would, our own errors with a field `case`
function async.select(...) end

---Messages for all who have subscribed; the sender waits for nobody.
---@param capacity integer how many a subscription keeps: then the oldest go
---@return asyncrt.broadcast
function async.broadcast(capacity) end

---A value that changes, and who is interested learns of it.
---@param value any not nil
---@return asyncrt.watch
function async.watch(value) end

---For select: in so many seconds.
---@param seconds number
---@return asyncrt.deadline
function async.after(seconds) end

---For select: at that time of the runtime's clock.
---@param time number
---@return asyncrt.deadline
function async.at(time) end

-- Errors -----------------------------------------------------------------------------------------------------------

---As assert, but raises an error of kind `io` with that message and code.
---@generic T
---@param v T?
---@param message? any
---@param code? any
---@return T
---@return any ...
function async.check(v, message, code) end

---@param err any
---@return boolean
function async.is_cancelled(err) end

---@param err any
---@return boolean
function async.is_timeout(err) end

---The story of an error, or of here. A handler: `xpcall(async.run, async.traceback, main)`.
---@param err? any
---@return string
function async.traceback(err) end

-- Seeing inside ----------------------------------------------------------------------------------------------------

---@class asyncrt.row a task as async.tasks has it
---@field task asyncrt.task
---@field runtime asyncrt.runtime
---@field id integer
---@field name? string
---@field parent? integer id of the task in whose scope it is
---@field scope? integer id of the scope it is in, if that has a handle
---@field status string
---@field waiting_on? string in words, with the handle
---@field waited? number seconds that it has waited
---@field polls integer its own, and those of its children that have ended
---@field spawned_at string
---@field age? number seconds
---@field seconds? number that it has run, while async.profile is on

---All tasks that have not ended, of all runtimes, each parent before its children.
---@return asyncrt.row[]
function async.tasks() end

---Writes the tree of all tasks: what each does, what it waits for, where, its spawn, its scopes.
---@param file? file*|asyncrt.stream|{write: function} default io.stderr
---@return true? written
---@return string? message
---@return string? code
function async.dump(file) end

---@class asyncrt.stats
---@field driver string
---@field driver_from "default"|"option"|"ASYNCRT_DRIVER"|"host"
---@field clock "real"|"virtual"|"manual"
---@field seed? integer
---@field live integer tasks that have not ended
---@field ready integer
---@field waiting integer
---@field spawned integer tasks ever
---@field ended integer
---@field coroutines integer
---@field pooled integer coroutines that no task has now
---@field timers integer armed
---@field operations integer in the driver's hands
---@field jobs integer on pool threads
---@field queues {woken: integer, ready: integer, hogs: integer, deferred: integer}
---@field waiters table<string, integer> tasks by what they wait for

---The running runtime in numbers.
---@return asyncrt.stats
function async.stats() end

---Takes the time of every poll from the next turn on, or stops doing so.
---@param on boolean
---@return boolean was
function async.profile(on) end

return async
