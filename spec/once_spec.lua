local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, run_seeded, here, error_of = helper.run, helper.run_seeded, helper.here, helper.error_of

describe("once", function()
  it("runs its function once, for all who come before, while and after", function()
    run_seeded(function()
      local runs, got = 0, 0
      local get = async.once(function(...)
        runs = runs + 1
        async.sleep(1)
        return "value", nil, select("#", ...), nil
      end)
      for _ = 1, 3 do
        async.spawn(function()
          assert.same({ "value", nil, 2, nil, n = 4 }, table.pack(get(1, nil)))
          got = got + 1
        end)
      end
      async.sleep(5)
      assert.same({ "value", nil, 2, nil, n = 4 }, table.pack(get()))
      assert.same({ 1, 3 }, { runs, got })
    end)
  end)

  it("is run again by the next who waits, if it failed", function()
    run_seeded(function()
      local runs, results = 0, {}
      local get = async.once(function()
        runs = runs + 1
        async.sleep(1)
        if runs < 3 then error("run " .. runs, 0) end
        return runs
      end)
      for _ = 1, 4 do
        async.spawn(function()
          local _, result = pcall(get)
          results[#results + 1] = result
        end)
      end
      async.sleep(9)
      assert.same({ "run 1", "run 2", 3, 3 }, results)
    end)
  end)

  it("is run again by the next who waits, if it was cancelled", function()
    run_seeded(function()
      local runs = 0
      local get = async.once(function()
        runs = runs + 1
        async.sleep(2)
        return runs
      end)
      local first, second, third = async.spawn(get), async.spawn(get), async.spawn(get)
      async.sleep(1)
      first:cancel()
      second:cancel()
      assert.equal(2, third:await())
      assert.same({ "cancelled", "cancelled" }, { first:status(), second:status() })
      assert.equal(2, get())
    end)
  end)

  it("raises where it waits for itself", function()
    run(function()
      local get
      get = async.once(function() return get() end)
      assert.equal("deadlock", error_of(get).kind)
    end)
  end)

  it("is a checkpoint, and lets others run", function()
    run(function()
      local get = async.once(function() return 1 end)
      local ran = false
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do get() end
      assert.is_true(ran)
      async.try_timeout(0, function() assert.is_true(async.is_cancelled(error_of(get))) end)
    end)
  end)

  it("refuses misuse with the caller's position", function()
    assert.equal(here(1) .. ": bad argument #1 to 'once' (function expected, got number)", error_of(function()
      async.once(1) end))
    local get = async.once(print)
    assert.equal(here(1) .. ": 'once' called outside a task", error_of(function()
      get() end))
  end)
end)
