-- Bad input: every function that scripts can get at, called with what it does not take, from where it cannot be called,
-- on what has ended. Each call is a row; spec/badinput/rows.lua makes them from the tables beside it.
require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local names = require "spec.badinput.names"
local places = require "spec.badinput.places"
local calls = require "spec.badinput.calls"
local rows = require "spec.badinput.rows"

local entries = {}
for _, part in ipairs { "module", "handles", "waiting", "net", "stream", "channel", "sync",
  "combinators", "stdlib" } do
  for name, entry in pairs(require("spec.badinput." .. part)) do
    assert(not entries[name], name)
    entries[name] = entry
  end
end

local all = names.all()
local sorted = {}
for name in pairs(all) do sorted[#sorted + 1] = name end
table.sort(sorted)

local function check_all(name, fn, entry)
  local problems = {}
  for _, row in ipairs(rows.of(name, fn, entry)) do
    local env <close> = places.new_env()
    problems[#problems + 1] = calls.check(row, env)
  end
  if #problems > 0 then error(("%s:\n  %s"):format(name, table.concat(problems, "\n  ")), 0) end
end

describe("bad input of", function()
  for _, name in ipairs(sorted) do
    it(name, function()
      assert.truthy(entries[name], "there are no rows for " .. name)
      check_all(name, all[name], entries[name])
    end)
  end
end)

describe("the rows", function()
  it("are of functions that there are", function()
    for name in pairs(entries) do assert.truthy(all[name], "there is no " .. name) end
  end)
end)
