-- Two runtimes of one Lua state in one frame, a menu's and a game's: what one does wakes who waits in the other.
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local function pair()
  local menu, game = async.runtime { clock = "virtual" }, async.runtime { clock = "manual" }
  local both = setmetatable({ menu = menu, game = game }, { __close = function()
    menu:close()
    game:close()
  end })
  -- As often as nothing is ready any more.
  function both.frame()
    for _ = 1, 5 do
      menu:tick()
      game:tick()
    end
  end
  return both
end

local function ended(task)
  local status = task:status()
  return status == "done" or status == "failed" or status == "cancelled"
end

describe("two runtimes in one frame share", function()
  local cases = {
    channel = function()
      local ch = async.channel()
      return function() assert.equal("v", ch:recv()) end, function() ch:send("v") end
    end,
    ["a buffered channel"] = function()
      local ch = async.channel(1)
      ch:try_send("first")
      return function() ch:send("second") end, function() assert.equal("first", ch:recv()) end
    end,
    ["select over channels"] = function()
      local a, b = async.channel(), async.channel()
      return function() assert.same({ 2, "v" }, { async.select(a, b) }) end, function() b:send("v") end
    end,
    ["select that sends"] = function()
      local a = async.channel()
      return function() assert.same({ 1, true }, { async.select(a:sending("v")) }) end,
        function() assert.equal("v", a:recv()) end
    end,
    future = function()
      local future = async.future()
      return function() assert.equal("v", future:await()) end, function() future:resolve("v") end
    end,
    event = function()
      local event = async.event()
      return function() event:wait() end, function() event:set() end
    end,
    semaphore = function()
      local semaphore = async.semaphore(0)
      return function() semaphore:acquire() end, function() semaphore:release() end
    end,
    rwlock = function()
      local rwlock = async.rwlock()
      local guard
      local function hold() guard = rwlock:write() end
      return function() rwlock:read():release() end, function() guard:release() end, hold
    end,
    condition = function()
      local condition = async.condition()
      return function() assert.equal("v", condition:wait()) end, function() condition:notify(1, "v") end
    end,
    barrier = function()
      local barrier = async.barrier(2)
      return function() barrier:wait() end, function() barrier:wait() end
    end,
    broadcast = function()
      local broadcast = async.broadcast(4)
      local sub = broadcast:subscribe()
      return function() assert.equal("v", sub:recv()) end, function() broadcast:send("v") end
    end,
    watch = function()
      local watch = async.watch(1)
      local sub = watch:subscribe()
      return function() while sub:recv() ~= 2 do end end, function() watch:set(2) end
    end,
    waker = function()
      local waker
      return function()
        waker = async.waker()
        async.park()
      end, function() waker:wake() end
    end,
  }

  for name, new in pairs(cases) do
    it(name, function()
      for _, way in ipairs { { "menu", "game" }, { "game", "menu" } } do
        local rts <close> = pair()
        local wait, wake, prepare = new()
        if prepare then rts[way[2]]:spawn(prepare) rts.frame() end
        local waiter = rts[way[1]]:spawn(wait)
        rts.frame()
        assert.is_false(ended(waiter))
        local waker = rts[way[2]]:spawn(wake)
        rts.frame()
        assert.equal("done", waker:status())
        assert.equal("done", waiter:status())
      end
    end)
  end

  it("tasks: one awaits the other's, and gets its failure", function()
    local rts <close> = pair()
    local event = async.event()
    local child = rts.game:spawn_with({ supervise = true }, function()
      event:wait()
      error("oops", 0)
    end)
    local err
    local waiter = rts.menu:spawn(function()
      local _
      _, err = pcall(child.await, child)
    end)
    rts.frame()
    event:set()
    rts.frame()
    assert.equal("done", waiter:status())
    assert.equal("oops", err)
  end)

  it("a mutex, whose guard one hands on to the other", function()
    local rts <close> = pair()
    local mutex, order = async.mutex(), {}
    for i, name in ipairs { "menu", "game", "menu", "game" } do
      rts[name]:spawn(function()
        local _ <close> = mutex:lock()
        order[#order + 1] = i
        async.yield()
      end)
    end
    for _ = 1, 5 do rts.frame() end
    table.sort(order)
    assert.same({ 1, 2, 3, 4 }, order)
    assert.equal("mutex (free)", tostring(mutex))
  end)

  it("nothing any more once one is closed: its waiters are gone from the queues", function()
    for name, new in pairs(cases) do
      if name ~= "barrier" then -- two are enough for it
        local rts <close> = pair()
        local wait, wake, prepare = new()
        if prepare then rts.game:spawn(prepare) rts.frame() end
        local waiter = rts.menu:spawn(wait)
        local second = name ~= "waker" and rts.game:spawn(wait)
        rts.frame()
        rts.menu:close()
        assert.equal("cancelled", waiter:status(), name)
        if second then
          rts.game:spawn(wake)
          for _ = 1, 3 do rts.game:tick() end
          assert.equal("done", second:status(), name)
        end
      end
    end
  end)

  it("cancels: one cancels the other's task while it waits", function()
    local rts <close> = pair()
    local ch = async.channel()
    local waiter = rts.game:spawn(function() ch:recv() end)
    rts.frame()
    rts.menu:spawn(function() waiter:cancel("from the menu") end)
    rts.frame()
    assert.equal("cancelled", waiter:status())
    assert.same({ "full", "full" }, { select(2, ch:try_send("v")) })
  end)
end)
