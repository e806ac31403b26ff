-- What is told to people: errors that nobody took, and deadlocks.
local core = require "asyncrt.core"

local hooks = core.hooks()

local function describe(err)
  return core.story(err) or core.words(err)
end

-- The default on_error. The traceback is the story from the throw to the task's spawn.
function hooks.report(err, task)
  local where = task and tostring(task) or "no task"
  io.stderr:write("asyncrt: error that nobody took, in ", where, ": ", describe(err), "\n")
end

-- The default on_slow.
function hooks.slow(err)
  io.stderr:write("asyncrt: ", describe(err), "\n")
end

-- A handler, on_error or on_slow, itself raised 'second' while it was told of 'original'.
function hooks.handler_failed(second, original, handler)
  io.stderr:write("asyncrt: error in ", handler, ": ", describe(second), "\n",
    "asyncrt: while it was told of: ", describe(original), "\n")
end

-- Called before anything is cancelled: every waiter with what it waits for and where.
function hooks.deadlock(rt)
  local lines = {}
  for _, task in ipairs(core.live(rt)) do
    lines[#lines + 1] = "  " .. task:traceback():gsub("\n", "\n  ")
  end
  local err = core.new_error("deadlock", ("deadlock: %d task%s can never go on\n%s"):format(
    #lines, #lines == 1 and "" or "s", table.concat(lines, "\n")))
  err.tasks = core.live(rt)
  return err
end

return { describe = describe }
