-- Small programs, each twice: wrong, as people write it, with an order in mind that nobody promised; and right. Each
-- says by an error that it went wrong; without a seed none of them does.
local async = require "asyncrt"

local programs = {}

local function turns(n)
  for _ = 1, n do async.yield() end
end

local function add(name, wrong, right)
  programs[#programs + 1] = { name = name, wrong = wrong, right = right }
end

local function expect(expected, got)
  if expected ~= got then error(("expected %s, got %s"):format(expected, got), 2) end
end

-- Two tellers pay into one account; each asks the bank between reading and writing.
local function bank(pay_in)
  local account = { balance = 0, lock = async.mutex() }
  async.scope(function()
    async.spawn(pay_in, account, 10)
    async.spawn(function()
      turns(2)
      pay_in(account, 5)
    end)
  end)
  expect(15, account.balance)
end

local function pay_in(account, sum)
  local balance = account.balance
  async.yield()
  account.balance = balance + sum
end

add("an update lost over a yield", function() bank(pay_in) end, function()
  bank(function(account, sum)
    local _ <close> = account.lock:lock()
    pay_in(account, sum)
  end)
end)

-- A cache that is to load a key once.
local function cache(get)
  local loads = 0
  local function load_key(key)
    loads = loads + 1
    async.yield()
    return "value of " .. key
  end
  local known = {}
  async.scope(function()
    for i = 0, 2 do
      async.spawn(function()
        turns(2 * i)
        expect("value of k", get(known, "k", load_key))
      end)
    end
  end)
  expect(1, loads)
end

add("check, then wait, then act", function()
  cache(function(known, key, load_key)
    if not known[key] then known[key] = load_key(key) end
    return known[key]
  end)
end, function()
  cache(function(known, key, load_key)
    local future = known[key]
    if future then return future:await() end
    future = async.future()
    known[key] = future
    local value = load_key(key)
    future:resolve(value)
    return value
  end)
end)

-- A worker that is told to quit after three jobs.
local function workshop(work)
  local jobs, quit, done = async.channel(8), async.channel(1), 0
  local function finish() done = done + 1 end
  async.scope(function()
    async.spawn(work, jobs, quit, finish)
    async.spawn(function()
      turns(1)
      for i = 1, 3 do jobs:send(i) end
      turns(6)
      quit:send(true)
    end)
  end)
  expect(3, done)
end

local function work_until_quit(jobs, quit, finish)
  repeat
    local which = async.select(jobs, quit)
    if which == 1 then
      finish()
      async.yield()
    end
  until which == 2
end

add("select takes the first case that is ready", function() workshop(work_until_quit) end, function()
  workshop(function(jobs, quit, finish)
    work_until_quit(jobs, quit, finish)
    while jobs:try_recv() do finish() end
  end)
end)

-- A reading is there after a second, and wanted after a second.
local function sensor(wait)
  local reading
  local ready = async.event()
  async.scope(function()
    async.spawn(function()
      async.sleep(1)
      reading = 21
      ready:set()
    end)
    async.spawn(function()
      wait(ready)
      expect(21, reading)
    end)
  end)
end

add("equal deadlines come in the order of asking", function()
  sensor(function() async.sleep(1) end)
end, function()
  sensor(function(ready) ready:wait() end)
end)

-- Pages, fetched together, are put in a row.
local function pages(put)
  local list = {}
  async.scope(function()
    for i = 1, 4 do
      async.spawn(function()
        async.yield()
        put(list, i)
      end)
    end
  end)
  expect("1234", table.concat(list))
end

add("tasks end in the order of their spawns", function()
  pages(function(list, i) list[#list + 1] = i end)
end, function()
  pages(function(list, i) list[i] = i end)
end)

-- A listener that needs a moment to set itself up, and an announcement.
local function radio(wait)
  local handlers, heard, ready = {}, 0, async.event()
  async.scope(function()
    async.spawn(function()
      async.yield()
      handlers[1] = function() heard = heard + 1 end
      ready:set()
    end)
    async.spawn(function()
      wait(ready)
      for _, handler in ipairs(handlers) do handler() end
    end)
  end)
  expect(1, heard)
end

add("who starts first is ready first", function()
  radio(function() turns(2) end)
end, function()
  radio(function(ready) ready:wait() end)
end)

-- Money goes from one account to the other and back; both are locked for it.
local function transfers(order)
  local a, b = async.mutex(), async.mutex()
  local function transfer(from, to)
    local first, second = order(from, to, a, b)
    local _ <close> = first:lock()
    async.yield()
    local _ <close> = second:lock()
  end
  async.scope(function()
    async.spawn(transfer, a, b)
    async.spawn(function()
      turns(3)
      transfer(b, a)
    end)
  end)
end

add("locks taken in different orders", function()
  transfers(function(from, to) return from, to end)
end, function()
  transfers(function(_, _, a, b) return a, b end)
end)

-- Three producers and one channel, which somebody must close.
local function market(ch, produce)
  local sum = 0
  async.scope(function()
    async.spawn(function()
      for v in ch do sum = sum + v end
    end)
    produce()
  end)
  expect(6, sum)
end

add("the last one spawned closes the channel", function()
  local ch = async.channel(4)
  market(ch, function()
    for i = 1, 3 do
      async.spawn(function()
        async.yield()
        ch:send(i)
        if i == 3 then ch:close() end
      end)
    end
  end)
end, function()
  local ch = async.channel(4)
  market(ch, function()
    async.scope(function()
      for i = 1, 3 do
        async.spawn(function()
          async.yield()
          ch:send(i)
        end)
      end
    end)
    ch:close()
  end)
end)

-- Lines are sent through a channel, in a table that could be used again.
local function lines(new_line)
  local ch, texts = async.channel(1), {}
  async.scope(function()
    async.spawn(function()
      for line in ch do texts[#texts + 1] = line.text end
    end)
    async.spawn(function()
      for i = 1, 3 do
        local line = new_line()
        line.text = "line " .. i
        ch:send(line)
        turns(2)
      end
      ch:close()
    end)
  end)
  expect("line 1, line 2, line 3", table.concat(texts, ", "))
end

add("what was sent is changed afterwards", function()
  local line = {}
  lines(function() return line end)
end, function()
  lines(function() return {} end)
end)

-- Waits until nothing is pending.
local function group(before_spawn, in_task)
  local pending, done = 0, 0
  local function register() pending = pending + 1 end
  async.scope(function()
    for _ = 1, 3 do
      before_spawn(register)
      async.spawn(function()
        in_task(register)
        async.yield()
        done = done + 1
        pending = pending - 1
      end)
    end
    async.yield()
    while pending > 0 do async.yield() end
    expect(3, done)
  end)
end

local function call(f) f() end
local function leave() end

add("tasks are counted once they run", function() group(leave, call) end, function() group(call, leave) end)

return programs
