-- Combinators, and once.
local async = require "asyncrt"
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local kinds, field = values.kinds, values.field
local of = calls.of

local entries = {}

local function nothing() end

-- A function or a task; the first may be a list instead.
local function participant(optional)
  return {
    expected = "function or task",
    takes = { ["function"] = true, interval = true, channel = true, subscription = true, task = true, table = true },
    valid = nothing,
    optional = optional,
    fine = kinds.callable.fine,
    bad = {
      { { 1 }, "item 1: function or task expected, got number" },
      { { nothing, {} }, "item 2: function or task expected, got table" },
      { { nothing, io.stdout }, "item 2: function or task expected, got FILE*" },
    },
  }
end

entries.all = { needs = "suspend", args = { participant(true) }, rows = {
  of("nil", async.all, { message = "bad argument #1 to 'all' (function or task expected, got nil)" }, nil),
  of("two lists", async.all, { message = "bad argument #1 to 'all' (function or task expected, got table)" }, {}, {}),
  of("an empty list", async.all, { returns = {} }, {}),
} }

entries.race = { needs = "suspend", args = { participant() }, rows = {
  of("an empty list", async.race, { message = "bad argument #1 to 'race' (list is empty)" }, {}),
  of("nil after a function", async.race, { message = "bad argument #2 to 'race' (function or task expected, got nil)" },
    nothing, nil),
} }

local source = {
  expected = "list or iterator",
  takes = { ["function"] = true, interval = true, channel = true, subscription = true, table = true },
  valid = {},
  fine = kinds.callable.fine,
}

for _, name in ipairs { "map", "each" } do
  entries[name] = {
    needs = "suspend",
    args = { source, kinds.callable, kinds.options { limit = field.positive } },
  }
end

entries.once = { args = { kinds.callable } }

return entries
