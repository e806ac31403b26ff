local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, run_seeded, here, error_of = helper.run, helper.run_seeded, helper.here, helper.error_of

describe("an event", function()
  it("releases those who wait and those who come later", function()
    run_seeded(function()
      local event, released = async.event(), 0
      for _ = 1, 4 do
        async.spawn(function()
          event:wait()
          released = released + 1
        end)
      end
      async.sleep(1)
      assert.equal(0, released)
      assert.is_false(event:is_set())
      event:set()
      assert.is_true(event:is_set())
      async.sleep(1)
      assert.equal(4, released)
      event:wait()
    end)
  end)

  it("releases all who waited, even if it is cleared before they run, and none who comes then", function()
    run_seeded(function()
      local event, released = async.event(), 0
      local function wait()
        event:wait()
        released = released + 1
      end
      for _ = 1, 3 do async.spawn(wait) end
      async.sleep(1)
      event:set()
      event:clear()
      local late = async.spawn(wait)
      async.sleep(1)
      assert.equal(3, released)
      assert.equal("waiting", late:status())
      event:set()
    end)
  end)

  it("releases one who is cancelled in the same turn, if it was set first", function()
    run_seeded(function()
      local event, released = async.event(), false
      local task = async.spawn(function()
        event:wait()
        released = true
        async.yield()
      end)
      async.sleep(1)
      event:set()
      task:cancel()
      task:join()
      assert.is_true(released)
      assert.equal("cancelled", task:status())
    end)
  end)

  it("does not release one who was cancelled before", function()
    run_seeded(function()
      local event, released = async.event(), false
      local task = async.spawn(function()
        event:wait()
        released = true
      end)
      async.sleep(1)
      task:cancel()
      event:set()
      task:join()
      assert.is_false(released)
      async.try_timeout(0, function()
        assert.is_true(async.is_cancelled(error_of(event.wait, event)))
      end)
    end)
  end)

  it("can be set where no task runs", function()
    local rt <close> = async.runtime { clock = "manual" }
    local event, released = async.event(), false
    rt:spawn(function()
      event:wait()
      released = true
    end)
    rt:tick()
    event:set()
    event:set()
    rt:tick()
    assert.is_true(released)
  end)

  it("lets others run after many waits that need not wait", function()
    run_seeded(function()
      local event, ran = async.event(), false
      event:set()
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do event:wait() end
      assert.is_true(ran)
    end)
  end)

  it("shows its state, and what is waited for", function()
    run(function()
      local event = async.event()
      assert.equal("event (not set)", tostring(event))
      local task = async.spawn(event.wait, event)
      async.yield()
      assert.equal("event", task:waiting_on())
      event:set()
      assert.equal("event (set)", tostring(event))
    end)
  end)

  it("refuses misuse with the caller's position", function()
    local event = async.event()
    assert.equal(here(1) .. ": 'wait' called outside a task", error_of(function()
      event:wait() end))
    assert.equal(here(1) .. ": bad argument #1 to 'set' (asyncrt.event expected, got nil)", error_of(function()
      event.set(nil) end))
  end)
end)
