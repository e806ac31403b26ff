local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, defer, here, error_of = helper.run, helper.try_run, helper.defer, helper.here, helper.error_of

local function fail_at(time, err)
  async.sleep_until(time)
  error(err, 0)
end

describe("a scope function", function()
  it("returns its values when every task inside is done", function()
    run(function()
      local ended = 0
      local function child(seconds)
        async.sleep(seconds)
        ended = ended + 1
      end
      local values = table.pack(async.scope(function(s)
        s:spawn(child, 1)
        async.spawn(child, 2)
        s:spawn_with({ name = "third" }, child, 3)
        s:try_spawn(child, 4)
        return 1, nil, nil
      end))
      assert.same({ 1, nil, nil, n = 3 }, values)
      assert.same({ 4, 4 }, { ended, async.now() })
    end)
  end)

  it("takes callables", function()
    run(function()
      local callable = setmetatable({}, { __call = function(_, s) return tostring(s) end })
      assert.truthy(async.scope(callable):find("^scope %d+ %(open%)$"))
      assert.truthy(async.scope(callable, { supervise = false }):find("^scope"))
    end)
  end)

  it("refuses the rest", function()
    run(function()
      assert.equal(here(1) .. ": bad argument #1 to 'scope' (function expected, got number)",
        error_of(function() async.scope(1) end))
      assert.equal(here(1) .. ": bad argument #2 to 'scope' (table expected, got string)",
        error_of(function() async.scope(print, "supervise") end))
    end)
    assert.equal(here(1) .. ": 'scope' called outside a task",
      error_of(function() async.scope(print) end))
  end)

  it("raises what its body raises, untouched, after its children have ended", function()
    run(function()
      local original, closed = {}, false
      local err = error_of(async.scope, function(s)
        s:spawn(function()
          local _ <close> = defer(function(e)
            assert.equal("failure", e.reason)
            async.shield(async.sleep, 1)
            closed = true
          end)
          async.park()
        end)
        async.yield()
        error(original)
      end)
      assert.is_true(rawequal(original, err))
      assert.is_true(closed)
    end)
  end)

  it("is cancelled by a child's failure, which it raises", function()
    run(function()
      local original, sibling = {}, nil
      local err = error_of(async.scope, function(s)
        sibling = s:spawn(async.park)
        s:spawn(fail_at, 1, original)
        async.sleep(100)
      end)
      assert.is_true(rawequal(original, err))
      assert.same({ "cancelled", 1 }, { sibling:status(), async.now() })
    end)
  end)

  it("raises the first failure in time, of whomever", function()
    local function outcome(body_at, child_at, other_at)
      local reports, ok, err = try_run(async.scope, function(s)
        s:spawn(fail_at, child_at, "child")
        s:spawn(fail_at, other_at, "other")
        fail_at(body_at, "body")
      end)
      assert.same({ 0, false }, { #reports, ok })
      return err
    end
    assert.equal("body", outcome(1, 2, 3))
    assert.equal("child", outcome(2, 1, 3))
    assert.equal("other", outcome(3, 2, 1))
  end)

  it("keeps failures that come later in the suppressed of an error of ours", function()
    run(function()
      local first
      local err = error_of(async.scope, function(s)
        for _, name in ipairs { "b", "c" } do
          s:spawn(function()
            local _ <close> = defer(function() error(name, 0) end)
            async.park()
          end)
        end
        async.yield()
        first = select(2, pcall(async.check, nil, "a", "EIO"))
        error(first)
      end)
      assert.equal(first, err)
      assert.same({ "b", "c" }, err.suppressed)
    end)
  end)

  it("leaves failures that come later to on_error if the first is not ours", function()
    local late
    local reports, ok, err = try_run(async.scope, function(s)
      late = s:spawn(function()
        local _ <close> = defer(function() error("late", 0) end)
        async.park()
      end)
      async.yield()
      error("first", 0)
    end)
    assert.same({ false, "first" }, { ok, err })
    assert.equal(1, #reports)
    assert.same({ "late", late }, { reports[1].err, reports[1].task })
  end)

  it("leaves a body's late failure to on_error as well", function()
    local reports, ok, err = try_run(async.scope, function(s)
      s:spawn(fail_at, 1, "child")
      local _ <close> = defer(function() error("body", 0) end)
      async.park()
    end)
    assert.same({ false, "child" }, { ok, err })
    assert.same({ "body" }, { reports[1].err })
    assert.equal(1, #reports)
  end)

  it("shows who awaits the failing child that child's own error", function()
    run(function()
      local original, seen_inside, seen_outside = {}, nil, nil
      local err = error_of(async.scope, function(s)
        local child = s:spawn(fail_at, 1, original)
        s:spawn(function()
          local ok, e = pcall(child.await, child)
          seen_outside = not ok and e
          error(e, 0)
        end)
        local ok, e = pcall(child.await, child)
        seen_inside = not ok and e
        error(e, 0)
      end)
      assert.is_true(rawequal(original, seen_inside))
      assert.is_true(rawequal(original, seen_outside))
      assert.is_true(rawequal(original, err))
    end)
  end)

  it("gives nil, cancelled and the reason if its own cancel stopped the body", function()
    run(function()
      local reason = {}
      local child
      assert.same({ nil, "cancelled", reason, n = 3 }, table.pack(async.scope(function(s)
        child = s:spawn(async.park)
        s:spawn(function()
          async.sleep(1)
          s:cancel(reason)
          s:cancel("another")
        end)
        async.sleep(100)
      end)))
      assert.same({ "cancelled", 1 }, { child:status(), async.now() })
      assert.same({ nil, "cancelled", nil, n = 3 }, table.pack(async.scope(function(s)
        s:cancel()
        async.yield()
      end)))
    end)
  end)

  it("gives its values if it returned in spite of the cancel", function()
    run(function()
      assert.equal("value", async.scope(function(s)
        s:spawn(async.park)
        s:cancel()
        return "value"
      end))
    end)
  end)

  it("can be inside another, and each is its own", function()
    run(function()
      local story = {}
      async.scope(function(outer)
        outer:spawn(function() async.sleep(5) story[#story + 1] = "outer child" end)
        assert.equal("cancelled", select(2, async.scope(function(inner)
          inner:spawn(async.park)
          outer:spawn(function() async.sleep(2) story[#story + 1] = "outer's from inside" end)
          async.sleep(1)
          inner:cancel()
          async.yield()
        end)))
        story[#story + 1] = "inner ended"
      end)
      assert.same({ "inner ended", "outer's from inside", "outer child" }, story)
    end)
  end)
end)

describe("spawning into a scope", function()
  it("works from any task, as long as the scope has not ended", function()
    run(function()
      local scope
      local late
      async.spawn(function()
        async.sleep(1)
        late = scope:spawn(async.sleep, 5)
        assert.equal("ready", late:status())
      end)
      async.scope(function(s)
        scope = s
        s:spawn(async.sleep, 2)
      end)
      assert.same({ "done", 6 }, { late:status(), async.now() })
    end)
  end)

  it("by spawn_with and its option", function()
    run(function()
      async.scope(function(s)
        async.scope(function() async.spawn_with({ scope = s }, async.sleep, 3) end)
        assert.equal(0, async.now())
      end)
      assert.equal(3, async.now())
    end)
  end)

  it("that is cancelled gives a task that never runs", function()
    run(function()
      local ran, task = false, nil
      async.scope(function(s)
        s:cancel("closed")
        task = s:spawn(function() ran = true end)
        async.yield()
      end)
      local _, err = task:join()
      assert.same({ false, "cancelled", "closed" }, { ran, task:status(), err.reason })
    end)
  end)

  it("that has ended is an error", function()
    run(function()
      local ended
      async.scope(function(s) ended = s end)
      assert.equal("scope (ended)", tostring(ended))
      for _, name in ipairs { "spawn", "try_spawn" } do
        assert.equal(("%s: '%s' into a scope that has ended"):format(here(1), name),
          error_of(function() ended[name](ended, print) end))
      end
      assert.equal(here(1) .. ": 'spawn_with' into a scope that has ended",
        error_of(function() ended:spawn_with({}, print) end))
      assert.equal(here(1) .. ": 'spawn_with' into a scope that has ended",
        error_of(function() async.spawn_with({ scope = ended }, print) end))
      ended:cancel() -- is fine
    end)
  end)

  it("of another runtime is an error", function()
    local rt <close> = async.runtime { clock = "virtual" }
    local foreign
    rt:spawn(async.scope, function(s)
      foreign = s
      async.park()
    end)
    rt:tick()
    run(function()
      assert.equal(here(1) .. ": 'spawn' into a scope of another runtime",
        error_of(function() foreign:spawn(print) end))
    end)
  end)
end)

describe("a block's scope", function()
  it("joins all at the end of the block, however it is left", function()
    run(function()
      local function leave(how)
        for _ = 1, 1 do
          local s <close> = async.scope()
          s:spawn(async.sleep, 1)
          async.spawn(async.sleep, 2)
          if how == "break" then break end
          if how == "goto" then goto out end
          if how == "return" then return end
        end
        ::out::
      end
      for i, how in ipairs { "end", "break", "goto", "return" } do
        leave(how)
        assert.equal(2 * i, async.now())
      end
    end)
  end)

  it("stops its children when cancelled, not the block", function()
    run(function()
      local child
      do
        local s <close> = async.scope()
        child = s:spawn(async.park)
        s:cancel("no more")
        async.sleep(1)
      end
      assert.same({ "cancelled", 1 }, { child:status(), async.now() })
    end)
  end)

  it("stops the block when a child fails, and raises that", function()
    run(function()
      local original, seen = {}, nil
      local err = error_of(function()
        local s <close> = async.scope {}
        s:spawn(fail_at, 1, original)
        local _ <close> = defer(function(e) seen = e end)
        async.sleep(100)
      end)
      assert.is_true(rawequal(original, err))
      assert.is_true(async.is_cancelled(seen))
      assert.equal(1, async.now())
    end)
  end)

  it("raises a child's failure also where the block is left already", function()
    run(function()
      local original = {}
      local err = error_of(function()
        local s <close> = async.scope()
        s:spawn(fail_at, 1, original)
        return "value"
      end)
      assert.is_true(rawequal(original, err))
    end)
  end)

  it("lets the block's own error through after its children have ended", function()
    run(function()
      local original, child = {}, nil
      local err = error_of(function()
        local s <close> = async.scope()
        child = s:spawn(async.park)
        async.yield()
        error(original)
      end)
      assert.is_true(rawequal(original, err))
      assert.equal("cancelled", child:status())
    end)
  end)

  it("can be closed by hand, twice", function()
    run(function()
      local s = async.scope()
      s:spawn(async.sleep, 1)
      s:close()
      assert.equal(1, async.now())
      s:close()
      assert.equal(here(1) .. ": 'spawn' into a scope that has ended",
        error_of(function() s:spawn(print) end))
    end)
  end)

  it("is closed by the task that opened it only, and a function's scope by nobody", function()
    run(function()
      local s <close> = async.scope()
      local message = ": 'close' on a scope that is not this task's block"
      s:spawn(function()
        assert.equal(here() .. message, error_of(function() s:close() end))
      end)
      async.scope(function(f)
        assert.equal(here() .. message, error_of(function() f:close() end))
      end)
    end)
  end)

  it("is not closed from inside another scope's function", function()
    run(function()
      local s <close> = async.scope()
      s:spawn(async.sleep, 1)
      for _, boundary in ipairs { "scope", "shield", "timeout", "try_timeout" } do
        local function close()
          assert.equal(here(1) .. ": 'close' on a block's scope from inside another scope's function",
            error_of(function() s:close() end))
          assert.equal(here(1) .. ": 'close' on a block's scope from inside another scope's function",
            error_of(function() local _ <close> = s end))
        end
        async[boundary](boundary:find("timeout") and 5 or close, boundary:find("timeout") and close or nil)
      end
      assert.equal(0, async.now())
    end)
  end)

  it("that is never closed is closed and reported at the task's end", function()
    local child
    local reports, ok, value = try_run(function()
      local s = async.scope()
      child = s:spawn(async.park)
      async.yield()
      return "value"
    end)
    assert.same({ true, "value", "cancelled" }, { ok, value, child:status() })
    assert.equal(1, #reports)
    assert.equal("a scope was opened and never closed: use local s <close>", tostring(reports[1].err))
  end)

  it("that is never closed inside another is closed with that", function()
    local inner_child
    local reports, ok = try_run(function()
      async.scope(function()
        local s = async.scope()
        inner_child = s:spawn(async.park)
        async.yield()
      end)
      assert.equal("cancelled", inner_child:status())
    end)
    assert.is_true(ok)
    assert.equal(1, #reports)
  end)

  it("closed before one opened inside it takes that with it, which is reported", function()
    local reports, ok, status = try_run(function()
      local outer = async.scope()
      local inner = async.scope()
      local task = inner:spawn(async.park)
      async.yield()
      outer:close()
      inner:close()
      return task:status()
    end)
    assert.same({ true, "cancelled", 1 }, { ok, status, #reports })
  end)

  it("is left on a cancel from outside when its children have ended", function()
    run(function()
      local story = {}
      local task = async.spawn(function()
        local s <close> = async.scope()
        s:spawn(function()
          local _ <close> = defer(function()
            async.shield(async.sleep, 1)
            story[#story + 1] = "child"
          end)
          async.park()
        end)
        local _ <close> = defer(function() story[#story + 1] = "block" end)
        async.park()
      end)
      async.sleep(1)
      task:cancel()
      task:join()
      assert.same({ "block", "child" }, story)
      assert.equal("cancelled", task:status())
    end)
  end)
end)

describe("a supervising scope", function()
  it("is stopped by no failure; each goes to on_error in its turn", function()
    local told_at = {}
    local rt <close> = async.runtime {
      clock = "virtual",
      on_error = function(err) told_at[err] = async.now() end,
    }
    rt:run(function()
      async.scope(function(s)
        s:spawn(fail_at, 1, "a")
        s:spawn(fail_at, 2, "b")
        async.sleep(3)
      end, { supervise = true })
      local s <close> = async.scope { supervise = true }
      s:spawn(fail_at, 4, "c")
      async.sleep(5)
      assert.same({ a = 1, b = 2, c = 4 }, told_at)
    end)
  end)

  it("leaves a failure to whoever awaits", function()
    local reports, ok, value = try_run(async.scope, function(s)
      local task = s:spawn(fail_at, 1, "mine")
      return select(2, task:join())
    end, { supervise = true })
    assert.same({ 0, true, "mine" }, { #reports, ok, value })
  end)

  it("still raises its body's own error", function()
    local reports, ok, err = try_run(async.scope, fail_at, { supervise = true })
    assert.same({ 0, false }, { #reports, ok })
    assert.truthy(err:find("bad argument #1 to 'sleep_until'", 1, true))
  end)
end)

describe("a daemon", function()
  it("does not keep its scope open, and is cancelled when the rest is done", function()
    run(function()
      local ticks, closed = 0, false
      async.scope(function(s)
        s:spawn_with({ daemon = true }, function()
          local _ <close> = defer(function(e)
            async.shield(async.sleep, 1)
            closed = e.reason
          end)
          for n in async.interval(1) do ticks = n end
        end)
        s:spawn(async.sleep, 3.5)
      end)
      assert.same({ 3, "finished", 4.5 }, { ticks, closed, async.now() })
    end)
  end)

  it("fails its scope as any child does", function()
    run(function()
      assert.equal("daemon", error_of(async.scope, function(s)
        s:spawn_with({ daemon = true }, fail_at, 1, "daemon")
        async.sleep(5)
      end))
      assert.equal(1, async.now())
    end)
  end)

  it("is waited for where it still cleans up, and its late failure counts", function()
    run(function()
      assert.equal("in the end", error_of(async.scope, function(s)
        s:spawn_with({ daemon = true }, function()
          local _ <close> = defer(function() error("in the end", 0) end)
          async.park()
        end)
        async.yield()
      end))
    end)
  end)
end)

describe("a chain of 100,000 spawns", function()
  local DEPTH = 100000

  -- Each task spawns the next and does what 'wait' says; the last calls 'bottom'.
  local function chain(depth, wait, bottom)
    if depth == 0 then return bottom() end
    return wait(async.spawn(chain, depth - 1, wait, bottom))
  end

  local function await(task) return task:await() end

  it("is joined", function()
    assert.equal("bottom", run(chain, DEPTH, await, function() return "bottom" end))
    assert.is_nil(run(chain, DEPTH, function() end, function() async.sleep(1) end))
  end)

  it("is cancelled from the top, and each closer runs", function()
    run(function()
      local closed = 0
      local task = async.spawn(chain, DEPTH, function(task)
        local _ <close> = defer(function() closed = closed + 1 end)
        task:await()
      end, async.park)
      async.sleep(1)
      task:cancel()
      task:join()
      assert.same({ "cancelled", DEPTH }, { task:status(), closed })
    end)
  end)

  it("fails from the bottom with the very error", function()
    local original = {}
    local reports, ok, err = try_run(chain, DEPTH, function() async.park() end, function() error(original) end)
    assert.same({ 0, false }, { #reports, ok })
    assert.is_true(rawequal(original, err))
    assert.is_true(#async.traceback(err) < 100000)
  end)

  it("is closed with its runtime, and collected", function()
    local rt = async.runtime { clock = "virtual" }
    rt:spawn(chain, DEPTH, await, async.park)
    rt:tick()
    rt:close()
    do
      local forgotten = async.runtime { clock = "virtual" }
      forgotten:spawn(chain, DEPTH, await, async.park)
      forgotten:tick()
    end
    helper.expect_lost(DEPTH + 1)
    helper.collect()
  end)
end)
