-- What the programs of the bench share: where things lie, the clocks, sizes, and the lines they print.

local measure = {}

local _, path = ...
local root = (path:match("^.*/") or "./") .. "../"
package.path = ("%slua/?.lua;%slua/?/init.lua;"):format(root, root) .. package.path
package.cpath = ("%sbuild/bench/?.so;%sbuild/lib/?.so;"):format(root, root) .. package.cpath

local limits = require "limits"

local function interpreter()
  local i = 0
  while arg[i - 1] do i = i - 1 end
  return arg[i]
end

local function installed(name)
  return package.searchpath(name, package.path) or package.searchpath(name, package.cpath)
end

-- Returns the module; a program without it says so and ends well.
function measure.need(name)
  if installed(name) then return require(name) end
  print("absent")
  os.exit(true)
end

-- Wall nanoseconds for each of n operations that body does.
function measure.ns(n, body)
  collectgarbage()
  local start = limits.now()
  body()
  return (limits.now() - start) / n * 1e9
end

-- The same in CPU time of this process, so that waiting is free.
function measure.cpu_ns(n, body)
  collectgarbage()
  local start = limits.cpu()
  body()
  return (limits.cpu() - start) / n * 1e9
end

-- Bytes of RSS for each of n tasks that fill leaves parked. Keeps what fill returns.
function measure.rss(n, fill)
  collectgarbage()
  collectgarbage()
  local before = limits.rss()
  local kept = fill()
  collectgarbage()
  collectgarbage()
  return (limits.rss() - before) / n, kept
end

-- The middle value, the lower one of two.
function measure.median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- Milliseconds in which this interpreter runs the chunk and ends: the median of so many starts.
function measure.start_ms(times, chunk)
  local lua = interpreter()
  local paths = ("package.path, package.cpath = %q, %q "):format(package.path, package.cpath)
  local all = {}
  for i = 1, times do all[i] = limits.start_seconds(lua, "-e", paths .. chunk) * 1e3 end
  return measure.median(all)
end

local function report(metric, value)
  print(("%s %.6g"):format(metric, value))
end

-- Runs the workload that the command line names: work[name](report, size), where size(n) is n or, in a quick
-- run, a part of it. Ends without closing the state: freeing a million tasks is not measured.
function measure.main(work)
  local name, scale = arg[1], tonumber(arg[2] or 1)
  local run = work[name]
  if not run then
    print("none")
    os.exit(true)
  end
  math.randomseed(42)
  run(report, function(n) return math.max(1000, math.floor(n * scale) // 1000 * 1000) end)
  io.stdout:flush()
  os.exit(true, false)
end

return measure
