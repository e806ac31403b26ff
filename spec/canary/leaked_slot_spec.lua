-- canary: 1 anchored left in a runtime
local async = require "asyncrt"
require "spec.helper".watch(setup, teardown)

local kept

it("leaves an anchor slot behind", function()
  kept = async.runtime { clock = "virtual" }
  kept:spawn(async.park)
  assert.is_truthy(kept)
end)
