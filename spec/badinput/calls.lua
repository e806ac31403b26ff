-- Calls whose place in a message is known, and what must come of them.
--
-- A row is {what it shows, at = place, call = function(env) -> text and values}, with what must come of the call:
-- `message`, `raises` (a predicate), `returns` (values or predicates), `waits`; nothing: it must not raise.
local async = require "asyncrt"
local places = require "spec.badinput.places"

local calls = {}

-- Made ----------------------------------------------------------------------------------------------------------------

-- The text is the call as it stands in line 1 of a chunk "row": a, b, c are the first values, `rest` the others.
local function compile(text)
  local code = "local pack, a, b, c = ... ; return pack(" .. text:gsub("%(rest%)", "(select(5, ...))") .. ")"
  return assert(load(code, "=row"))
end

-- f(...)
function calls.plain(f, ...)
  return "a(rest)", f, nil, nil, ...
end

-- handle:name(...)
function calls.method(handle, name, ...)
  return ("a:%s(rest)"):format(name), handle, nil, nil, ...
end

-- handle.name(...)
function calls.field(handle, name, ...)
  return ("a.%s(rest)"):format(name), handle, nil, nil, ...
end

-- One that would wait for ever comes back from places that can wait for it.
local function call(place, text, ...)
  local chunk = compile(text)
  if place ~= "task" and place ~= "coroutine" then return pcall(chunk, table.pack, ...) end
  local results = table.pack(pcall(async.try_timeout, 1, chunk, table.pack, ...))
  if not results[1] then return false, results[2] end
  return true, results[2] and results[3] or { n = 0, waits = true }
end

-- Compared ------------------------------------------------------------------------------------------------------------

function calls.shown(value)
  if type(value) ~= "string" then return tostring(value) end
  return #value > 300 and "a long string" or ("%q"):format(value)
end

local shown = calls.shown

local function same(expected, got)
  if type(expected) == "function" then return expected(got) end
  return rawequal(expected, got)
end

local function compare_results(expected, results)
  for i = 1, math.max(results.n, expected.n or #expected) do
    if not same(expected[i], results[i]) then
      return ("result %d is %s, but expected %s"):format(i, shown(results[i]), shown(expected[i]))
    end
  end
end

local function compare_errors(row, raised, err)
  if not raised then return "no error" end
  if row.raises then return not row.raises(err) and "another error: " .. shown(err) end
  local expected = "row:1: " .. row.message
  return err ~= expected and ("%s, but expected %q"):format(shown(err), expected)
end

local function compare(row, ok, result)
  if row.message or row.raises then return compare_errors(row, not ok, result) end
  if not ok then return "raised " .. shown(result) end
  if row.waits then return not result.waits and "did not wait" end
  return row.returns and compare_results(row.returns, result)
end

-- Nothing would wake in time any more.
local function let_go(made)
  if type(made) == "userdata" and tostring(made):find "^clock hold" then made:close() end
end

-- nil, or what is wrong.
function calls.check(row, env)
  local ran, ok, result = false, nil, nil
  local text = table.pack(row.call(env))
  places[row.at](env, function()
    ran = true
    ok, result = call(row.at, table.unpack(text, 1, text.n))
    let_go(ok and result[1])
  end)
  local problem = not ran and "was never called" or compare(row, ok, result)
  return problem and ("%s, at %s: %s"):format(row[1], row.at, problem) or nil
end

-- Written down --------------------------------------------------------------------------------------------------------

-- A function of an environment that makes that with it; in its other runtime if that is said.
function calls.made(maker, which)
  return function(env) return env:make(maker, which and env[which]) end
end

-- Rows for the call of a method, or of a function, with those arguments; `expected` has what must come of it.
local function row(what, expected, at, make_call)
  local result = { what, at = expected.at or at, call = make_call }
  for key, value in pairs(expected) do result[key] = value end
  return result
end

-- `make` makes the handle in the environment.
function calls.on(what, make, method, expected, ...)
  local args = table.pack(...)
  return row(what, expected, nil, function(env)
    return calls.method(make(env), method, table.unpack(args, 1, args.n))
  end)
end

function calls.of(what, f, expected, ...)
  local args = table.pack(...)
  return row(what, expected, nil, function() return calls.plain(f, table.unpack(args, 1, args.n)) end)
end

-- A metamethod, which is called as a function.
function calls.meta(what, make, name, expected, ...)
  local args = table.pack(...)
  return row(what, expected, nil, function(env)
    local handle = make(env)
    return calls.plain(getmetatable(handle)[name], handle, table.unpack(args, 1, args.n))
  end)
end

function calls.numbers(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return table.unpack(list)
end

return calls
