-- The table of a run: rows, statistics, aims. It judges nothing: a missed aim is printed and no more.

local report = {}

-- An aim is a ratio to the limit (times) or a difference from it (plus).
local rows = {
  { metric = "switch1", title = "switch, 1 task", unit = "ns", times = 1.15 },
  { metric = "switch1000", title = "switch, ring of 1,000", unit = "ns", times = 1.15 },
  { metric = "spawn1", title = "spawn + finish, one at a time", unit = "ns", times = 0.6 },
  { metric = "spawn1000", title = "spawn + finish, batches of 1,000", unit = "ns", times = 0.6 },
  { metric = "await", title = "spawn + await", unit = "ns", times = 0.8 },
  { metric = "sleepers", title = "sleepers of random length in 1 s", unit = "ns CPU each", times = 1.15 },
  { metric = "timeout", title = "timeout start + cancel", unit = "ns", times = 2 },
  { metric = "timeout_yield", title = "the same around one yield", unit = "ns" },
  { metric = "pingpong", title = "channel, ping-pong", unit = "ns a message", times = 1.25 },
  { metric = "producers", title = "channel of 64, 4 producers to 1 consumer", unit = "ns a message", times = 1.25 },
  { metric = "select2", title = "select over 2 channels", unit = "ns a message" },
  { metric = "select16", title = "select over 16 channels", unit = "ns a message" },
  { metric = "handoff", title = "mutex, from task to task", unit = "ns" },
  { metric = "nested", title = "await three generators deep", unit = "ns" },
  { metric = "frame", title = "frame: 100 of 10,000 tasks are due", unit = "ns" },
  { metric = "slice", title = "switch with a slice that nobody uses up", unit = "of one without", times = 1.01 },
  { metric = "memory", title = "parked task", unit = "B of RSS", plus = 256 },
  { metric = "startup", title = "start of Lua with require", unit = "ms", plus = 1.5 },
}

local function median(list)
  table.sort(list)
  local middle = (#list + 1) // 2
  return #list % 2 == 1 and list[middle] or (list[middle] + list[middle + 1]) / 2
end

local function values(by_round)
  local list = {}
  for _, value in pairs(by_round) do list[#list + 1] = value end
  return list
end

local function compare(row, value, limit)
  return row.plus and value - limit or value / limit
end

-- Each round is compared with the limit of the same round: the machine's speed wanders between rounds.
local function compare_rounds(row, by_round, limit_by_round)
  local list = {}
  for round, value in pairs(by_round) do
    local limit = limit_by_round[round]
    if limit then list[#list + 1] = compare(row, value, limit) end
  end
  return #list > 0 and median(list) or nil
end

local function number(x)
  local size = math.abs(x)
  return (size >= 1000 and "%.0f" or size >= 100 and "%.1f" or "%.2f"):format(x)
end

local function comparison(row, x)
  if not row.plus then return ("x %.2f"):format(x) end
  return (x < 0 and "- " or "+ ") .. number(math.abs(x))
end

local function aim_of(row, x)
  local aim = row.times or row.plus
  if not aim then return "" end
  return ("<= %s %s"):format(comparison(row, aim), x <= aim and "met" or "missed")
end

local line = "  %-10s %10s  %-20s %12s %12s  %s"

local function print_program(row, name, by_round, limits)
  local all = values(by_round)
  local lowest, highest = math.min(table.unpack(all)), math.max(table.unpack(all))
  local rounds, best, aim = "", "", ""
  local x = name ~= "limit" and limits and compare_rounds(row, by_round, limits)
  if x then
    rounds = comparison(row, x)
    best = comparison(row, compare(row, lowest, math.min(table.unpack(values(limits)))))
    aim = name == "asyncrt" and aim_of(row, x) or ""
  end
  local spread = ("%s - %s"):format(number(lowest), number(highest))
  print((line:format(name, number(median(all)), spread, rounds, best, aim):gsub("%s+$", "")))
end

-- results[metric][program][round] is a number; notes[program] says why a program is not there.
function report.print(results, programs, notes)
  print(line:format("", "median", "min - max", "of rounds", "best/best", "aim"))
  for _, row in ipairs(rows) do
    local by_program = results[row.metric]
    if by_program then
      print(("%s (%s)"):format(row.title, row.unit))
      for _, name in ipairs(programs) do
        if by_program[name] then
          print_program(row, name, by_program[name], by_program.limit)
        elseif notes[name] then
          print(("  %-10s %s"):format(name, notes[name]))
        end
      end
    end
  end
end

return report
