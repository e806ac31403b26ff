-- Argument checks for functions written in Lua. Messages are Lua's own and carry the position of whoever called the
-- function that checks. Checkers take that function's documented name, the argument's number, and the arguments from
-- that one on, so that "nil" and "no value" can be told apart.
local core = require "asyncrt.core"

local args = {}

local CALLER = 4 -- fail <- checker <- the function that checks <- who called it

local function fail(name, arg, problem)
  local called_as = debug.getinfo(3, "n").namewhat
  if called_as == "method" then arg = arg - 1 end -- self is not counted
  if arg == 0 then error(("calling '%s' on bad self (%s)"):format(name, problem), CALLER) end
  error(("bad argument #%d to '%s' (%s)"):format(arg, name, problem), CALLER)
end

local function is_callable(value)
  if type(value) == "function" then return true end
  local meta = debug.getmetatable(value) -- also one that hides itself
  return meta ~= nil and rawget(meta, "__call") ~= nil
end

args.is_callable = is_callable

function args.callable(name, arg, ...)
  local value = ...
  if is_callable(value) then return end
  fail(name, arg, "function expected, got " .. core.type_name(...))
end

function args.table(name, arg, ...)
  if type((...)) == "table" then return end
  fail(name, arg, "table expected, got " .. core.type_name(...))
end

-- A string, or a number, which stands for one.
function args.text(name, arg, ...)
  local kind = type((...))
  if kind == "string" or kind == "number" then return end
  fail(name, arg, "string expected, got " .. core.type_name(...))
end

-- What string.gsub takes as one.
function args.replacement(name, arg, ...)
  local kind = type((...))
  if kind == "string" or kind == "number" or kind == "table" or kind == "function" then return end
  fail(name, arg, "string/function/table expected, got " .. core.type_name(...))
end

function args.string(name, arg, ...)
  local value = ...
  if type(value) == "string" then return end
  fail(name, arg, "string expected, got " .. core.type_name(...))
end

-- What may be a socket's host: a string, not empty, that C can read to its end.
function args.host(name, arg, ...)
  local value = ...
  if type(value) ~= "string" then fail(name, arg, "string expected, got " .. core.type_name(...)) end
  if value:find("\0", 1, true) then fail(name, arg, "host contains zeros") end
  if value == "" or value == "unix:" then fail(name, arg, value == "" and "host is empty" or "path is empty") end
end

function args.integer(low, high, name, arg, ...)
  local value = ...
  if type(value) ~= "number" then fail(name, arg, "number expected, got " .. core.type_name(...)) end
  local integer = math.tointeger(value)
  if not integer then fail(name, arg, "number has no integer representation") end
  if integer < low or integer > high then fail(name, arg, ("%d is not in %d..%d"):format(integer, low, high)) end
end

-- Kinds of options: what a value must be, in words, and whether it is.
local is_kind = {
  boolean = function(value) return type(value) == "boolean" end,
  ["positive integer"] = function(value)
    return type(value) == "number" and math.tointeger(value) and value >= 1 and value <= 2147483647
  end,
  ["whole number"] = function(value) return type(value) == "number" and math.tointeger(value) ~= nil end,
  ["number of seconds"] = function(value) return type(value) == "number" and value == value end,
}

-- A table of options, or none; `kinds` has the kind of each one that there is.
function args.options(kinds, name, arg, opts)
  if opts == nil then return end
  if type(opts) ~= "table" then fail(name, arg, "table expected, got " .. core.type_name(opts)) end
  for option, value in pairs(opts) do
    local kind = kinds[option]
    if not kind then fail(name, arg, ("unknown option '%s'"):format(tostring(option))) end
    if not is_kind[kind](value) then fail(name, arg, ("field '%s' must be a %s"):format(option, kind)) end
  end
end

-- Seconds: numbers only, NaN is an error.
function args.seconds(name, arg, ...)
  local value = ...
  if type(value) ~= "number" then fail(name, arg, "number expected, got " .. core.type_name(...)) end
  if value ~= value then fail(name, arg, "number of seconds is NaN") end
end

-- An object of ours, known by its metatable.
function args.object(meta, name, arg, ...)
  local value = ...
  if type(value) == "table" and getmetatable(value) == meta then return end
  fail(name, arg, ("%s expected, got %s"):format(meta.__name, core.type_name(...)))
end

function args.any(name, arg, ...)
  if select("#", ...) == 0 then fail(name, arg, "value expected") end
end

-- Anything but nil.
function args.value(name, arg, ...)
  if (...) == nil then fail(name, arg, "value expected, got " .. core.type_name(...)) end
end

-- For what only the function itself can check.
function args.check(ok, name, arg, problem)
  if not ok then fail(name, arg, problem) end
end

local NO_MEMORY = "not enough memory"

-- pcall, but a lack of memory is nobody's answer: it is raised as it came.
function args.try(...)
  local results = table.pack(pcall(...))
  if not results[1] and results[2] == NO_MEMORY then error(NO_MEMORY, 0) end
  return table.unpack(results, 1, results.n)
end

-- The running task may suspend here: raises if not, and if the task is cancelled. Returns whether one more operation
-- may complete at once; if not, the function suspends although it need not, so that others get their turn.
function args.checkpoint(name)
  local ok, answer = args.try(core.checkpoint, name)
  if ok then return answer end
  error(answer, 3) -- a string of pcall's carries no position yet; a cancel is no string
end

return args
