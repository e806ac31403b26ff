-- Lua's own functions that may suspend.
local async = require "asyncrt"
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local kinds = values.kinds
local of = calls.of

local tables = { table = true, locals = true, error = true, interval = true, server = true, broadcast = true,
  watch = true }
local text = { expected = "string", takes = { string = true, number = true }, valid = "text" }
local replacement = { expected = "string/function/table", valid = "x", takes = { string = true, number = true,
  ["function"] = true, table = true, locals = true, error = true, interval = true, server = true, broadcast = true,
  watch = true } }
local count = { expected = "number", takes = { number = true }, optional = true, valid = 1, bad = {
  { 1.5, "number has no integer representation" }, { 0 / 0, "number has no integer representation" },
} }

local entries = {}

entries.sort = { args = { { expected = "table", takes = tables, valid = {} }, kinds.optional(kinds.callable) },
  valid = function() return { 2, 1 }, function(a, b) return a < b end end }

entries.gsub = { args = { text, text, replacement, count }, rows = {
  of("a bad pattern", async.gsub, { message = "unfinished capture" }, "a", "(", print),
  of("a bad capture", async.gsub, { message = select(2, pcall(string.gsub, "a", "a", "%2")) }, "a", "a", "%2"),
  of("a bad value", async.gsub, { message = "invalid replacement value (a table)" }, "a", "a", { a = {} }),
} }

entries.require = { args = { kinds.string }, valid = function() return "string" end, nowhere = true, rows = {
  of("what is loaded", async.require, { at = "host", returns = { string } }, "string"),
} }
entries.require.args[1] = { expected = "string", takes = { string = true }, valid = "string" }

return entries
