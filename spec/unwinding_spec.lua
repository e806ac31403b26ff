local async = require "asyncrt"
local helper = require "spec.helper"

helper.watch(setup, teardown)

-- Errors and cancels that meet on their way out.
describe("unwinding", function()
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
