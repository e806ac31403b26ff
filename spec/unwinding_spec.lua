local async = require "asyncrt"
local helper = require "spec.helper"

helper.watch(setup, teardown)

-- Errors and cancels that meet on their way out.
describe("unwinding", function()
  local function fail_with(err, on_close)
    local _ <close> = helper.defer(on_close)
    error(err, 0)
  end

  describe("an error whose <close> handler is cut by a cancel", function()
    it("is still what the task ends with", function()
      helper.run(function()
        local original = {}
        local task = async.try_spawn(fail_with, original, function() async.sleep(3) end)
        async.sleep(1)
        task:cancel()
        local ok, err = task:join()
        assert.equal("failed", task:status())
        assert.is_false(ok)
        assert.equal(original, err)
        assert.equal(1, async.now())
      end)
    end)

    it("is still what comes out of a timeout, a scope and a shield", function()
      for _, boundary in ipairs {
        function(fn) return async.timeout(1, fn) end,
        function(fn) return async.try_timeout(1, fn) end,
        function(fn) return async.timeout(1, async.scope, fn) end,
        function(fn) return async.shield(async.timeout, 1, fn) end,
      } do
        local original = {}
        helper.run(function()
          local ok, err = pcall(boundary, function() fail_with(original, function() async.sleep(3) end) end)
          assert.is_false(ok)
          assert.equal(original, err)
        end)
      end
    end)

    it("gives way to a later error that is no cancel", function()
      helper.run(function()
        local later = {}
        local ok, err = pcall(async.timeout, 1, fail_with, {}, function()
          local _ <close> = helper.defer(function() error(later, 0) end)
          async.sleep(3)
        end)
        assert.is_false(ok)
        assert.equal(later, err)
      end)
    end)

    it("is not mistaken for one that the body caught before", function()
      helper.run(function()
        local task = async.spawn(function()
          pcall(async.timeout, 1, error, "caught")
          pcall(async.scope, error)
          pcall(error, "caught")
          async.sleep(3)
        end)
        async.sleep(1)
        task:cancel("why")
        local ok, err = task:join()
        assert.is_false(ok)
        assert.equal("task_cancelled", err.kind)
      end)
    end)
  end)

  it("does not end at a cancelled scope while a timeout further out has expired", function()
    helper.run(function()
      local ok, err = pcall(async.timeout, 2, function()
        return async.scope(function(scope)
          scope:spawn(function()
            async.sleep(1)
            scope:cancel("why")
          end)
          local _ <close> = helper.defer(function() async.shield(async.sleep, 5) end)
          async.sleep(9)
        end)
      end)
      assert.is_false(ok)
      assert.is_true(async.is_timeout(err))
      assert.equal(6, async.now())
    end)
  end)
end)
