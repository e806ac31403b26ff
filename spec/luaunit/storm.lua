-- Soak: storms of spawns, cancels, failures and timeouts (support/storm.lua), whose books must balance in the end:
-- every task ended once, every <close> variable was closed once, no child outlived its scope, no failure was lost.
local lu = require "luaunit"
local helper = require "spec.helper"
local storm = require "spec.luaunit.support.storm"

local slow = os.getenv "FLAVOUR" == "asan"
local STORMS = slow and 60 or 500
local CLOSED = slow and 30 or 250
local SHOWN = 5 -- problems, in full

local begin, finish
helper.watch(function(fn) begin = fn end, function(fn) finish = fn end)

local totals = { storms = 0, tasks = 0, events = 0, errors = 0 }

local function expect_balanced(books, program, seed)
  totals.storms = totals.storms + 1
  totals.tasks = totals.tasks + #books.records
  totals.events = totals.events + #books.trace
  totals.errors = totals.errors + #books.errors
  local problems = books.problems
  if #problems == 0 then return end
  local shown = table.concat(problems, "\n  ", 1, math.min(SHOWN, #problems))
  lu.fail(("storm %d, seed %s: %d problems\n  %s"):format(program, seed, #problems, shown))
end

local function expect_same(one, other, program)
  for i = 1, math.max(#one.trace, #other.trace) do
    if one.trace[i] ~= other.trace[i] then
      lu.fail(("storm %d differs from itself at event %d: %s, %s"):format(program, i, one.trace[i], other.trace[i]))
    end
  end
end

TestStorm = {}

function TestStorm.setUp() begin() end

function TestStorm.tearDown() finish() end

function TestStorm.test_books_balance_and_a_seed_gives_the_same_storm_twice()
  for program = 1, STORMS do
    local books = storm.run(program, program)
    expect_balanced(books, program, program)
    expect_same(books, storm.run(program, program), program)
  end
end

function TestStorm.test_books_balance_without_seed()
  for program = 1, STORMS do
    local books = storm.run(program)
    expect_balanced(books, program)
    expect_same(books, storm.run(program), program)
  end
end

function TestStorm.test_books_balance_when_the_runtime_is_closed_in_the_middle()
  for program = 1, CLOSED do
    local seconds = program % 40 * 0.125
    local books = storm.close(program, program, seconds)
    expect_balanced(books, program, program)
    expect_same(books, storm.close(program, program, seconds), program)
  end
end

function TestStorm.test_another_seed_gives_another_storm()
  local traces = {}
  for seed = 1, 20 do traces[table.concat(storm.run(1, seed).trace, "\n")] = true end
  local n = 0
  for _ in pairs(traces) do n = n + 1 end
  lu.assertTrue(n > 10, n .. " different storms of 20")
end

function TestStorm.test_books_notice_what_is_not_told()
  local unbalanced = 0
  for program = 1, 20 do
    if #storm.run(program, program, true).problems > 0 then unbalanced = unbalanced + 1 end
  end
  lu.assertTrue(unbalanced >= 15, unbalanced .. " of 20")
end

local code = lu.LuaUnit.run()
print(("note: %d storms checked: %d tasks, %d events, %d errors raised"):format(
  totals.storms, totals.tasks, totals.events, totals.errors))
os.exit(code, true)
