-- Flips each rule of the oracle and expects the combinations to notice: a rule that could be turned round without a
-- mismatch would not be tested.
local lu = require "luaunit"
local dimensions = require "spec.luaunit.support.dimensions"
local actual = require "spec.luaunit.support.actual"
local oracle = require "spec.luaunit.oracle"

collectgarbage("incremental", 1000)

local combinations = dimensions.all()
local outcomes = {} -- of the runtime, by combination; each is taken once, when a flip first gets there

local function differs(expected, outcome)
  for _, field in ipairs(oracle.fields) do
    if expected[field] ~= outcome[field] then return field end
  end
end

-- The first that is found, in strides so that neighbours, which are alike, do not come one after the other.
local STRIDE = 7919 -- prime, and no divisor of the number of combinations: the walk meets all of them

local function find_mismatch(rule)
  local index = 0
  for _ = 1, #combinations do
    index = (index + STRIDE) % #combinations
    local c, consulted = combinations[index + 1], {}
    local expected = oracle.expect(c, rule, consulted)
    if consulted[rule] then
      outcomes[c] = outcomes[c] or actual.outcome(c)
      if differs(expected, outcomes[c]) then
        local field = differs(oracle.expect(c), outcomes[c])
        if field then lu.fail("the rules as they stand do not hold: " .. field .. " of " .. dimensions.describe(c)) end
        return c
      end
    end
  end
end

TestFlips = {}

for _, rule in ipairs(oracle.rules) do
  TestFlips["test that they notice the flip of: " .. rule.name] = function()
    lu.assertNotNil(find_mismatch(rule.name), "no combination notices")
  end
end

os.exit(lu.LuaUnit.run(), true)
