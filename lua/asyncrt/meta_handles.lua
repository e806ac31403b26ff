---@meta
-- Types of the handles and of errors, for LuaLS. Nothing requires this file.

---@class asyncrt.error what asyncrt itself raises; has a __tostring
---@field kind "cancelled"|"task_cancelled"|"timeout"|"deadlock"|"broken"|"io"|"misuse"|"hog"|"slow"
---@field message string
---@field reason? any of cancelled and task_cancelled: what was given to cancel, or why asyncrt did it
---@field task? asyncrt.task
---@field tasks? asyncrt.task[] of deadlock: all that could not go on; of a cycle, each waits for the next
---@field case? integer of what select raises: which of its cases it is about
---@field code? string of io: an errno name, "closed", "timeout", "eof" ...
---@field suppressed? any[] errors that came later and gave way to this one
---@field traceback? string once it has left a scope, timeout or task: where it was raised, and its way from there

---@class asyncrt.runtime
local Runtime = {}

---As async.run, in this runtime; may be called again and again. What main detached is cancelled when main is done.
---@param main asyncrt.callable
---@param ... any
---@return any ...
function Runtime:run(main, ...) end

---A task that lives until the runtime is closed. Its failure goes to on_error.
---@param fn asyncrt.callable
---@param ... any
---@return asyncrt.task
function Runtime:spawn(fn, ...) end

---@param opts asyncrt.spawn.options
---@param fn asyncrt.callable
---@param ... any
---@return asyncrt.task
function Runtime:spawn_with(opts, fn, ...) end

---Polls I/O without blocking and runs what is ready, until nothing is or the budget is spent.
---@param budget? number seconds
---@return number? next_due seconds until the next timer; 0 if tasks are ready, nil if there is none
---@return integer ready tasks that are
function Runtime:tick(budget) end

---Manual clock: goes on from deadline to deadline and runs what each wakes.
---@param dt number seconds
---@param budget? number seconds of real time
---@return number? next_due
---@return integer ready
function Runtime:advance(dt, budget) end

---Real clocks: the clock stands, and with it sleeps, intervals, timeouts and deadlines of select. I/O goes on.
function Runtime:pause() end

---It goes on.
function Runtime:resume() end

---Real clocks: from here on the clock goes at that many of its seconds a second; one that is paused, once it goes on.
---@param factor number from 0 to 1e6
---@return number before
function Runtime:scale(factor) end

---A descriptor that is readable when a tick would find something.
---@return integer? fd
---@return string? message
---@return string? code
function Runtime:fileno() end

---@return number seconds on the runtime's clock
function Runtime:now() end

---The runtime in numbers.
---@return asyncrt.stats
function Runtime:stats() end

---Cancels all, drives turns until every task has ended, ends by force what is left after the grace.
---@param grace? number seconds, default 5
function Runtime:close(grace) end

---@class asyncrt.task
local Task = {}

---Suspends until the task has ended. Raises its error; `task_cancelled` if it was cancelled; `deadlock` if it waits for
---the calling task, directly or through others.
---@return any ... what it returned
function Task:await() end

---Suspends until the task has ended, or at most so long.
---@param seconds? number
---@return boolean? ok true: it returned; false: it failed; nil: not in time
---@return any ... its values, its error, or "timeout", "timeout"
function Task:join(seconds) end

---Asks the task and all below it to stop; returns at once.
---@param reason? any
function Task:cancel(reason) end

---@return "ready"|"running"|"waiting"|"done"|"failed"|"cancelled"
function Task:status() end

---@param new? string
---@return string? name
function Task:name(new) end

---@return integer
function Task:id() end

---Where it is and where it was spawned; of a failed one, the story of its error.
---@return string
function Task:traceback() end

---What it waits for, with what, and for how long; nil if it does not wait.
---@return string? what "sleep", "mutex", "task 4" ...
---@return any handle the mutex, channel, task, stream ...
---@return number? seconds
function Task:waiting_on() end

---What it has cost, with all below it, those that have ended included.
---@return integer polls
---@return number? seconds that it has run; only while async.profile is on
function Task:usage() end

---@class asyncrt.scope
local Scope = {}

---@param fn asyncrt.callable
---@param ... any
---@return asyncrt.task
function Scope:spawn(fn, ...) end

---@param opts asyncrt.spawn.options
---@param fn asyncrt.callable
---@param ... any
---@return asyncrt.task
function Scope:spawn_with(opts, fn, ...) end

---@param fn asyncrt.callable
---@param ... any
---@return asyncrt.task
function Scope:try_spawn(fn, ...) end

---Asks all inside to stop; of a block only its children.
---@param reason? any
function Scope:cancel(reason) end

---Joins the children of a block, as leaving it does.
function Scope:close() end

---@class asyncrt.interval
---@overload fun(): integer, integer
local Interval = {}

---@return integer n the tick's number
---@return integer late ticks skipped before it
function Interval:wait() end

---@class asyncrt.hold of a virtual clock: see async.clock_hold
local Hold = {}

---Does nothing the second time.
function Hold:close() end

---@class asyncrt.waker
local Waker = {}

---Ends the task's park, or its next one. From any task, any number of times.
function Waker:wake() end

---@class asyncrt.future
local Future = {}

---@param ... any
---@return boolean first false: it was set before
function Future:resolve(...) end

---@param err any
---@return boolean first
function Future:reject(err) end

---Suspends until it is set.
---@return any ...
function Future:await() end

---@return boolean
function Future:done() end
