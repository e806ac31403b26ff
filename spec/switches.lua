-- As spec.orderings, for what goes wrong only if others run in a call that does not have to wait: no task in here
-- yields, and whatever it asks for is there.
local async = require "asyncrt"

local programs = {}

local function add(name, wrong, right)
  programs[#programs + 1] = { name = name, wrong = wrong, right = right }
end

local function expect(expected, got)
  if expected ~= got then error(("expected %s, got %s"):format(expected, got), 2) end
end

-- Spawns n tasks of fn(i) and waits for them.
local function together(n, fn)
  async.scope(function()
    for i = 1, n do async.spawn(fn, i) end
  end)
end

-- A cache that is to load its key once, with a lock around the loading.
local function cache(get)
  local loads, lock, known = 0, async.mutex(), {}
  local function load_key()
    loads = loads + 1
    known.k = "value"
  end
  together(3, function() expect("value", get(known, lock, load_key)) end)
  expect(1, loads)
end

add("a look before the lock and none behind it", function()
  cache(function(known, lock, load_key)
    if not known.k then
      local _ <close> = lock:lock()
      load_key()
    end
    return known.k
  end)
end, function()
  cache(function(known, lock, load_key)
    local _ <close> = lock:lock()
    if not known.k then load_key() end
    return known.k
  end)
end)

-- Visitors are counted, and each is put on record.
local function visits(count)
  local counter, records = { n = 0 }, async.channel(math.huge)
  together(4, function() count(counter, records) end)
  expect(4, counter.n)
end

add("an update around a send to a channel with room", function()
  visits(function(counter, records)
    local n = counter.n
    records:send(n)
    counter.n = n + 1
  end)
end, function()
  visits(function(counter, records)
    counter.n = counter.n + 1
    records:send(counter.n)
  end)
end)

-- The work is done when no job is left, neither in the channel nor in a worker's hands.
local function work(take)
  local jobs, state = async.channel(1), { busy = 0, done = 0 }
  jobs:try_send("job")
  together(2, function(i)
    if i == 1 then
      take(jobs, state)
      state.done = state.done + 1
      state.busy = state.busy - 1
    elseif #jobs == 0 and state.busy == 0 then
      expect(1, state.done)
    end
  end)
end

add("a message is in nobody's books between its receipt and the next line", function()
  work(function(jobs, state)
    jobs:recv()
    state.busy = state.busy + 1
  end)
end, function()
  work(function(jobs, state)
    state.busy = state.busy + 1
    jobs:recv()
  end)
end)

-- Fees are taken off a balance; what they are was found out long ago.
local function fees(pay)
  local account, fee = { balance = 100 }, async.spawn(function() return 10 end)
  fee:await()
  together(3, function() pay(account, fee) end)
  expect(70, account.balance)
end

add("an update around the await of a task that has ended", function()
  fees(function(account, fee)
    local balance = account.balance
    account.balance = balance - fee:await()
  end)
end, function()
  fees(function(account, fee)
    local sum = fee:await()
    account.balance = account.balance - sum
  end)
end)

-- A door that is open until somebody shuts it.
local function door(enter)
  local state, bell = { open = true }, async.event()
  bell:set()
  together(2, function(i)
    if i == 1 then
      enter(state, bell)
    else
      state.open = false
    end
  end)
end

add("a look before the wait for an event that is set", function()
  door(function(state, bell)
    if not state.open then return end
    bell:wait()
    expect(true, state.open)
  end)
end, function()
  door(function(state, bell)
    bell:wait()
    if not state.open then return end
    expect(true, state.open)
  end)
end)

-- Each gets a number of its own and a permit.
local function numbers(draw)
  local next_number, permits, taken = { n = 1 }, async.semaphore(10), {}
  together(4, function()
    local n = draw(next_number, permits)
    expect(nil, taken[n])
    taken[n] = true
  end)
end

add("a number is drawn around an acquire that finds a permit", function()
  numbers(function(next_number, permits)
    local n = next_number.n
    local _ <close> = permits:acquire()
    next_number.n = n + 1
    return n
  end)
end, function()
  numbers(function(next_number, permits)
    local _ <close> = permits:acquire()
    local n = next_number.n
    next_number.n = n + 1
    return n
  end)
end)

return programs
