local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, run_seeded, here, error_of = helper.run, helper.run_seeded, helper.here, helper.error_of

describe("a barrier", function()
  it("holds all until the last has come, and numbers them as they came, round after round", function()
    run_seeded(function()
      local barrier, log = async.barrier(3), {}
      for i = 1, 3 do
        async.spawn(function()
          for round = 1, 2 do
            async.sleep(round == 1 and i or 4 - i)
            local number = barrier:wait()
            log[#log + 1] = ("%d %d %d"):format(round, i, number)
            assert.equal(3 * round, async.now())
          end
        end)
      end
      async.sleep(9)
      table.sort(log)
      assert.same({ "1 1 1", "1 2 2", "1 3 3", "2 1 3", "2 2 2", "2 3 1" }, log)
    end)
  end)

  it("does not count one who was cancelled", function()
    run_seeded(function()
      local barrier, numbers = async.barrier(2), {}
      local first = async.spawn(barrier.wait, barrier)
      async.sleep(1)
      assert.equal("barrier (1 of 2)", tostring(barrier))
      first:cancel()
      assert.equal("barrier (0 of 2)", tostring(barrier))
      local second = async.spawn(function() numbers[1] = barrier:wait() end)
      async.sleep(1)
      assert.equal("waiting", second:status())
      assert.equal(2, barrier:wait())
      second:await()
      assert.same({ 1 }, numbers)
    end)
  end)

  it("releases one who is cancelled in the same turn, after the last has come", function()
    run_seeded(function()
      local barrier, number = async.barrier(2), nil
      local task = async.spawn(function()
        number = barrier:wait()
        async.yield()
      end)
      async.sleep(1)
      barrier:wait()
      task:cancel()
      task:join()
      assert.equal(1, number)
      assert.equal("barrier (0 of 2)", tostring(barrier))
    end)
  end)

  it("forgets one who is killed, or goes down with its runtime", function()
    local barrier = async.barrier(2)
    local rt = async.runtime { clock = "manual", on_error = function() end }
    rt:spawn(function() async.shield(barrier.wait, barrier) end)
    rt:tick()
    rt:close(0)
    assert.equal("barrier (0 of 2)", tostring(barrier))
    do
      local lost = async.runtime { clock = "manual" }
      lost:spawn(barrier.wait, barrier)
      lost:tick()
    end
    helper.expect_lost(1)
    helper.collect()
    assert.equal("barrier (0 of 2)", tostring(barrier))
  end)

  it("of one holds nobody up, and lets others run", function()
    run_seeded(function()
      local barrier, ran = async.barrier(1), false
      async.spawn(function() ran = true end)
      for _ = 1, 1000 do assert.equal(1, barrier:wait()) end
      assert.is_true(ran)
      async.try_timeout(0, function()
        assert.is_true(async.is_cancelled(error_of(barrier.wait, barrier)))
      end)
    end)
  end)

  it("says what is waited for", function()
    run(function()
      local barrier = async.barrier(2)
      local task = async.spawn(barrier.wait, barrier)
      async.yield()
      assert.equal("barrier", task:waiting_on())
      barrier:wait()
    end)
  end)

  it("refuses misuse with the caller's position", function()
    assert.equal(here(1) .. ": bad argument #1 to 'barrier' (0 is not in 1..2147483647)", error_of(function()
      async.barrier(0) end))
    local barrier = async.barrier(1)
    assert.equal(here(1) .. ": 'wait' called outside a task", error_of(function()
      barrier:wait() end))
  end)
end)
