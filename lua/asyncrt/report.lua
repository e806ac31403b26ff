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

-- Called by the first of the tasks, before it waits with the handle: each of them waits for the next, the last for the
-- first. The frames are those of the first.
function hooks.cycle(handle, frames, tasks)
  local first = tasks[1]
  local lines = { ("%s, about to wait for %s%s\n    spawned at %s"):format(core.task_name(first),
    handle == nil and "its children" or core.words(handle), frames, core.spawn_site(first)) }
  for i = 2, #tasks do lines[i] = tasks[i]:traceback() end
  for i, text in ipairs(lines) do lines[i] = "  " .. text:gsub("\n", "\n  ") end
  local err = core.new_error("deadlock", ("deadlock: %d tasks wait for each other\n%s"):format(#tasks,
    table.concat(lines, "\n")))
  err.tasks = tasks
  return err
end

return { describe = describe }
