--- Tests of code that waits: each body runs as main on a virtual clock, so that hours take milliseconds, and fails for
-- what it leaves behind. Under a seed everything whose order is not promised is shuffled, reproducibly.
-- @module asyncrt.testing
local core = require "asyncrt.core"
local args = require "asyncrt.args"
local describe = require "asyncrt.report".describe

local testing = {}

local OPTIONS = { seeds = "positive integer", first = "whole number" }
local SEEDS = 200

-- What is left behind ------------------------------------------------------------------------------------------------

-- The descriptors that are open, as keys; nil where the system does not tell. A file of fdinfo can be opened without
-- effect on what it is about, which those of /proc/self/fd cannot.
local function open_descriptors()
  local status <close> = io.open("/proc/self/status")
  local size = status and status:read("a"):match("FDSize:%s*(%d+)")
  if not size then return nil end
  local open = {}
  for fd = 0, size - 1 do
    local info <close> = io.open("/proc/self/fdinfo/" .. fd)
    if info then open[fd] = true end
  end
  return open
end

local function collect()
  collectgarbage()
  collectgarbage() -- what finalisers let go
end

local function nothing() end

-- What went before is not the test's: without this it could be told of a failure that others dropped, or be given the
-- number of a descriptor that others dropped, and leak it unseen.
local function clear()
  collect()
  core.run(nothing) -- tells what finalisers have found
end

local function find_descriptors(problems, before)
  if not before then return end
  local added = {}
  for fd in pairs(open_descriptors() or {}) do
    if not before[fd] then added[#added + 1] = fd end
  end
  table.sort(added)
  for _, fd in ipairs(added) do problems[#problems + 1] = ("leaked: descriptor %d is still open"):format(fd) end
end

-- Only detached tasks can outlive the scope around the body. Of the test's own task there is but the caller.
local function find_tasks(problems, rt)
  local main = core.current()
  for _, task in ipairs(core.live(rt)) do
    if task ~= main then
      problems[#problems + 1] = "leaked: a task has not ended: " .. task:traceback()
    end
  end
end

-- One schedule -------------------------------------------------------------------------------------------------------

-- Looks while the runtime is there: closed, it would have closed what is left of its own. It opens its own descriptors
-- when it is made.
local function main(rt, problems, fn, ...)
  local given, before = table.pack(...), open_descriptors()
  core.scope(function() fn(table.unpack(given, 1, given.n)) end)
  find_tasks(problems, rt)
  collect() -- what nobody has any more is not left open; a failure that nobody can take any more is told
  find_descriptors(problems, before)
end

-- Runs the body once. Returns a list of what it left behind and, if it raised, its error as {value =, story =}.
local function attempt(seed, fn, ...)
  local problems, failure = {}, nil
  local rt <close> = core.runtime {
    clock = "virtual",
    seed = seed,
    on_error = function(err, task)
      local where = task and tostring(task) or "no task"
      problems[#problems + 1] = ("error that nobody took, in %s: %s"):format(where, describe(err))
    end,
  }
  local ok, err = args.try(rt.run, rt, main, rt, problems, fn, ...)
  if not ok then failure = { value = err, story = describe(err) } end
  rt:close()
  return problems, failure
end

local function refuse_inside(name)
  if core.clock() then
    error(("'%s' called from inside a task or callback of a running runtime"):format(name), 3)
  end
end

-- The body's own error passes untouched, so that a framework knows its failed assertions; what else there is to say
-- must go elsewhere then.
local function check_once(fn, ...)
  clear()
  local problems, failure = attempt(nil, fn, ...)
  if not failure then
    if #problems > 0 then error(table.concat(problems, "\n"), 0) end
    return
  end
  for _, problem in ipairs(problems) do io.stderr:write("asyncrt: ", problem, "\n") end
  error(failure.value, 0)
end

-- Many schedules -----------------------------------------------------------------------------------------------------

local function fail(seed, problems, failure)
  if failure then table.insert(problems, 1, failure.story) end
  error(("seed %s fails: %s\nto replay: ASYNCRT_SEED=%s, or the options {first = %s, seeds = 1}"):format(
    seed, table.concat(problems, "\n"), seed, seed), 0)
end

local function try_schedule(seed, label, fn, ...)
  local problems, failure = attempt(seed, fn, ...)
  if failure or #problems > 0 then fail(label, problems, failure) end
end

local function check_all(opts, fn, ...)
  clear()
  local replayed = os.getenv("ASYNCRT_SEED")
  if replayed and replayed ~= "" then -- the runtime reads it itself
    try_schedule(nil, replayed, fn, ...)
    return 1
  end
  local first = opts.first and math.tointeger(opts.first) or 1
  local count = opts.seeds and math.tointeger(opts.seeds) or SEEDS
  for i = 0, count - 1 do try_schedule(first + i, first + i, fn, ...) end
  return count
end

local function check(opts, fn, ...)
  if opts and (opts.seeds or opts.first) then
    check_all(opts, fn, ...)
  else
    check_once(fn, ...)
  end
end

-- For frameworks -----------------------------------------------------------------------------------------------------

-- The global `it` as a function sees it: busted gives its spec files an environment of their own.
local function it_of(fn)
  for i = 1, math.huge do
    local name, value = debug.getupvalue(fn, i)
    if not name then return nil end
    if name == "_ENV" then return type(value) == "table" and value.it or nil end
  end
end

-- A function that names no global has no environment: then whoever called it has, or the body, or busted itself.
local function find_it(body)
  for level = 3, math.huge do
    local info = debug.getinfo(level, "f")
    if not info then break end
    local it = it_of(info.func)
    if it then return it end
  end
  local busted = package.loaded.busted
  return type(body) == "function" and it_of(body) or type(busted) == "table" and busted.it
end

--- A test for busted: calls the global `it` of the spec file. The body is main of a runtime with a virtual clock. The
-- test fails if the body raises, and for what it leaves behind: tasks that it detached and that have not ended,
-- descriptors (where /proc tells), errors that nobody took. With `seeds` or `first` it is run as by explore.
-- @tparam string name
-- @tparam callable fn called without arguments
-- @tparam[opt] table opts `seeds` (default 200), `first` (default 1)
-- @return what `it` gives
-- @raise misuse
function testing.it(...)
  args.string("it", 1, ...)
  local name, fn, opts = ...
  args.callable("it", 2, select(2, ...))
  args.options(OPTIONS, "it", 3, opts)
  local it = find_it(fn)
  if not it then error("'it' called where no global 'it' is: it is for specs of busted", 2) end
  return it(name, function()
    refuse_inside("it")
    check(opts, fn)
  end)
end

--- A test for LuaUnit and others that call functions: `TestDoor.test_opens = testing.case(function(self) ... end)`. The
-- body is run and checked as by `testing.it`.
-- @tparam callable fn gets the arguments of the test method
-- @tparam[opt] table opts as for `testing.it`
-- @treturn function raises what the body raises, or a text that says what it left behind
-- @raise misuse
function testing.case(...)
  args.callable("case", 1, ...)
  local fn, opts = ...
  args.options(OPTIONS, "case", 2, opts)
  return function(...)
    refuse_inside("case")
    check(opts, fn, ...)
  end
end

--- Runs a body under many schedules: seed after seed, until one fails as a test of `testing.it` would. Raises a text
-- with the seed, the story of its error and how to replay it. With `ASYNCRT_SEED` in the environment that one is run
-- alone.
-- @tparam callable fn called without arguments, once a seed
-- @tparam[opt] table opts `seeds`, how many (default 200); `first` (default 1)
-- @treturn integer how many schedules were run
-- @raise misuse, and for the first seed that fails
function testing.explore(...)
  args.callable("explore", 1, ...)
  local fn, opts = ...
  args.options(OPTIONS, "explore", 2, opts)
  refuse_inside("explore")
  return (check_all(opts or {}, fn)) -- no tail call: a caller's position is looked up
end

return testing
