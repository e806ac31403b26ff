-- All combinations of support/dimensions.lua on the runtime, against the oracle: each under no seed and three seeds.
-- Those with a supervised task, and under ASan all, get one of the four schedules in turn.
local lu = require "luaunit"
local helper = require "spec.helper"
local dimensions = require "spec.luaunit.support.dimensions"
local actual = require "spec.luaunit.support.actual"
local oracle = require "spec.luaunit.oracle"

local SCHEDULES = { {}, { seed = 1 }, { seed = 2 }, { seed = 20260101 } }
local SHOWN = 3 -- mismatches of a test, in full
local slow = os.getenv "FLAVOUR" == "asan"

collectgarbage("incremental", 1000) -- nearly all there is dies young

local begin, finish
helper.watch(function(fn) begin = fn end, function(fn) finish = fn end)

local combinations = dimensions.all()
local runs = 0

local function compare(c, expected, seed, tasks)
  local ok, outcome = pcall(actual.outcome, c, seed, tasks)
  runs = runs + 1
  if not ok then return "\n    " .. tostring(outcome) end
  local lines = {}
  for _, field in ipairs(oracle.fields) do
    if outcome[field] ~= expected[field] then
      lines[#lines + 1] = ("\n    %s: %s\n    not %s"):format(field, outcome[field], expected[field])
    end
  end
  return #lines > 0 and table.concat(lines)
end

-- The schedules of the i-th combination, as first and last index.
local function schedules_of(i, c)
  if not slow and c.birth == "spawn" then return 1, #SCHEDULES end
  local turn = (i + i // 8) % #SCHEDULES + 1 -- not in step with any of the dimensions
  return turn, turn
end

local function check_one(c, i, differences, tasks)
  local expected = oracle.expect(c)
  local first, last = schedules_of(i, c)
  for j = first, last do
    local seed = SCHEDULES[j].seed
    local difference = compare(c, expected, seed, tasks)
    if difference then
      differences[#differences + 1] = ("\n  %s, seed: %s%s"):format(dimensions.describe(c), seed, difference)
    end
  end
end

local function check(body)
  local differences = {}
  local tasks = setmetatable({}, { __mode = "v" })
  for i, c in ipairs(combinations) do
    if c.body == body then check_one(c, i, differences, tasks) end
  end
  lu.assertEquals(#differences, 0, table.concat(differences, "", 1, math.min(SHOWN, #differences)))
  helper.collect()
  lu.assertNil(next(tasks), "a handle outlived its runtime")
end

TestCombinations = {}

function TestCombinations.setUp() begin() end

function TestCombinations.tearDown() finish() end

for _, body in ipairs(dimensions.bodies) do
  TestCombinations["test the task " .. body.name] = function() check(body) end
end

function TestCombinations.test_all_of_the_table_is_there()
  local names, d = {}, dimensions
  for _, c in ipairs(combinations) do names[d.describe(c)] = true end
  local n = 0
  for _ in pairs(names) do n = n + 1 end
  lu.assertEquals(n, #d.bodies * #d.nestings * #d.cancels * #d.observers * #d.siblings * #d.births)
end

local code = lu.LuaUnit.run()
print(("note: %d combinations, %d runs, %d rules"):format(#combinations, runs, #oracle.rules))
os.exit(code, true)
