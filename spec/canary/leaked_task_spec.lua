-- canary: a task never ended
local async = require "asyncrt"
require "spec.helper".watch(setup, teardown)

it("leaves a task behind", function()
  async.runtime { clock = "virtual" }:spawn(async.park)
end)
