-- canary: tasks lost with their runtime: 1 more
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

it("leaves a task behind that the collector takes", function()
  async.runtime { clock = "virtual" }:spawn(async.park)
  helper.collect()
end)
