-- A menu and a game in one frame: two runtimes of one Lua state, ticked in turn, with everything that tasks can share.
-- Whoever is woken goes on in the tick of its own runtime, and in no other.
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local function make()
  return async.runtime { clock = "manual", on_error = function(err) error(err, 0) end }
end

local TURNS = 6

-- Each way to wait: made(env) gives what is shared, wait(shared) waits and returns what came, wake(shared) ends the
-- wait from a task of the other runtime. 'comes' is what the waiter gets.
local ways = {
  { "a rendezvous that receives", made = async.channel,
    wait = function(ch) return ch:recv() end, wake = function(ch) ch:send("v", false) end, comes = { "v", false } },
  { "a rendezvous that sends", made = async.channel,
    wait = function(ch) return ch:send("v") end, wake = function(ch) assert.equal("v", ch:recv()) end,
    comes = { true } },
  { "a full channel", made = function()
      local ch = async.channel(1)
      ch:try_send("first")
      return ch
    end,
    wait = function(ch) return ch:send("second") end, wake = function(ch) assert.equal("first", ch:recv()) end,
    comes = { true } },
  { "a channel that is closed", made = async.channel,
    wait = function(ch) return ch:recv() end, wake = function(ch) ch:close() end, comes = { nil, "closed", "closed" } },
  { "a future", made = async.future,
    wait = function(f) return f:await() end, wake = function(f) f:resolve(1, nil, 3) end, comes = { 1, nil, 3 } },
  { "an event", made = async.event,
    wait = function(e) e:wait() return "set" end, wake = function(e) e:set() e:clear() end, comes = { "set" } },
  { "a condition", made = async.condition,
    wait = function(c) return c:wait() end, wake = function(c) c:notify(1, "n") end, comes = { "n" } },
  { "a barrier", made = function() return async.barrier(2) end,
    wait = function(b) return b:wait() end, wake = function(b) b:wait() end, comes = { 1 },
    meets = true }, -- a second waiter is the wake
  { "a semaphore", made = function()
      local s = async.semaphore(1)
      return { s = s, guard = s:try_acquire() }
    end,
    wait = function(m)
      m.s:acquire():release()
      return "acquired"
    end, wake = function(m) m.guard:release() end, comes = { "acquired" } },
  { "a watch", made = function()
      local watch = async.watch(0)
      local sub = watch:subscribe()
      sub:recv()
      return { watch = watch, sub = sub }
    end, inside = true,
    wait = function(m) return m.sub:recv() end, wake = function(m) m.watch:set(7) end, comes = { 7 } },
  { "a broadcast", made = function()
      local b = async.broadcast(4)
      return { b = b, sub = b:subscribe() }
    end,
    wait = function(m) return m.sub:recv() end, wake = function(m) m.b:send("all") end, comes = { "all" } },
  { "select over channels", made = function() return { async.channel(), async.channel() } end,
    wait = function(list) return async.select(list) end, wake = function(list) list[2]:send("x") end,
    comes = { 2, "x" } },
}

local function each_way(test, leaves_out)
  for _, way in ipairs(ways) do
    local case = not (leaves_out and way[leaves_out]) and it or function() end
    case(way[1], function()
      local menu <close> = make()
      local game <close> = make()
      local shared
      if way.inside then
        game:run(function() shared = way.made() end)
      else
        shared = way.made()
      end
      test(way, shared, menu, game)
    end)
  end
end

local function spawn_waiting(rt, way, shared)
  local result = {}
  local task = rt:spawn(function() result.values = table.pack(way.wait(shared)) end)
  rt:tick()
  assert.equal("waiting", task:status())
  return result, task
end

local function assert_came(way, result)
  assert.is_table(result.values)
  for i = 1, math.max(#way.comes, result.values.n) do assert.equal(way.comes[i], result.values[i]) end
end

describe("a task of one runtime is woken by one of another, in a tick of its own, out of", function()
  each_way(function(way, shared, menu, game)
    local result = spawn_waiting(menu, way, shared)
    local waker = game:spawn(way.wake, shared)
    game:tick()
    assert.equal("done", waker:status())
    assert.is_nil(result.values) -- its runtime has not been ticked yet
    local _, ready = game:tick()
    assert.equal(0, ready)
    menu:tick()
    assert_came(way, result)
  end)
end)

describe("what is cancelled in one runtime leaves the next waiter of another its turn, at", function()
  each_way(function(way, shared, menu, game)
    local _, first = spawn_waiting(menu, way, shared)
    local second = spawn_waiting(game, way, shared)
    first:cancel("gone")
    for _ = 1, TURNS do menu:tick() end
    assert.equal("cancelled", first:status())
    menu:spawn(way.wake, shared)
    for _ = 1, TURNS do
      menu:tick()
      game:tick()
    end
    assert_came(way, second)
  end, "meets")
end)

describe("a runtime that is closed takes its waiters with it, and leaves the others theirs, at", function()
  each_way(function(way, shared, menu, game)
    local result, waiter = spawn_waiting(menu, way, shared)
    menu:close()
    assert.equal("cancelled", waiter:status())
    assert.is_nil(result.values)
    local other = spawn_waiting(game, way, shared)
    game:spawn(way.wake, shared)
    for _ = 1, TURNS do game:tick() end
    assert_came(way, other)
  end)
end)

describe("a runtime that is closed after a wake and before its tick", function()
  it("has received what was handed over to it, and the rest is for others", function()
    local menu <close> = make()
    local game <close> = make()
    local ch, got, sent = async.channel(), {}, 0
    menu:spawn(function() for v in ch do got[#got + 1] = v end end)
    menu:tick()
    game:spawn(function() for i = 1, 2 do if ch:send(i) then sent = sent + 1 end end end)
    game:tick()
    assert.equal(1, sent) -- handed over; the second finds nobody who waits
    menu:close()
    game:spawn(function() for v in ch do got[#got + 1] = v end end)
    for _ = 1, TURNS do game:tick() end
    assert.same({ { 1, 2 }, 2 }, { got, sent })
  end)
end)

describe("a mutex", function()
  it("changes between runtimes in the order in which it was asked for", function()
    local menu <close> = make()
    local game <close> = make()
    local mutex, start, order = async.mutex(), async.event(), {}
    local function hold(name)
      local _ <close> = mutex:lock()
      order[#order + 1] = name
      start:wait()
    end
    for i = 1, 3 do
      menu:spawn(hold, "menu " .. i)
      menu:tick()
      game:spawn(hold, "game " .. i)
      game:tick()
    end
    assert.same({ "menu 1" }, order)
    start:set()
    for _ = 1, TURNS do
      menu:tick()
      game:tick()
    end
    assert.same({ "menu 1", "game 1", "menu 2", "game 2", "menu 3", "game 3" }, order)
    assert.is_true(game:run(function() return mutex:try_lock() and true end))
  end)

  it("whose owner's runtime is closed is unlocked, or tells its waiters that it is broken", function()
    local menu <close> = make()
    local game <close> = make()
    local clean, dirty, got = async.mutex(), async.mutex(), {}
    menu:spawn(function()
      dirty:lock()
      local _ <close> = clean:lock()
      async.sleep(math.huge)
    end)
    menu:tick()
    game:spawn(function()
      local _ <close> = clean:lock()
      got.clean = true
    end)
    game:spawn(function()
      local _, err = pcall(dirty.lock, dirty)
      got.dirty = err.kind
    end)
    game:tick()
    assert.same({}, got)
    menu:close()
    game:tick()
    assert.same({ clean = true, dirty = "broken" }, got)
  end)
end)

describe("a task", function()
  it("is awaited, joined and cancelled from another runtime", function()
    local menu <close> = make()
    local game <close> = make()
    local task, got = game:spawn(async.sleep, math.huge), {}
    game:tick()
    menu:spawn(function()
      local _, err = pcall(task.await, task)
      got.await = err.kind
    end)
    menu:spawn(function()
      local ok, err = task:join()
      got.join = { ok, async.is_cancelled(err) or err.kind == "task_cancelled" }
    end)
    menu:tick()
    menu:spawn(function() task:cancel("from the menu") end)
    menu:tick()
    assert.equal("waiting", (task:status():gsub("ready", "waiting"))) -- it unwinds in its own tick
    game:tick()
    assert.equal("cancelled", task:status())
    assert.same({}, got)
    menu:tick()
    assert.same({ await = "task_cancelled", join = { false, true } }, got)
  end)

  it("of a runtime that is closed is over for who awaits it in another", function()
    local menu <close> = make()
    local game <close> = make()
    local task, kind = game:spawn(async.sleep, math.huge), nil
    menu:spawn(function()
      local _, err = pcall(task.await, task)
      kind = err.kind
    end)
    game:tick()
    menu:tick()
    game:close()
    menu:tick()
    assert.equal("task_cancelled", kind)
  end)
end)

describe("select over channels that both runtimes use", function()
  it("takes every message once, whoever is quicker", function()
    local menu <close> = make()
    local game <close> = make()
    local clicks, hits, counts, taken = async.channel(), async.channel(3), {}, 0
    local function take(name)
      while true do
        local _, v = async.select(clicks, hits)
        counts[v] = (counts[v] or 0) + 1
        taken = taken + 1
        if name == "game" then async.next_frame() end
      end
    end
    menu:spawn(take, "menu")
    game:spawn(take, "game")
    menu:spawn(function() for i = 1, 50 do clicks:send("click " .. i) end end)
    game:spawn(function() for i = 1, 50 do hits:send("hit " .. i) end end)
    for _ = 1, 200 do
      menu:tick()
      game:tick()
    end
    assert.equal(100, taken)
    for _, n in pairs(counts) do assert.equal(1, n) end
    menu:close() -- its case is withdrawn from both channels
    game:spawn(function() clicks:send("late") end)
    for _ = 1, TURNS do game:tick() end
    assert.equal(1, counts.late)
  end)
end)
