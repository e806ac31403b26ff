-- Errors, for those who catch them.
local core = require "asyncrt.core"
local args = require "asyncrt.args"

local errors = {}

local function is_kind(err, kind)
  return core.is_error(err) and rawget(err, "kind") == kind
end

--- Is that the error by which a cancel unwinds a task? Such an error is to be passed on, not handled. Not true for
-- the `task_cancelled` that who awaits a cancelled task gets. Does not suspend; any value will do.
-- @treturn boolean
function errors.is_cancelled(err)
  return is_kind(err, "cancelled")
end

--- Is that the error that async.timeout raises? Does not suspend; any value will do.
-- @treturn boolean
function errors.is_timeout(err)
  return is_kind(err, "timeout")
end

--- As assert, for functions that answer `nil, message, code`: raises an error of kind "io" with that message and code.
-- Does not suspend.
-- @param v what the function gave
-- @param[opt] message what it gave next
-- @param[opt] code errno name or "closed", "timeout", "eof" ...
-- @return all arguments, if the first is neither nil nor false
-- @raise misuse, io
function errors.check(...)
  args.any("check", 1, ...)
  local v, message, code = ...
  if v then return ... end
  local err = core.new_error("io", tostring(message == nil and (code or "operation failed") or message))
  err.code = code
  error(err, 0)
end

-- Text that is indented as the lines of a story, without the words that Lua puts before it.
local function stack(level)
  return (debug.traceback("", level + 1):gsub("^\n?stack traceback:", ""))
end

--- The story of an error: its text, then where it was raised, and through which tasks it came, each with the place
-- where it was spawned. A handler for xpcall: `xpcall(async.run, async.traceback, main)`; also for an error that pcall
-- caught, or that left the last run. An error that no task raised gets the traceback of the caller; without an
-- error that is all there is, with the spawn of the calling task. Does not suspend; works outside a task.
-- @param[opt] err the error, any value
-- @treturn string
function errors.traceback(err)
  if err ~= nil then return core.story(err) or core.words(err) .. stack(2) end
  local in_task, task = args.try(core.current)
  if not in_task then return "stack traceback:" .. stack(2) end
  return ("%s%s\n    spawned at %s"):format(tostring(task), stack(2), core.spawn_site(task))
end

return errors
