local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

-- A task that notes its frames.
local function spawn_noting(rt, noted)
  return rt:spawn(function()
    while true do noted[#noted + 1] = async.next_frame() end
  end)
end

describe("a frame", function()
  it("is a tick, with the time since the last one", function()
    local rt <close> = async.runtime { clock = "manual" }
    local noted = {}
    spawn_noting(rt, noted)
    rt:tick()
    assert.same({}, noted) -- it has just begun to wait
    rt:tick()
    rt:tick()
    assert.same({ 0.0, 0.0 }, noted)
  end)

  it("is an advance, too, and then the tick after it is none", function()
    local rt <close> = async.runtime { clock = "manual" }
    local noted = {}
    spawn_noting(rt, noted)
    for _ = 1, 3 do
      rt:advance(0.25)
      rt:tick()
    end
    assert.same({ 0.25, 0.25, 0.25 }, noted)
    rt:advance(0.5)
    rt:advance(0.25)
    assert.same({ 0.5, 0.25 }, { noted[4], noted[5] })
    rt:tick()
    assert.equal(5, #noted)
    rt:tick() -- nobody advances: paused
    assert.equal(0.0, noted[6])
  end)

  it("comes once a tick, however long that goes on", function()
    local rt <close> = async.runtime { clock = "manual" }
    local noted, wakes = {}, 0
    spawn_noting(rt, noted)
    rt:tick()
    local ch = async.channel()
    rt:spawn(function() for _ in ch do wakes = wakes + 1 end end)
    rt:spawn(function() for i = 1, 1000 do ch:send(i) end end)
    rt:tick()
    assert.equal(1000, wakes)
    assert.equal(1, #noted)
  end)

  it("that the budget cut off comes with the next tick", function()
    local rt <close> = async.runtime { clock = "manual" }
    local count = 0
    for _ = 1, 3 do
      rt:spawn(function()
        while true do
          async.next_frame()
          count = count + 1
        end
      end)
    end
    rt:tick()
    for i = 1, 3 do
      rt:tick(0)
      assert.equal(i, count)
    end
  end)

  it("comes in the order in which tasks began to wait", function()
    local rt <close> = async.runtime { clock = "manual" }
    local order = {}
    for i = 1, 5 do
      rt:spawn(function()
        async.next_frame()
        order[#order + 1] = i
      end)
    end
    rt:tick()
    rt:tick()
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("comes 60 times a second under run, or as often as was said", function()
    local rt <close> = async.runtime { clock = "virtual", frame = 0.25 }
    rt:run(function()
      assert.equal(0.25, async.next_frame())
      assert.equal(0.25, async.now())
      async.sleep(0.1)
      assert.equal(0.25, async.next_frame()) -- on a grid
      assert.equal(0.5, async.now())
      async.sleep(1.3)
      assert.equal(1.5, async.next_frame()) -- nobody waited for those between
      assert.equal(2.0, async.now())
    end)
    rt:run(function()
      async.next_frame()
      assert.equal(2.25, async.now())
    end)
    async.run(function()
      local before = async.now()
      for _ = 1, 3 do async.next_frame() end
      assert.is_true(async.now() - before > 2 / 60)
    end)
  end)

  it("goes on under run for who began to wait in a tick, and the other way round", function()
    local rt <close> = async.runtime { clock = "virtual", frame = 1 }
    local noted = {}
    spawn_noting(rt, noted)
    rt:tick()
    rt:run(async.sleep, 2.5)
    assert.same({ 1.0, 1.0 }, noted)
    rt:tick()
    assert.equal(3, #noted)
  end)

  it("that is waited for can be cancelled", function()
    local rt <close> = async.runtime { clock = "manual" }
    local task = rt:spawn(function() async.next_frame() end)
    local other = rt:spawn(function() return async.next_frame() end)
    rt:tick()
    assert.equal("the next frame", (task:waiting_on()))
    task:cancel()
    rt:tick()
    assert.equal("cancelled", task:status())
    assert.equal("done", other:status())
  end)

  it("costs one timer under run, and none otherwise", function()
    local core = require "asyncrt.core"
    local rt <close> = async.runtime { clock = "virtual" }
    for _ = 1, 100 do rt:spawn(function() while true do async.next_frame() end end) end
    rt:tick()
    assert.equal(0, core.counts(rt).timers)
    rt:run(function()
      async.yield()
      assert.equal(1, core.counts(rt).timers)
    end)
  end)
end)
