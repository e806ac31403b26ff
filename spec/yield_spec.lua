local yielding = require "spec.yielding"
require "spec.helper".watch(setup, teardown)

describe("doc/yield.md", function()
  it("says of everything in Lua's library whether one can suspend in it", function()
    local file <close> = assert(io.open("doc/yield.md"))
    assert.equal(file:read("a"), yielding.document())
  end)
end)
