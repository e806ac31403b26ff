-- canary: descriptors: 1 more
require "spec.helper".watch(setup, teardown)

local kept

it("leaves a descriptor behind", function()
  kept = assert(io.open("/dev/null"))
  assert.is_truthy(kept)
end)
