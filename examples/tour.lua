-- A tour: what asyncrt does, done for real and measured. `make demo` runs it; it ends by itself.
--   lua5.4 examples/tour.lua
local async = require "asyncrt"

local CLIENTS, ROUNDS = 1000, 50 -- TCP connections at the same time; messages that each sends and gets back
local SLEEPERS, LONGEST = 10000, 1.5 -- sleeping tasks; seconds
local WORKERS = 100 -- tasks in the scope that fails
local RING, LAPS = 1000, 500 -- tasks that take turns; how often
local SPAWNS = 200000

local rows = {} -- of the table at the end
local status = "" -- what the progress line says

local function finally(fn)
  return setmetatable({}, { __close = fn })
end

-- 12345 -> "12,345"
local function grouped(n)
  local text = ("%.0f"):format(n)
  return (text:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

local function row(ok, what, done, seconds, note)
  rows[#rows + 1] = { ok and "done" or "FAILED", what, done, ("%.2f s"):format(seconds), note }
end

-- TCP -----------------------------------------------------------------------------------------------------------------

-- Both ends of a connection are here, and some descriptors are for other things.
local function affordable_clients()
  local file = io.open("/proc/self/limits")
  local limit = file and file:read("a"):match("Max open files%s+(%d+)")
  if file then file:close() end
  return math.min(CLIENTS, limit and (limit - 50) // 2 or CLIENTS)
end

local function echo(conn)
  for line in conn:lines("L") do async.check(conn:write(line)) end
end

local function tcp()
  local clients = affordable_clients()
  local server <close> = async.check(async.net.serve("127.0.0.1", 0, echo))
  local host, port = server:address()
  local connected, trips, right = 0, 0, 0
  local all_there = async.future()
  local _ <close> = finally(function() status = "" end)

  local function show()
    status = ("%s of %s TCP clients connected, %s round trips"):format(
      grouped(connected), grouped(clients), grouped(trips))
  end

  local function client(i)
    local conn <close> = async.check(async.net.connect(host, port))
    connected = connected + 1
    if connected == clients then all_there:resolve() end
    all_there:await() -- nobody sends before all are connected
    for round = 1, ROUNDS do
      local sent = ("client %d, message %d"):format(i, round)
      async.check(conn:write(sent, "\n"))
      if conn:read("l") == sent then right = right + 1 end
      trips = trips + 1
      show()
    end
  end

  local start, meeting = async.now(), nil
  async.scope(function(scope)
    for i = 1, clients do scope:spawn(client, i) end
    all_there:await()
    meeting = async.now()
    show()
  end)
  local stop = async.now()
  local few = clients < CLIENTS and " (limited by ulimit -n)" or ""
  row(true, "TCP clients at the same time", grouped(clients), meeting - start,
    ("%s connections/s%s"):format(grouped(clients / (meeting - start)), few))
  row(right == clients * ROUNDS, "lines sent, echoed and compared", grouped(right), stop - meeting,
    grouped(trips / (stop - meeting)) .. " round trips/s, both ends in this process")
end

-- Time ----------------------------------------------------------------------------------------------------------------

local function sleepers()
  local asleep, latest = SLEEPERS, 0
  local start = async.now()
  async.scope(function()
    for _ = 1, SLEEPERS do
      async.spawn(function(seconds)
        local due = async.now() + seconds
        async.sleep(seconds)
        latest = math.max(latest, async.now() - due)
        asleep = asleep - 1
        status = ("%s tasks asleep"):format(grouped(asleep))
      end, math.random() * LONGEST)
    end
  end)
  row(asleep == 0, "sleeping tasks, up to " .. LONGEST .. " s each", grouped(SLEEPERS), async.now() - start,
    ("the latest woke %.1f ms late"):format(latest * 1000))
end

local function timeout()
  local start = async.now()
  local ok, err = pcall(async.timeout, 0.2, function()
    status = "waiting a minute, for at most 0.2 s"
    async.sleep(60)
  end)
  row(not ok and async.is_timeout(err), "a wait of 60 s, given 0.2 s", "1", async.now() - start,
    "raised: " .. tostring(err))
end

-- Failure -------------------------------------------------------------------------------------------------------------

-- One of many fails. When it has cleaned up the others are cancelled; when they have, the scope raises its error.
local function failing_scope()
  local cleaned = 0
  local function worker(i)
    local _ <close> = finally(function()
      async.shield(async.sleep, 0.1) -- clean-up may wait
      cleaned = cleaned + 1
    end)
    status = "a scope of " .. WORKERS .. " tasks, one of which will fail"
    async.sleep(i == 50 and 0.2 or 3600)
    error("worker 50 failed", 0)
  end
  local start = async.now()
  local ok, err = pcall(async.scope, function(scope)
    for i = 1, WORKERS do scope:spawn(worker, i) end
  end)
  row(not ok and err == "worker 50 failed" and cleaned == WORKERS, "tasks cleaned up after one failed",
    grouped(cleaned), async.now() - start, "raised: " .. tostring(err))
end

-- Speed ---------------------------------------------------------------------------------------------------------------

local function switches()
  local n = 0
  local start = async.now()
  status = "tasks that take turns"
  async.scope(function()
    for _ = 1, RING do
      async.spawn(function()
        for _ = 1, LAPS do
          async.yield()
          n = n + 1
        end
      end)
    end
  end)
  local seconds = async.now() - start
  row(n == RING * LAPS, "switches in a ring of " .. grouped(RING) .. " tasks", grouped(n), seconds,
    ("%.0f ns a switch"):format(seconds / n * 1e9))
end

local function spawns()
  local sum = 0
  local start = async.now()
  status = "tasks spawned and awaited"
  for i = 1, SPAWNS do sum = sum + async.spawn(math.abs, -i):await() end
  local seconds = async.now() - start
  row(sum == SPAWNS * (SPAWNS + 1) // 2, "tasks spawned and awaited", grouped(SPAWNS), seconds,
    ("%.0f ns a task"):format(seconds / SPAWNS * 1e9))
end

-- The tour ------------------------------------------------------------------------------------------------------------

-- A task beside the others: it keeps the line up to date while they work.
local function progress()
  for tick in async.interval(0.05) do
    io.stderr:write(("\r\27[K%5.1f s  %s"):format(tick * 0.05, status))
  end
end

local function tour()
  local _ <close> = finally(function() io.stderr:write("\r\27[K") end)
  async.spawn_with({ name = "progress", daemon = true }, progress)
  for _, stop in ipairs { tcp, sleepers, failing_scope, timeout, switches, spawns } do stop() end
end

local function print_table(total)
  local format = "%-6s  %-38s %10s %8s  %s"
  print(format:format("", "what", "how many", "took", "how fast"))
  local done = 0
  for _, cells in ipairs(rows) do
    print(format:format(table.unpack(cells)))
    if cells[1] == "done" then done = done + 1 end
  end
  print(("%d of %d done in %.1f s"):format(done, #rows, total))
  return done == #rows
end

math.randomseed(1)
local rt <close> = async.runtime()
rt:run(tour)
os.exit(print_table(rt:now()), true)
