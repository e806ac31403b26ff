local async = require "asyncrt"
local core = require "asyncrt.core"
local testing = require "asyncrt.testing"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local function here(offset) return "spec/nested_spec.lua:" .. debug.getinfo(2, "l").currentline + (offset or 0) end

-- Values that need a moment each.
local function slow(...)
  local values = table.pack(...)
  return coroutine.wrap(function()
    for i = 1, values.n do
      async.sleep(1)
      coroutine.yield(values[i])
    end
  end)
end

-- A coroutine that is awaiting, in a task of its own; and that task.
local function awaiting()
  local co = coroutine.create(function()
    async.sleep(3)
    return "slept"
  end)
  local task = async.spawn(function() return coroutine.resume(co) end)
  async.yield()
  return co, task
end

local function closing(fn) return setmetatable({}, { __close = fn }) end

describe("a task's own coroutine", function()
  testing.it("awaits between its values", function()
    local got = {}
    for value in slow("a", false, "c") do
      got[#got + 1] = { value, async.now() }
      if value == false then break end
    end
    assert.same({ { "a", 1.0 }, { false, 2.0 } }, got)
  end)

  testing.it("lets others run while it awaits", function()
    local order = {}
    async.spawn(function()
      async.sleep(0.5)
      order[#order + 1] = "other"
    end)
    local value = slow("value")()
    order[#order + 1] = value
    assert.same({ "other", "value" }, order)
  end)

  testing.it("gets what it was resumed with, and gives what it yields, by the nearest resume", function()
    local co = coroutine.create(function(...)
      async.yield()
      local a = table.pack(...)
      for _ = 1, 2 do a[#a + 1] = select("#", coroutine.yield(table.unpack(a))) end
      async.yield()
      return "end", nil
    end)
    assert.same({ n = 3, true, 1, 2 }, table.pack(coroutine.resume(co, 1, 2)))
    assert.same({ n = 4, true, 1, 2, 3 }, table.pack(coroutine.resume(co, nil, nil, nil)))
    assert.same({ n = 3, true, "end" }, table.pack(coroutine.resume(co)))
    assert.same({ n = 2, false, "cannot resume dead coroutine" }, table.pack(coroutine.resume(co)))
  end)

  testing.it("awaits as deep as Lua nests", function()
    local function nest(n)
      if n == 0 then return async.sleep(1), "bottom" end
      return coroutine.wrap(function() return select(2, n, nest(n - 1)) end)()
    end
    assert.equal("bottom", (select(2, nest(90))))
    assert.equal(1.0, async.now())
    local ok, err = pcall(nest, 500)
    assert.is_false(ok)
    assert.matches("C stack overflow", err)
  end)

  testing.it("receives, sends, locks and joins", function()
    local ch, mutex = async.channel(), async.mutex()
    async.spawn(function() for i = 1, 3 do ch:send(i, -i) end end)
    local sum = coroutine.wrap(function()
      local total = 0
      for _ = 1, 3 do
        local a, b = ch:recv()
        local _ <close> = mutex:lock()
        total = total + a - b
        coroutine.yield(total)
      end
      return async.spawn(function() return total end):await()
    end)
    assert.same({ 2, 6, 12, 12 }, { sum(), sum(), sum(), sum() })
  end)

  testing.it("runs in the scope of whoever resumes it", function()
    local spawned = {}
    local co = coroutine.wrap(function()
      while true do
        spawned[#spawned + 1] = async.spawn(async.sleep, 60)
        coroutine.yield()
      end
    end)
    async.scope(function(scope)
      co()
      scope:cancel()
    end)
    assert.equal("cancelled", spawned[1]:status())
    assert.is_false(async.try_timeout(1, function()
      co()
      async.sleep(30)
    end))
    assert.equal("cancelled", spawned[2]:status())
  end)

  testing.it("may open and leave scopes, timeouts and shields", function()
    local co = coroutine.wrap(function()
      coroutine.yield(async.try_timeout(1, async.sleep, 60))
      coroutine.yield(async.scope(function() return "scope" end))
      local s <close> = async.scope()
      s:spawn(async.sleep, 1)
      return async.shield(function() return "shield" end)
    end)
    assert.same({ false, "scope", "shield" }, { co(), co(), co() })
    assert.equal(2.0, async.now())
  end)

  it("is told apart from one that asyncrt did not resume", function()
    async.run(function()
      local ok, err = pcall(core.stock.wrap(function() async.sleep(1) end))
      assert.is_false(ok)
      assert.matches("not resumed by asyncrt's coroutine.resume or wrap", err, 1, true)
    end)
  end)

  testing.it("cannot await below a function that Lua cannot yield across", function()
    local ok, err = pcall(table.sort, { 2, 1 }, function(a, b)
      return coroutine.wrap(function()
        async.sleep(1)
        return a < b
      end)()
    end)
    assert.is_false(ok)
    assert.matches("'sleep' cannot suspend here", err, 1, true)
    assert.equal(0.0, async.now())
  end)

  testing.it("may spawn and look at its task below such a function", function()
    local me, task = async.current(), nil
    table.sort({ 2, 1 }, function(a, b)
      coroutine.wrap(function()
        assert.equal(me, async.current())
        task = task or async.spawn(function() return "spawned" end)
      end)()
      return a < b
    end)
    assert.equal("spawned", task:await())
  end)
end)

describe("a plain yield", function()
  testing.it("out of a scope, timeout or shield raises there", function()
    for _, open in ipairs { async.scope, async.shield, function(fn) async.timeout(60, fn) end } do
      local co = coroutine.create(function()
        local ok, err = pcall(open, function() coroutine.yield() end)
        assert.is_false(ok)
        return err
      end)
      local ok, err = coroutine.resume(co)
      assert.is_true(ok)
      assert.equal(here(-6) .. ": yield inside a scope", err)
    end
  end)

  testing.it("out of a block with a scope ends the block", function()
    local child
    local co = coroutine.create(function()
      local s <close> = async.scope()
      child = s:spawn(async.sleep, 60)
      coroutine.yield()
    end)
    local ok, err = coroutine.resume(co)
    assert.is_false(ok)
    assert.equal(here(-3) .. ": yield inside a scope", err)
    assert.equal("cancelled", child:status())
    assert.equal(0.0, async.now())
  end)

  testing.it("that is tried again and again in a scope ends the coroutine", function()
    local co = coroutine.create(function()
      async.scope(function() while true do pcall(coroutine.yield) end end)
    end)
    local ok, err = coroutine.resume(co)
    assert.is_false(ok)
    assert.matches("yield inside a scope", err)
    assert.equal("dead", coroutine.status(co))
  end)
end)

describe("a coroutine that ends with a scope open", function()
  it("has the scope closed and reported", function()
    local told = {}
    local rt <close> = async.runtime { clock = "virtual", on_error = function(err) told[#told + 1] = err end }
    rt:run(function()
      local child
      local co = coroutine.wrap(function()
        child = async.scope():spawn(async.sleep, 60)
        return "value"
      end)
      assert.equal("value", co())
      assert.equal("cancelled", child:status())
    end)
    assert.equal(1, #told)
    assert.equal("misuse", told[1].kind)
  end)

  testing.it("by an error has its children cancelled and awaited before the error comes out", function()
    local order = {}
    local co = coroutine.create(function()
      local s <close> = async.scope()
      s:spawn(function()
        local _ <close> = closing(function()
          async.shield(async.sleep, 1)
          order[#order + 1] = "child"
        end)
        async.sleep(60)
      end)
      async.yield()
      error("oops", 0)
    end)
    assert.same({ false, "oops" }, { coroutine.resume(co) })
    order[#order + 1] = "resume"
    assert.same({ "child", "resume" }, order)
    assert.is_false((coroutine.close(co)))
  end)
end)

describe("a coroutine that awaits", function()
  testing.it("can be resumed and closed by nobody else", function()
    local co, task = awaiting()
    assert.equal("normal", coroutine.status(co))
    assert.same({ false, "cannot resume non-suspended coroutine" }, { coroutine.resume(co, "x") })
    local ok, err = pcall(coroutine.close, co)
    assert.is_false(ok)
    assert.equal("cannot close a normal coroutine", err)
    assert.same({ n = 2, true, "slept" }, table.pack(task:await()))
    assert.equal(3.0, async.now())
    assert.equal("dead", coroutine.status(co))
  end)

  testing.it("whose resumer awaits, too, cannot be resumed either", function()
    local inner
    local outer = coroutine.create(function()
      inner = coroutine.create(async.sleep)
      return coroutine.resume(inner, 1)
    end)
    local task = async.spawn(coroutine.resume, outer)
    async.yield()
    for _, co in ipairs { inner, outer } do
      assert.equal("normal", coroutine.status(co))
      assert.is_false((coroutine.resume(co)))
    end
    assert.same({ n = 2, true, true }, table.pack(task:await()))
  end)

  testing.it("closed by what Lua's own close was ends its resume with an error", function()
    local co, task = awaiting()
    core.stock.close(co)
    assert.same({ n = 2, false, "cannot resume dead coroutine" }, table.pack(task:await()))
  end)

  testing.it("is unwound by a cancel of its task, innermost first", function()
    local order = {}
    local function noting(name) return closing(function() order[#order + 1] = name end) end
    local task = async.spawn(function()
      local _ <close> = noting "task"
      coroutine.wrap(function()
        local _ <close> = noting "outer"
        coroutine.wrap(function()
          local _ <close> = noting "inner"
          async.sleep(60)
        end)()
      end)()
    end)
    async.yield()
    task:cancel("enough")
    local ok, err = task:join()
    assert.is_false(ok)
    assert.equal("enough", err.reason)
    assert.same({ "inner", "outer", "task" }, order)
  end)

  testing.it("does not swallow a cancel for good", function()
    local resumed
    local task = async.spawn(function()
      resumed = table.pack(coroutine.resume(coroutine.create(async.sleep), 60))
      async.sleep(60)
    end)
    async.yield()
    task:cancel()
    assert.is_false((task:join()))
    assert.is_false(resumed[1])
    assert.is_true(async.is_cancelled(resumed[2]))
    assert.equal(0.0, async.now())
  end)

  it("is closed with its runtime", function()
    local order = {}
    local rt = async.runtime { clock = "virtual", on_error = function() end }
    rt:spawn(function()
      coroutine.wrap(function()
        local _ <close> = closing(function() order[#order + 1] = "inner" end)
        async.shield(async.sleep, math.huge)
      end)()
    end)
    rt:tick()
    rt:close(0)
    assert.same({ "inner" }, order)
  end)

  it("is unwound innermost first when its task is ended by force, which unlocks what that has locked", function()
    local order, told = {}, {}
    local mutex = async.mutex()
    local rt = async.runtime { clock = "virtual", on_error = function(err) told[#told + 1] = err.message end }
    local function noting(name) return closing(function() order[#order + 1] = name end) end
    rt:spawn(function()
      local _ <close> = noting "task"
      coroutine.wrap(function()
        local outer <close> = mutex:lock()
        coroutine.wrap(function()
          local _ <close> = outer and noting "inner"
          async.scope(function()
            async.spawn(function() while true do pcall(function() coroutine.yield() end) end end)
          end)
        end)()
      end)()
    end)
    rt:tick()
    rt:close(0)
    assert.same({ "inner", "task" }, order)
    assert.equal(2, #told)
    assert.equal("mutex (free)", tostring(mutex))
  end)
end)

describe("an error in a task's own coroutine", function()
  testing.it("comes out of wrap as Lua has it, and tells what the coroutine did", function()
    local function fail()
      async.yield()
      error "oops"
    end
    local line = here(-2):match("%d+$")
    local task = async.try_spawn(function() coroutine.wrap(function() fail() end)() end)
    local ok, err = task:join()
    assert.is_false(ok)
    assert.equal(("%s: spec/nested_spec.lua:%s: oops"):format(here(-3), line), err)
    local story = async.traceback(err)
    assert.matches("nested_spec.lua:" .. line .. ": in function", story, 1, true)
    assert.matches("in task %d+, spawned at", story)
  end)

  testing.it("of any type passes untouched", function()
    local err = {}
    local ok, got = pcall(coroutine.wrap(function()
      async.yield()
      error(err)
    end))
    assert.is_false(ok)
    assert.equal(err, got)
    assert.same({ false, err }, { coroutine.resume(coroutine.create(function()
      async.yield()
      error(err)
    end)) })
  end)

  testing.it("is shown where it waits", function()
    local _, task = awaiting()
    local frames = {}
    for line in task:traceback():gmatch("\n\t[^\n]*nested_spec.lua:(%d+):") do frames[#frames + 1] = tonumber(line) end
    assert.equal(2, #frames) -- of the one that sleeps, then of the one that resumed it
    assert.is_true(frames[1] < frames[2])
    task:cancel()
  end)
end)

describe("a task's coroutine", function()
  testing.it("cannot be resumed from elsewhere", function()
    local mine
    local task = async.spawn(function()
      mine = coroutine.running()
      async.sleep(1)
    end)
    async.yield()
    assert.equal("normal", coroutine.status(mine))
    assert.same({ false, "cannot resume non-suspended coroutine" }, { coroutine.resume(mine) })
    task:await()
    assert.equal("dead", coroutine.status(mine))
    assert.same({ false, "cannot resume dead coroutine" }, { coroutine.resume(mine) })
  end)

  testing.it("serves no other task once a script has it: it may be a key of what is the task's own", function()
    local owner = setmetatable({}, { __mode = "k" })
    for i = 1, 50 do
      async.spawn(function()
        local co = coroutine.running()
        assert.is_nil(owner[co])
        owner[co] = i
        async.yield()
        assert.equal(i, owner[coroutine.running()])
      end)
      if i % 10 == 0 then async.yield() end
    end
  end)
end)

describe("outside of a task coroutines", function()
  it("do what they did", function()
    local function trace(lib)
      local events = {}
      local function note(...)
        local event = table.pack(...) -- what they were is found under no name
        for i = 1, event.n do
          if type(event[i]) == "string" then event[i] = event[i]:gsub("'coroutine%.%l+'", "'?'") end
        end
        events[#events + 1] = event
      end
      local co = coroutine.create(function(...)
        note(lib.status((lib.running())), select(2, lib.running()), ...)
        note(coroutine.yield(1, nil))
        error "oops"
      end)
      note(lib.status(co), lib.resume(co, 1, nil))
      note(lib.status(co), lib.resume(co, 2))
      note(lib.status(co), lib.resume(co))
      note(lib.close(co))
      note(pcall(lib.wrap(function() error "wrapped" end)))
      note(pcall(lib.wrap(function() error({}) end)))
      note(pcall(lib.resume))
      note(pcall(lib.resume, print))
      note(pcall(lib.wrap))
      note(pcall(lib.wrap, 1))
      note(pcall(lib.close, (lib.running())))
      note(pcall(lib.status, nil))
      note(select(2, lib.running()))
      local many = coroutine.wrap(function(...) return select("#", ...) end)
      note(many(table.unpack({}, 1, 200)))
      return events
    end
    assert.same(trace(core.stock), trace(coroutine))
  end)

  it("that close one another by the thousand raise instead of ending the process", function()
    local co
    for _ = 1, 20000 do
      local previous = co
      co = coroutine.create(function()
        local _ <close> = previous and closing(function() assert(coroutine.close(previous)) end)
        coroutine.yield()
      end)
      coroutine.resume(co)
    end
    local ok, err = coroutine.close(co)
    assert.is_false(ok)
    assert.matches("C stack overflow", err)
  end)
end)
