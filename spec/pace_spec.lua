-- The clock of a game: real, and yet paused and scaled. Nothing here waits long: an hour at a million seconds a second.
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local HOUR = 3600

describe("a real clock", function()
  it("that is scaled takes all that waits for it along", function()
    local rt <close> = async.runtime()
    assert.equal(1.0, rt:scale(1e6))
    rt:run(function()
      local start, took = async.now(), {}
      local function note(what) took[what] = async.now() - start end
      async.scope(function(scope)
        scope:spawn(function()
          async.sleep(2 * HOUR)
          note "sleep"
        end)
        scope:spawn(function()
          assert.is_false(async.try_timeout(HOUR, async.sleep, math.huge))
          note "timeout"
        end)
        scope:spawn(function()
          async.select(async.after(3 * HOUR))
          note "select"
        end)
      end)
      assert.is_true(took.timeout >= HOUR and took.sleep >= 2 * HOUR and took.select >= 3 * HOUR)
    end)
    assert.equal(1e6, rt:scale(1))
  end)

  it("can be scaled while somebody sleeps, and never ends a sleep too early", function()
    local rt <close> = async.runtime()
    local woke
    rt:spawn(function()
      async.sleep(HOUR)
      woke = rt:now()
    end)
    local next_due = rt:tick()
    assert.is_true(next_due > HOUR - 60 and next_due <= HOUR)
    rt:scale(2)
    next_due = rt:tick()
    assert.is_true(next_due > HOUR / 2 - 60 and next_due <= HOUR / 2)
    rt:scale(1e6)
    repeat rt:tick() until woke
    assert.is_true(woke >= HOUR)
  end)

  it("that is paused stands, and goes on from there", function()
    local rt <close> = async.runtime()
    rt:scale(1e6)
    local ticks = 0
    rt:spawn(function() for _ in async.interval(HOUR) do ticks = ticks + 1 end end)
    rt:tick()
    rt:pause()
    local now = rt:now()
    for _ = 1, 100 do assert.is_nil((rt:tick())) end
    assert.equal(now, rt:now())
    assert.equal(0, ticks)
    rt:pause()
    assert.equal(1e6, rt:scale(5e5)) -- for when it goes on
    assert.equal(now, rt:now())
    rt:resume()
    repeat rt:tick() until ticks == 2
    assert.is_true(rt:now() >= now + HOUR)
    rt:resume()
    rt:scale(0)
    assert.is_nil((rt:tick()))
  end)

  it("that is paused leaves I/O and its deadlines alone", function()
    local rt <close> = async.runtime()
    rt:pause()
    rt:run(function()
      local listener <close> = async.check(async.net.listen("127.0.0.1", 0))
      local client <close> = async.check(async.net.connect(listener:address()))
      local server <close> = async.check(listener:accept())
      server:write("hello\n")
      assert.equal("hello", client:read("l"))
      client:settimeout(0.001)
      assert.same({ n = 3, nil, "timeout", "timeout" }, table.pack(client:read("l")))
    end)
  end)

  it("that is paused with nothing else to wait for is a deadlock under run", function()
    local rt <close> = async.runtime()
    rt:pause()
    local ok, err = pcall(rt.run, rt, async.sleep, 1)
    assert.is_false(ok)
    assert.equal("deadlock", err.kind)
  end)

  it("tells the host's descriptor of a change of pace", function()
    local rt <close> = async.runtime()
    if not rt:fileno() then return end -- no descriptor with the poll driver
    local woke = false
    rt:spawn(function()
      async.sleep(HOUR)
      woke = true
    end)
    rt:tick()
    rt:scale(1e6)
    local host <close> = async.runtime()
    repeat
      local _, ready = rt:tick()
      assert.equal(0, ready)
      host:run(async.sleep, 0.001)
    until woke
  end)
end)
