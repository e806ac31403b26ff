local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

describe("a parked task", function()
  it("notices a cancel that comes between its wake and its poll", function()
    local rt <close> = async.runtime { clock = "virtual" }
    local ok, err = rt:run(function()
      local waker
      local parent = async.spawn(function()
        waker = async.waker()
        repeat async.park() until false
      end)
      async.yield()
      waker:wake()
      assert.equal("ready", parent:status())
      parent:cancel("enough")
      return parent:join(60)
    end)
    assert.is_false(ok)
    assert.equal("task_cancelled", err.kind)
  end)

  it("is not disturbed by the end of a child while it waits for something else", function()
    local rt <close> = async.runtime { clock = "virtual" }
    rt:run(function()
      local parent = async.spawn(function()
        async.spawn(async.sleep_until, 1)
        async.sleep(30)
      end)
      async.sleep(0.5) -- the child's timer is older than ours: at 1 s it has ended before we run
      async.sleep_until(1)
      assert.equal("waiting", parent:status())
      assert.equal("sleep", parent:waiting_on())
      parent:await()
      assert.equal(30, async.now())
    end)
  end)
end)
