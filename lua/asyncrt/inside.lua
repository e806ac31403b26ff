-- Seeing inside: the tasks there are, as a list and as a tree.
local core = require "asyncrt.core"
local args = require "asyncrt.args"

local inside = {}

local MOST_INDENTED = 20 -- levels of the tree; deeper ones are numbered
local CHUNK = 100 -- entries that are written at once

-- What is known of a task at this moment.
local function new_row(rt, task)
  local parent, polls, age, polled, scope = core.facts(task)
  local waiting_on = core.wait_of(task)
  return {
    task = task,
    runtime = rt,
    id = task:id(),
    name = task:name(),
    parent = parent,
    scope = scope,
    status = task:status(),
    waiting_on = waiting_on,
    waited = waiting_on and polled,
    polls = polls,
    spawned_at = core.spawn_site(task),
    age = age,
    seconds = core.busy_seconds(task),
  }
end

local function rows_of(rt)
  local rows = core.live(rt)
  for i, task in ipairs(rows) do rows[i] = new_row(rt, task) end
  return rows
end

--- The tasks that have not ended, of all runtimes of this Lua state, each parent before its children. Does not suspend;
-- works outside a task.
-- @treturn table rows: id, name, parent (its id), status, waiting_on (in words) and waited (seconds), polls (its own
-- and those of its children that have ended), spawned_at, age (seconds), seconds (that it has run, while async.profile
-- is on), scope (the id of the one with a handle that it is in), task and runtime (the handles)
function inside.tasks()
  local all = {}
  for _, rt in ipairs(core.open_runtimes()) do
    local rows = rows_of(rt)
    table.move(rows, 1, #rows, #all + 1, all)
  end
  return all
end

-- The tree -----------------------------------------------------------------------------------------------------------

local function seconds(s)
  return ("%.3g s"):format(s)
end

-- All but what it was asked for may have changed since: another task, or a finaliser, may have run.
local function heading(row)
  local parts = { core.task_name(row.task) }
  if row.scope then parts[1] = ("%s in scope %d"):format(parts[1], row.scope) end
  if row.waiting_on then
    parts[2] = ("waiting %s for %s"):format(seconds(row.waited or 0), row.waiting_on)
  else
    parts[2] = row.status
  end
  parts[3] = ("%d poll%s"):format(row.polls, row.polls == 1 and "" or "s")
  if row.seconds then parts[#parts + 1] = seconds(row.seconds) .. " run" end
  if row.age then parts[#parts + 1] = seconds(row.age) .. " old" end
  return table.concat(parts, ", ")
end

-- `here` has the frames of the caller, who is the task that runs, if any does.
local function describe(row, here)
  local scopes = core.scopes_of(row.task)
  local frames = row.status == "running" and here or core.frames_of(row.task)
  return ("%s%s\n    spawned at %s%s"):format(heading(row), frames, row.spawned_at,
    scopes and "\n    inside: " .. scopes or "")
end

-- What cannot be shown says so, and the rest is shown all the same.
local function entry(row, depth, here)
  local ok, text = args.try(describe, row, here)
  if not ok then text = ("task %d: cannot be shown: %s"):format(row.id, core.words(text)) end
  if depth > MOST_INDENTED then text = ("[%d] %s"):format(depth, text) end
  local indent = ("  "):rep(math.min(depth, MOST_INDENTED))
  return indent .. text:gsub("\n", "\n" .. indent) .. "\n"
end

-- Lists of rows by the id of their parent; of those without one, by false. A parent that is in another runtime, or has
-- ended meanwhile, is none.
local function by_parent(rows)
  local known, children = {}, { [false] = {} }
  for _, row in ipairs(rows) do known[row.id] = true end
  for _, row in ipairs(rows) do
    local parent = known[row.parent] and row.parent or false
    children[parent] = children[parent] or {}
    table.insert(children[parent], row)
  end
  return children
end

-- Calls visit(row, depth) for each, parents before children. A loop: trees may be 100,000 deep.
local function each(rows, visit)
  local children = by_parent(rows)
  local stack = { { list = children[false], at = 1 } }
  while #stack > 0 do
    local top = stack[#stack]
    local row = top.list[top.at]
    top.at = top.at + 1
    if not row then
      stack[#stack] = nil
    else
      visit(row, #stack)
      if children[row.id] then stack[#stack + 1] = { list = children[row.id], at = 1 } end
    end
  end
end

local function headline(rt)
  local ok, stats = args.try(rt.stats, rt)
  if not ok then return "runtime (closed)\n" end -- by a finaliser, meanwhile
  return ("%s: driver %s (%s), clock %s, %d ready, %d waiting, %d timers, %d operations, %d jobs\n"):format(
    tostring(rt), stats.driver, stats.driver_from, stats.clock, stats.ready, stats.waiting, stats.timers,
    stats.operations, stats.jobs)
end

local function tree(here)
  local entries = {}
  for _, rt in ipairs(core.open_runtimes()) do
    entries[#entries + 1] = headline(rt)
    each(rows_of(rt), function(row, depth) entries[#entries + 1] = entry(row, depth, here) end)
  end
  if #entries == 0 then entries[1] = "no runtime is open\n" end
  return entries
end

-- Written down -------------------------------------------------------------------------------------------------------

local function is_writable(file)
  if io.type(file) or core.type_name(file) == "asyncrt.stream" then return true end
  return type(file) == "table" and args.is_callable(file.write)
end

-- Files of Lua's tell an errno as a number.
local function fail(message, code)
  return nil, message or "cannot be written", math.type(code) == "integer" and core.errno_name(code) or code or "EIO"
end

--- Writes the tree of tasks of all runtimes of this Lua state: what each does, what it waits for and since when, its
-- traceback, where it was spawned, the scopes it has open. All is put together before the first byte is written.
-- Suspends only where a stream does; works outside a task.
-- @param[opt] file a file or stream, or a table with a write method; default: io.stderr
-- @treturn boolean true, or nil, message and code if it could not be written
-- @raise misuse
function inside.dump(...)
  local file = ...
  args.check(file == nil or is_writable(file), "dump", 1, "file or stream expected, got " .. core.type_name(...))
  file = file or io.stderr
  if io.type(file) == "closed file" then return nil, "closed", "closed" end
  local entries = tree(core.frames(2))
  for i = 1, #entries, CHUNK do
    local ok, message, code = file:write(table.concat(entries, "", i, math.min(i + CHUNK - 1, #entries)))
    if not ok then return fail(message, code) end
  end
  return true
end

return inside
