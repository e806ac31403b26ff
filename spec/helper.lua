-- What specs use: `require "spec.helper".watch(setup, teardown)` at the top makes a file fail if anything leaked
-- over it. And runtimes that a test can hold in its hand.
local lfs = require "lfs"
local async = require "asyncrt"
local core = require "asyncrt.core"

local helper = {}

-- Leaks ------------------------------------------------------------------------------------------------------------

local function collect()
  collectgarbage()
  collectgarbage() -- what finalisers let go
end

local function count_descriptors()
  local n = 0
  for _ in lfs.dir("/proc/self/fd") do n = n + 1 end
  return n
end

-- Free references of luaL_ref are integers, "_UBOX*" comes with the first long string that Lua's own library makes and
-- "_HOOKKEY" with its first hook; all else in the registry belongs to somebody.
local OF_LUA = { ["_UBOX*"] = true, _HOOKKEY = true }

local function count_registry()
  local n = 0
  for key, value in pairs(debug.getregistry()) do
    if math.type(value) ~= "integer" and not OF_LUA[key] then n = n + 1 end
  end
  return n
end

local function measure()
  local totals = core.counts()
  return {
    descriptors = count_descriptors(),
    registry = count_registry(),
    lost = totals.lost,
    stray = totals.stray,
  }
end

local function add(problems, ...)
  problems[#problems + 1] = string.format(...)
end

-- Before anything is collected: a forgotten runtime is as good as a kept one.
local function find_tasks(problems)
  for rt in pairs(core.runtimes()) do
    for _, task in ipairs(core.live(rt)) do add(problems, "a task never ended: %s", task:traceback()) end
  end
end

local function find_held(problems)
  for rt in pairs(core.runtimes()) do
    local held = core.counts(rt)
    if held.tasks then add(problems, "a runtime was never closed: %s", tostring(rt)) end
    for _, what in ipairs { "timers", "operations", "anchored" } do
      if (held[what] or 0) > 0 then add(problems, "%d %s left in a runtime", held[what], what) end
    end
  end
end

local baseline, expected_lost

local function begin()
  collect()
  expected_lost = 0
  baseline = measure()
end

local function finish()
  local problems = {}
  find_tasks(problems)
  collect()
  find_held(problems)
  local now = measure()
  local function compare(what, grown)
    if grown ~= 0 then add(problems, "%s: %d more than before", what, grown) end
  end
  compare("descriptors", now.descriptors - baseline.descriptors)
  compare("registry entries", now.registry - baseline.registry)
  compare("tasks lost with their runtime", now.lost - baseline.lost - expected_lost)
  compare("anchor slots that nobody gave back", now.stray - baseline.stray)
  if #problems > 0 then error("leaked: " .. table.concat(problems, "\n"), 0) end
end

function helper.watch(setup, teardown)
  setup(begin)
  teardown(finish)
end

-- The test lets so many tasks go down with their runtime, as it says.
function helper.expect_lost(n)
  expected_lost = expected_lost + n
end

helper.collect = collect

-- Runtimes ---------------------------------------------------------------------------------------------------------

local function try_run_with(seed, main, ...)
  local reports = {}
  local rt <close> = async.runtime {
    clock = "virtual",
    seed = seed,
    on_error = function(err, task) reports[#reports + 1] = { err = err, task = task } end,
  }
  local results = table.pack(pcall(rt.run, rt, main, ...))
  rt:close()
  return reports, table.unpack(results, 1, results.n)
end

-- Runs main on a virtual clock. Returns what on_error got, as a list of {err =, task =}, and what pcall gave.
function helper.try_run(main, ...)
  return try_run_with(nil, main, ...)
end

local function expect_no_report(reports, ok, ...)
  if not ok then error((...), 0) end
  if #reports > 0 then error("unexpected report: " .. async.traceback(reports[1].err), 0) end
  return ...
end

-- The same for a main that succeeds and leaves nothing to on_error: returns its values.
function helper.run(main, ...)
  return expect_no_report(helper.try_run(main, ...))
end

-- The same, without a seed and under several.
function helper.run_seeded(main, ...)
  expect_no_report(try_run_with(nil, main, ...))
  for seed = 1, 12 do expect_no_report(try_run_with(seed, main, ...)) end
end

-- Processes --------------------------------------------------------------------------------------------------------

local function write_script(text)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  return path
end

-- Runs a script in a Lua of its own, with options for lua5.4 and settings for its environment. Returns all it wrote,
-- to both channels, and its exit code.
function helper.child(script, options, environment)
  local path <close> = helper.temporary(script)
  local command = ("%s exec %s %s %s 2>&1 </dev/null"):format(environment or "", os.getenv("LUA") or "lua5.4",
    options or "", path.name)
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  local _, _, code = pipe:close()
  return output, code
end

-- A file with that text, for a <close> variable.
function helper.temporary(text)
  local path = write_script(text)
  return setmetatable({ name = path }, { __close = function() os.remove(path) end })
end

-- Values ------------------------------------------------------------------------------------------------------------

-- A variable whose closing runs the function: `local _ <close> = helper.defer(fn)`.
function helper.defer(fn)
  return setmetatable({}, { __close = function(_, err) fn(err) end })
end

-- What the function raises, which it must.
function helper.error_of(fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("no error was raised", 2) end
  return err
end

-- Turns of the others, without time going on.
function helper.settle(turns)
  for _ = 1, turns or 10 do async.yield() end
end

-- The line it is called from, as it stands in messages.
function helper.here(offset)
  local info = debug.getinfo(2, "Sl")
  return ("%s:%d"):format(info.short_src, info.currentline + (offset or 0))
end

return helper
