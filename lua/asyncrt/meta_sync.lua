---@meta
-- Types of combinators and of what tasks wait for each other with, for LuaLS. Nothing requires this file.

---@class asyncrt.module
local async = {}

---@class asyncrt.mutex also its own guard: `local _ <close> = mutex:lock()`
local Mutex = {}

---One at a time, in the order of asking. Works outside a task, as all that does not wait.
---@return asyncrt.mutex
function async.mutex() end

---Suspends until the calling task has it. Raises `deadlock` if it has it already, or if who has it waits for the
---calling task, directly or through others; `broken` if the task that had it ended without unlocking it.
---@return asyncrt.mutex self
function Mutex:lock() end

---Raises `broken` as lock does.
---@return asyncrt.mutex? self
---@return string? message
---@return string? code "locked"
function Mutex:try_lock() end

---By its owner; of a broken one by anyone, and it is in use again.
function Mutex:unlock() end

---@class asyncrt.semaphore
local Semaphore = {}

---@class asyncrt.guard
local Guard = {}

---@param n integer permits that are free at first
---@return asyncrt.semaphore
function async.semaphore(n) end

---Suspends until so many permits are there for it, in the order of asking: one who asks for many holds up those behind.
---@param n? integer default 1
---@return asyncrt.guard guard one that is dropped gives nothing back
function Semaphore:acquire(n) end

---@param n? integer default 1
---@return asyncrt.guard?
---@return string? message
---@return string? code "empty"
function Semaphore:try_acquire(n) end

---More permits; for whoever keeps no guard.
---@param n? integer default 1
function Semaphore:release(n) end

---Gives back what it holds, once.
function Guard:release() end

---The same.
function Guard:close() end

---@class asyncrt.event
local Event = {}

---@return asyncrt.event
function async.event() end

---Releases all who wait at this moment, even if it is cleared before they run.
function Event:set() end

function Event:clear() end

---@return boolean
function Event:is_set() end

---Suspends until it is set.
function Event:wait() end

---@class asyncrt.rwlock
local Rwlock = {}

---Many may read at a time, one may write, in the order of asking. Not to be taken twice by one task.
---@return asyncrt.rwlock
function async.rwlock() end

---Suspends until nobody writes, or waits before it to write.
---@return asyncrt.guard
function Rwlock:read() end

---Suspends until nobody else reads or writes.
---@return asyncrt.guard
function Rwlock:write() end

---@return asyncrt.guard?
---@return string? message
---@return string? code "locked"
function Rwlock:try_read() end

---@return asyncrt.guard?
---@return string? message
---@return string? code "locked"
function Rwlock:try_write() end

---@class asyncrt.condition
local Condition = {}

---@param mutex? asyncrt.mutex unlocked while a task waits
---@return asyncrt.condition
function async.condition(mutex) end

---Suspends until notified. With a mutex, which the task must have locked: has it again before it returns or raises.
---@return any ... what the notification gave
function Condition:wait() end

---Wakes those who have waited longest and gives them the values.
---@param n? integer how many, default 1
---@param ... any
---@return integer notified
function Condition:notify(n, ...) end

---@param ... any
---@return integer notified
function Condition:notify_all(...) end

---@class asyncrt.barrier
local Barrier = {}

---@param n integer
---@return asyncrt.barrier
function async.barrier(n) end

---Suspends until n have come, then the next round begins.
---@return integer number of its arrival: n is the last
function Barrier:wait() end

---A function that calls `fn(...)` the first time and gives that call's values every time; who comes meanwhile waits.
---A run that fails or is cancelled is done again by the next one who waits or comes.
---@param fn asyncrt.callable
---@return fun(...: any): ...
function async.once(fn) end

-- Combinators ------------------------------------------------------------------------------------------------------

---@alias asyncrt.participant asyncrt.callable|asyncrt.task

---Suspends until all have ended. The first failure cancels the rest, tasks that were given included.
---@overload fun(list: asyncrt.participant[]): ...
---@param ... asyncrt.participant
---@return any ... the first value of each
function async.all(...) end

---Suspends until the first has ended and the rest, tasks that were given included, is cancelled and has unwound.
---@overload fun(list: asyncrt.participant[]): integer, ...
---@param ... asyncrt.participant at least one
---@return integer index
---@return any ... its values
function async.race(...) end

---@class asyncrt.map.options
---@field limit? integer calls at a time

---Calls `fn(item, i)` for each item, in tasks of their own. The first failure cancels the rest.
---@param src any[]|asyncrt.callable a list, or an iterator: a function that gives an item a call, a channel
---@param fn fun(item: any, i: integer): any
---@param opts? asyncrt.map.options
---@return table results the first value of each call; n is how many there were
function async.map(src, fn, opts) end

---As map, for effects.
---@param src any[]|asyncrt.callable
---@param fn fun(item: any, i: integer)
---@param opts? asyncrt.map.options
function async.each(src, fn, opts) end
