-- canary: registry entries: 1 more
require "spec.helper".watch(setup, teardown)

it("leaves a registry entry behind", function()
  debug.getregistry()["asyncrt.canary"] = {}
end)
