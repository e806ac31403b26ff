local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, here, error_of = helper.run, helper.here, helper.error_of

describe("locals", function()
  it("is one table a task, empty at first", function()
    run(function()
      local locals = async.locals()
      assert.equal(locals, async.locals())
      assert.is_nil(next(locals, nil) and locals.anything)
      locals.user = "ada"
      async.yield()
      assert.equal("ada", async.locals().user)
    end)
  end)

  it("starts as a snapshot of the spawner's", function()
    run(function()
      local locals = async.locals()
      locals.a, locals.b = 1, 2
      local seen, seen_below = {}, {}
      local task = async.spawn(function()
        local mine = async.locals()
        seen = { mine.a, mine.b, mine.c }
        async.spawn(function()
          local below = async.locals()
          seen_below = { below.a, below.b, below.c }
        end)
      end)
      locals.a, locals.c = "changed", "later"
      task:await()
      assert.same({ 1, 2 }, seen)
      assert.same({ 1, 2 }, seen_below)
    end)
  end)

  it("of a child are its own", function()
    run(function()
      local locals = async.locals()
      locals.a = 1
      local first = async.spawn(function()
        async.locals().a = "first's"
        async.sleep(1)
        return async.locals().a
      end)
      local second = async.spawn(function()
        async.sleep(1)
        return async.locals().a
      end)
      assert.same({ "first's", 1, 1 }, { first:await(), second:await(), locals.a })
    end)
  end)

  it("passes to every kind of child", function()
    run(function()
      async.locals().a = "mine"
      local function get() return async.locals().a end
      assert.equal("mine", async.try_spawn(get):await())
      assert.equal("mine", async.spawn_with({ name = "x" }, get):await())
      assert.equal("mine", async.detach(get):await())
      async.scope(function(s) assert.equal("mine", s:spawn(get):await()) end)
      assert.equal("mine", async.timeout(1, get))
    end)
  end)

  it("can be walked, written on the way, and emptied", function()
    run(function()
      local locals = async.locals()
      locals.a, locals.b, locals[1], locals[false] = 1, 2, 3, 4
      assert.equal(1, #locals)
      local function copy(from)
        local all = {}
        for k, v in pairs(from) do all[k] = v end
        return all
      end
      assert.same({ a = 1, b = 2, 3, [false] = 4 }, copy(locals))
      local task = async.spawn(function()
        local mine = async.locals()
        for k in pairs(mine) do mine[k] = nil end
        return copy(mine), copy(locals)
      end)
      local emptied, spawners = task:await()
      assert.same({}, emptied)
      assert.same({ a = 1, b = 2, 3, [false] = 4 }, spawners)
    end)
  end)

  it("can be written by whoever was given them", function()
    run(function()
      local locals = async.locals()
      locals.a = 1
      async.spawn(function() locals.a = 2 end):await()
      assert.equal(2, async.locals().a)
    end)
  end)

  it("goes with its task", function()
    run(function()
      local gone = setmetatable({}, { __mode = "v" })
      async.spawn(function()
        gone[1] = {}
        async.locals().big = gone[1]
        async.spawn(function() async.locals().other = 1 end)
      end):await()
      helper.collect()
      assert.is_nil(gone[1])
    end)
  end)

  it("refuses nil as a key, as tables do", function()
    run(function()
      assert.equal(here(1) .. ": index is nil",
        error_of(function() async.locals()[nil] = 1 end))
      assert.equal(here(1) .. ": index is NaN",
        error_of(function() async.locals()[0 / 0] = 1 end))
      assert.is_nil(async.locals()[nil])
    end)
  end)

  it("survives a script that reaches behind it", function()
    run(function()
      local locals = async.locals()
      locals.name = "n"
      local key, record = next(locals)
      record.values = 12
      assert.has_error(function() return locals.name end)
      assert.has_error(function() locals.name = 1 end)
      assert.has_error(function() pairs(locals) end)
      rawset(locals, key, nil)
      assert.has_error(function() return locals.name end)
      rawset(locals, key, 12)
      assert.has_error(function() return locals.name end)
      async.spawn(function() async.locals().name = 1 end):await()
    end)
  end)

  it("needs a task", function()
    assert.equal(here(1) .. ": 'locals' called outside a task",
      error_of(function() async.locals() end))
  end)
end)
