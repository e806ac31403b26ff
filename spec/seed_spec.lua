-- What a seed shuffles: switches at calls that need not wait, in the order of their effects.
local async = require "asyncrt"
local helper = require "spec.helper"
local sockets = require "spec.sockets"
helper.watch(setup, teardown)

local CALLS = 40 -- fewer than the budget of a poll

local function full(ch)
  for i = 1, 200 do ch:try_send(i) end
  return ch
end

local function ended()
  local task = async.spawn(function() return "done" end)
  task:await()
  return task
end

local function resolved()
  local future = async.future()
  future:resolve("done")
  return future
end

local function set()
  local event = async.event()
  event:set()
  return event
end

-- Each gives a function that never has to wait, and makes a call that suspends.
local calls = {
  send = function()
    local ch = async.channel(math.huge)
    return function() ch:send(1) end
  end,
  recv = function()
    local ch = full(async.channel(math.huge))
    return function() ch:recv() end
  end,
  iterate = function()
    local ch = full(async.channel(math.huge))
    return function() ch() end
  end,
  ["closed send"] = function()
    local ch = async.channel()
    ch:close()
    return function() ch:send(1) end
  end,
  ["closed recv"] = function()
    local ch = async.channel()
    ch:close()
    return function() ch:recv() end
  end,
  subscription = function()
    local from = async.broadcast(200)
    local to = from:subscribe()
    for i = 1, 200 do from:send(i) end
    return function() to:recv() end
  end,
  watch = function()
    local watch = async.watch(0)
    local to = watch:subscribe()
    return function()
      watch:set(1)
      to:recv()
    end
  end,
  select = function()
    local ch = full(async.channel(math.huge))
    return function() async.select(ch, async.future()) end
  end,
  lock = function()
    local mutex = async.mutex()
    return function()
      mutex:lock()
      mutex:unlock()
    end
  end,
  acquire = function()
    local semaphore = async.semaphore(2)
    return function() semaphore:acquire():release() end
  end,
  read = function()
    local lock = async.rwlock()
    return function() lock:read():release() end
  end,
  write = function()
    local lock = async.rwlock()
    return function() lock:write():release() end
  end,
  event = function()
    local event = set()
    return function() event:wait() end
  end,
  barrier = function()
    local barrier = async.barrier(1)
    return function() barrier:wait() end
  end,
  once = function()
    local get = async.once(function() return 1 end)
    get()
    return get
  end,
  await = function()
    local task = ended()
    return function() task:await() end
  end,
  join = function()
    local task = ended()
    return function() task:join() end
  end,
  future = function()
    local future = resolved()
    return function() future:await() end
  end,
  park = function()
    return function()
      async.waker():wake()
      async.park()
    end
  end,
  poll = function()
    return function() async.poll(function() return 1 end) end
  end,
  all = function()
    return function() async.all {} end
  end,
  map = function()
    return function() async.map({}, print) end
  end,
  ["stream:write"] = function()
    local a, b = sockets.pair()
    return function() a:write("x") end, a, b
  end,
  ["stream:read"] = function()
    local a, b = sockets.pair()
    a:write(("x"):rep(200))
    b:read(1)
    return function() b:read(1) end, a, b
  end,
}

-- How many of the calls others ran in.
local function count_switches(seed, make)
  local rt <close> = async.runtime { clock = "virtual", seed = seed }
  return rt:run(function()
    local call, one, other = make()
    local turns, switches = 0, 0
    async.spawn_with({ daemon = true }, function()
      while true do
        turns = turns + 1
        async.yield()
      end
    end)
    async.yield() -- with all of the budget
    for _ = 1, CALLS do
      local before = turns
      call()
      if turns > before then switches = switches + 1 end
    end
    for _, stream in ipairs { one, other } do stream:close() end
    return switches
  end)
end

describe("a call that need not wait", function()
  for name, make in pairs(calls) do
    it("lets others run now and then under a seed: " .. name, function()
      assert.equal(0, count_switches(nil, make))
      local least, most = CALLS, 0
      for seed = 1, 40 do
        local switches = count_switches(seed, make)
        least, most = math.min(least, switches), math.max(most, switches)
        if seed <= 5 then assert.equal(switches, count_switches(seed, make)) end
      end
      assert.is_true(least <= 2, "at least " .. least)
      assert.is_true(most >= CALLS // 4, "at most " .. most)
    end)
  end

  it("has taken effect before others run", function()
    for seed = 1, 100 do
      local rt <close> = async.runtime { clock = "virtual", seed = seed }
      rt:run(function()
        local ch, asked, sent, got = async.channel(math.huge), 0, {}, {}
        async.scope(function()
          for _ = 1, 4 do
            async.spawn(function()
              for _ = 1, 4 do
                asked = asked + 1
                ch:send(asked)
                sent[#sent + 1] = asked
              end
            end)
          end
        end)
        for i = 1, 16 do got[i] = ch:recv() end
        for i = 1, 16 do assert.equal(i, got[i]) end
        local mutex, owners = async.mutex(), {}
        async.scope(function()
          for i = 1, 4 do
            async.spawn(function()
              owners[#owners + 1] = i
              local _ <close> = mutex:lock()
              assert.equal(i, table.remove(owners, 1))
            end)
          end
        end)
      end)
    end
  end)

  it("returns what it has done though it was cancelled meanwhile", function()
    local cancelled = 0
    for seed = 1, 40 do
      local rt <close> = async.runtime { clock = "virtual", seed = seed }
      rt:run(function()
        local ch, sent = async.channel(math.huge), 0
        local task = async.spawn(function()
          while true do
            assert.is_true(ch:send(1))
            sent = sent + 1
          end
        end)
        async.yield()
        task:cancel()
        task:join()
        assert.equal(sent, #ch)
        if sent > 0 then cancelled = cancelled + 1 end
      end)
    end
    assert.is_true(cancelled > 10)
  end)

  it("does not wait for the next tick of a host", function()
    for seed = 1, 40 do
      local rt <close> = async.runtime { clock = "manual", seed = seed }
      local ch = async.channel(math.huge)
      local task = rt:spawn(function()
        for i = 1, 100 do ch:send(i) end
      end)
      rt:tick()
      assert.equal("done", task:status())
    end
  end)

  it("holds no tick for ever", function()
    for seed = 1, 10 do
      local rt <close> = async.runtime { clock = "manual", seed = seed }
      local n = 0
      for _ = 1, 3 do
        rt:spawn(function()
          local ch = async.channel(1)
          while true do
            ch:send(1)
            ch:recv()
            n = n + 1
          end
        end)
      end
      for _ = 1, 3 do
        local before = n
        local next_due, ready = rt:tick()
        assert.equal(0, next_due)
        assert.equal(3, ready)
        assert.is_true(n > before)
      end
    end
  end)
end)

describe("events that come at one time", function()
  -- Which of several streams is read first.
  local function order(seed, driver)
    local rt <close> = async.runtime { clock = "virtual", seed = seed, driver = driver }
    return rt:run(function()
      local pairs_of, list = {}, {}
      for i = 1, 6 do pairs_of[i] = { sockets.pair() } end
      for i = 1, 6 do
        async.spawn(function()
          pairs_of[i][2]:read(1)
          list[#list + 1] = i
        end)
      end
      async.sleep(1)
      for i = 1, 6 do pairs_of[i][1]:write("x") end
      async.sleep(1)
      for i = 1, 6 do
        pairs_of[i][1]:close()
        pairs_of[i][2]:close()
      end
      return table.concat(list)
    end)
  end

  for _, driver in ipairs { "epoll", "poll" } do
    it("come in another order under another seed, and in the same under the same: " .. driver, function()
      local seen, n = {}, 0
      for seed = 1, 30 do
        local text = order(seed, driver)
        assert.equal(6, #text)
        assert.equal(text, order(seed, driver))
        if not seen[text] then n = n + 1 end
        seen[text] = true
      end
      assert.is_true(n > 15, n .. " orders")
    end)
  end
end)
