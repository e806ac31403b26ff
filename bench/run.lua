-- lua5.4 bench/run.lua [--rounds N] [--quick] [--only NAME]...
-- In each round every program does each workload once, in a process of its own; then the table (see README.md).
-- NAME is a workload or a program; the limits always run along. Exit code 1: something could not run.

local here = arg[0]:match("^.*/") or "./"
package.path = here .. "?.lua;" .. package.path

local report = require "report"

local programs = { "limit", "asyncrt", "luv", "cqueues" }
local workloads = { "switch", "spawn", "sleepers", "timeout", "talk", "nested", "frame", "memory", "startup" }

local function fail(message)
  io.stderr:write(message, "\n")
  os.exit(false)
end

local function contains(list, name)
  for _, item in ipairs(list) do
    if item == name then return true end
  end
  return false
end

-- [workload or program] = true; a kind that was not named is wanted whole.
local function choose(names)
  local wanted = { limit = true }
  for _, kind in ipairs { programs, workloads } do
    local named = false
    for _, name in ipairs(kind) do named = named or names[name] end
    for _, name in ipairs(kind) do wanted[name] = wanted[name] or names[name] or not named end
  end
  return wanted
end

local function parse(args)
  local options, names, i = { rounds = nil, scale = 1 }, {}, 1
  local function argument()
    i = i + 1
    return args[i] or fail(args[i - 1] .. " needs a value")
  end
  while args[i] do
    local option = args[i]
    if option == "--rounds" then
      options.rounds = math.tointeger(tonumber(argument()))
      if not options.rounds or options.rounds < 1 then fail("--rounds: a positive integer expected") end
    elseif option == "--quick" then
      options.scale = 0.1
    elseif option == "--only" then
      local name = argument()
      if not contains(programs, name) and not contains(workloads, name) then
        fail(("--only: one of %s, %s"):format(table.concat(workloads, ", "), table.concat(programs, ", ")))
      end
      names[name] = true
    else
      fail("usage: run.lua [--rounds N] [--quick] [--only NAME]...")
    end
    i = i + 1
  end
  options.rounds = options.rounds or (options.scale == 1 and 9 or 3)
  options.wanted = choose(names)
  return options
end

local function quoted(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

local function has_command(name) return (os.execute("command -v " .. name .. " >/dev/null 2>&1")) end

-- The last processor this process may use: the first serves most interrupts.
local function processor()
  local file = has_command("taskset") and io.open("/proc/self/status")
  if not file then return nil end
  local allowed = file:read("a"):match("Cpus_allowed_list:%s*(%S+)")
  file:close()
  return allowed and allowed:match("%d+$")
end

local function command_prefix(cpu)
  local lua = 0
  while arg[lua - 1] do lua = lua - 1 end
  local words = {}
  if cpu then words[#words + 1] = "taskset -c " .. cpu end
  if has_command("timeout") then words[#words + 1] = "timeout -k 5 120" end
  words[#words + 1] = quoted(arg[lua])
  return table.concat(words, " ")
end

-- Runs one program on one workload: metric → number; or nil, why not.
local function measure(prefix, name, workload, scale)
  local script = quoted(("%s%s_peer.lua"):format(here, name))
  local pipe = assert(io.popen(("%s %s %s %g 2>&1"):format(prefix, script, workload, scale)))
  local found, message = {}, nil
  for text in pipe:lines() do
    local metric, value = text:match("^([%w_]+) (%S+)$")
    if tonumber(value) then found[metric] = tonumber(value) else message = message or text end
  end
  local ok, how, code = pipe:close()
  if ok and next(found) then return found end
  if ok and (message == "absent" or message == "none") then return nil, message end
  return nil, ("%s (%s %d)"):format(message or "no figures", how, code)
end

-- A virtual machine may have given idle memory back to its host, and the first to touch it again pays 2 us a page:
-- that shall be nobody. Touches what a million sleepers need.
local function warm_memory(prefix, scale)
  os.execute(("%s -e 'local s = (\"x\"):rep(%d)'"):format(prefix, math.floor(7e8 * scale)))
end

local function main()
  local options = parse(arg)
  if not package.searchpath("limits", here .. "../build/bench/?.so") then
    fail("build/bench/limits.so is missing: make bench builds it")
  end
  local cpu = processor()
  local prefix = command_prefix(cpu)
  local results, notes, failures, given_up = {}, {}, {}, {}

  local function keep(name, round, found)
    for metric, value in pairs(found) do
      results[metric] = results[metric] or {}
      results[metric][name] = results[metric][name] or {}
      results[metric][name][round] = value
    end
  end

  local function give_up(name, workload, why)
    if why == "absent" then
      notes[name] = name == "asyncrt" and "not built" or "not installed"
      if name ~= "asyncrt" then return end
      why = "the module was not found"
    end
    given_up[name .. workload] = true
    failures[#failures + 1] = ("%s could not run %s: %s"):format(name, workload, why)
  end

  local function step(name, workload, round)
    if not options.wanted[name] or notes[name] or given_up[name .. workload] then return end
    local found, why = measure(prefix, name, workload, options.scale)
    if why == "none" then
      given_up[name .. workload] = true
    elseif found then keep(name, round, found) else give_up(name, workload, why) end
  end

  local start = os.time()
  for round = 1, options.rounds do
    io.stderr:write(("round %d of %d:"):format(round, options.rounds))
    for _, workload in ipairs(workloads) do
      if options.wanted[workload] then
        io.stderr:write(" ", workload)
        if workload == "sleepers" then warm_memory(prefix, options.scale) end
        local forth = round % 2 == 1 -- and back, so that a drift of the machine's speed favours nobody
        for i = 1, #programs do step(programs[forth and i or #programs + 1 - i], workload, round) end
      end
    end
    io.stderr:write((", %d s\n"):format(os.time() - start))
  end

  print(("%s, %d rounds%s, %s, %d s"):format(_VERSION, options.rounds, options.scale == 1 and "" or " (quick: small N)",
    cpu and "on processor " .. cpu or "not pinned", os.time() - start))
  report.print(results, programs, notes)
  for _, text in ipairs(failures) do print(text) end
  os.exit(#failures == 0)
end

main()
