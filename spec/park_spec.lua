local async = require "asyncrt"

-- The end of a child is a hint to its parent, which may be waiting for something else.
local function cancelled_after_a_hint(wait)
  local rt <close> = async.runtime { clock = "virtual" }
  return rt:run(function()
    local parent = async.spawn(function()
      async.spawn(async.sleep_until, 1)
      wait()
    end)
    async.sleep(0.5) -- the child's timer is older than ours: at 1 s its parent is queued before we run
    async.sleep_until(1)
    assert.equal("ready", parent:status())
    parent:cancel("enough")
    return parent:join(60)
  end)
end

describe("a task that a hint has queued", function()
  it("notices a cancel that comes before it runs: await", function()
    local ok, err = cancelled_after_a_hint(function() async.future():await() end)
    assert.is_false(ok)
    assert.equal("task_cancelled", err.kind)
  end)

  it("notices a cancel that comes before it runs: sleep", function()
    local ok, err = cancelled_after_a_hint(function() async.sleep(30) end)
    assert.is_false(ok)
    assert.equal("task_cancelled", err.kind)
  end)

  it("notices a cancel that comes before it runs: park", function()
    local ok, err = cancelled_after_a_hint(function()
      repeat async.park() until false
    end)
    assert.is_false(ok)
    assert.equal("task_cancelled", err.kind)
  end)
end)
