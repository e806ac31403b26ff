-- Combinators: several things at once, in a scope of their own. Whatever has not ended when the outcome is known is
-- cancelled, and has unwound before the call comes back.
local core = require "asyncrt.core"
local args = require "asyncrt.args"

local combinators = {}

local is_callable = args.is_callable

local function is_task(value)
  return type(value) == "userdata" and core.type_name(value) == "asyncrt.task"
end

-- No handle of ours, and nothing else with a name of its own.
local function is_list(value)
  return type(value) == "table" and not is_callable(value) and core.type_name(value) == "table"
end

-- Participants -----------------------------------------------------------------------------------------------------

-- The list that was given, or one of the arguments; their number. Whether they are what they should be comes with it:
-- the argument that is not, and what is wrong with it.
local function participants(...)
  local list, n, listed = { ... }, select("#", ...), false
  if n == 1 and is_list(list[1]) then
    list = list[1]
    n, listed = #list, true
  end
  for i = 1, n do
    if not (is_callable(list[i]) or is_task(list[i])) then
      local problem = "function or task expected, got " .. core.type_name(list[i])
      return list, n, listed and 1 or i, listed and ("item %d: %s"):format(i, problem) or problem
    end
  end
  return list, n
end

-- A task that was given over: it ends with the call.
local Charge = {}

local ENDED = { done = true, failed = true, cancelled = true }

function Charge:__close()
  local task = self.task
  if ENDED[task:status()] then return end
  task:cancel()
  local ok, err = core.shield(task.join, task)
  if not ok and err ~= nil and not (core.is_error(err) and err.kind == "task_cancelled") then error(err, 0) end
end

local function attend(participant)
  if not is_task(participant) then return participant() end
  local _ <close> = setmetatable({ task = participant }, Charge)
  return participant:await()
end

-- Children that a cancel from outside stopped leave the scope as if they were done. Whoever is short of results then
-- asks whether that is why.
local check_cancelled = core.checkpoint

-- All and race -----------------------------------------------------------------------------------------------------

local function store(results, i, participant)
  results[i] = attend(participant)
  results.ended = results.ended + 1
end

--- Runs functions at the same time and awaits tasks, until all have ended. The first failure cancels the rest, tasks
-- that were given included. Suspends.
-- @param ... functions and tasks, or one list of them
-- @return the first value of each, in the order in which they were given
-- @raise misuse, cancelled, the first failure
function combinators.all(...)
  local list, n, arg, problem = participants(...)
  args.check(not problem, "all", arg, problem)
  if not args.checkpoint("all") then core.give_way() end
  local results = { ended = 0 }
  core.scope(function(scope)
    for i = 1, n do scope:spawn(store, results, i, list[i]) end
  end)
  if results.ended < n then check_cancelled("all") end
  return table.unpack(results, 1, n)
end

local function run_for(finish, i, participant)
  return finish(i, attend(participant))
end

--- Runs functions at the same time and awaits tasks, until the first has ended. The rest is cancelled, tasks that were
-- given included, and has unwound when this returns. Suspends.
-- @param ... functions and tasks, or one list of them; at least one
-- @treturn integer which one it was
-- @return its values
-- @raise misuse, cancelled, the first one's failure
function combinators.race(...)
  local list, n, arg, problem = participants(...)
  args.check(not problem, "race", arg, problem)
  args.check(n > 0, "race", 1, select("#", ...) == 0 and "function or task expected, got no value" or "list is empty")
  args.checkpoint("race")
  local winner, last
  core.scope(function(scope)
    local function finish(...)
      if winner then return end
      winner = table.pack(...)
      scope:cancel()
    end
    core.mark_race(scope)
    for i = 1, n do last = scope:spawn(run_for, finish, i, list[i]) end
  end)
  if not winner then
    check_cancelled("race")
    return last:await() -- they have all cancelled themselves, which this raises
  end
  return table.unpack(winner, 1, winner.n)
end

-- Map and each -----------------------------------------------------------------------------------------------------

local OPTIONS = { limit = "positive integer" }

-- A function that gives one item after the other, nil after the last, and how many there are if that is known.
local function items(src)
  if is_callable(src) then return src end
  local i, n = 0, math.tointeger(rawget(src, "n")) or #src
  return function()
    i = i + 1
    return src[i], i <= n
  end
end

local function apply(job, item, i, slot)
  local _ <close> = slot
  local result = job.fn(item, i)
  if job.results then job.results[i] = result end
  job.ended = job.ended + 1
end

-- Calls fn for each, in a task of its own. An item is taken when there is room for it, and by one task only.
local function for_each(name, src, fn, opts, results)
  local slots = opts and opts.limit and core.semaphore(opts.limit)
  local job = { fn = fn, results = results, ended = 0 }
  local next_item, count = items(src), 0
  core.scope(function(scope)
    while true do
      local slot = slots and slots:acquire() or nil
      local item, more = next_item()
      if item == nil and more ~= true then return end
      count = count + 1
      scope:spawn(apply, job, item, count, slot)
    end
  end)
  if job.ended < count then check_cancelled(name) end
  return count
end

local function is_source(src)
  return is_list(src) or is_callable(src)
end

--- Calls `fn(item, i)` for each item, each in a task of its own, at most `limit` at a time. The first failure cancels
-- the rest. Suspends.
-- @param src a list (up to its n, if it has one), or an iterator: a function that gives one item a call and nil after
-- the last, or a channel; it is asked by the calling task, and for no item before there is room for it
-- @tparam function fn may suspend
-- @tparam[opt] table opts limit
-- @treturn table the first value of each call, by the item's number; n is how many there were
-- @raise misuse, cancelled, the first failure
function combinators.map(...)
  local src, fn, opts = ...
  args.check(is_source(src), "map", 1, "list or iterator expected, got " .. core.type_name(...))
  args.callable("map", 2, select(2, ...))
  args.options(OPTIONS, "map", 3, opts)
  if not args.checkpoint("map") then core.give_way() end
  local results = {}
  results.n = for_each("map", src, fn, opts, results)
  return results
end

--- As map, for what the calls do: keeps nothing of what they return.
-- @param src a list or an iterator
-- @tparam function fn may suspend
-- @tparam[opt] table opts limit
-- @raise misuse, cancelled, the first failure
function combinators.each(...)
  local src, fn, opts = ...
  args.check(is_source(src), "each", 1, "list or iterator expected, got " .. core.type_name(...))
  args.callable("each", 2, select(2, ...))
  args.options(OPTIONS, "each", 3, opts)
  if not args.checkpoint("each") then core.give_way() end
  for_each("each", src, fn, opts)
end

return combinators
