-- Rows made from what a table says of a function. An entry there has: `args`, kinds of arguments; `needs`, where it can
-- be called, see REFUSED (default: anywhere); `valid(env)`, arguments for a call that succeeds (default: those of the
-- kinds); `self(env)`, which makes the handle for it; `name`, if messages have another one; `at`, the place for most
-- rows; `nowhere`, if no valid call is to be tried everywhere; `rows`, further ones, see calls.lua.
local async = require "asyncrt"
local calls = require "spec.badinput.calls"
local values = require "spec.badinput.values"

local rows = {}

-- Arguments -----------------------------------------------------------------------------------------------------------

-- Those of a valid call, or the first n of them.
local function valid_args(entry, env, n)
  if entry.valid then
    local all = table.pack(entry.valid(env))
    all.n = n or all.n
    return all
  end
  local args = { n = 0 }
  for i = 1, n or #entry.args do
    if entry.args[i].optional and not n then break end
    args.n, args[i] = i, entry.args[i].valid
  end
  return args
end

-- Those of a valid call, but another one at i.
local function args_with(entry, env, i, value)
  local args, shortest = valid_args(entry, env, i), valid_args(entry, env)
  args[i] = value
  args.n = math.max(i, shortest.n)
  for j = i + 1, shortest.n do args[j] = shortest[j] end
  return table.unpack(args, 1, args.n)
end

local Maker = {}
Maker.__index = Maker

function Maker:add(what, row)
  row[1] = what
  row.at = row.at or self.at
  self.rows[#self.rows + 1] = row
end

-- A call with those arguments after self.
function Maker:call(env, ...)
  local entry = self.entry
  if not self.sort then return calls.plain(self.fn, ...) end
  local handle = entry.self and env:make(entry.self) or values.get(env, self.sort)
  if self.is_meta then return calls.plain(self.fn, handle, ...) end
  return calls.method(handle, self.method, ...)
end

function Maker:valid_call(env, n)
  local args = valid_args(self.entry, env, n)
  return self:call(env, table.unpack(args, 1, args.n))
end

-- As messages count: self too, unless it is before a colon.
function Maker:bad_argument(i, problem)
  return ("bad argument #%d to '%s' (%s)"):format(self.is_meta and i + 1 or i, self.name, problem)
end

-- A call with that value as argument i, or with what the function makes; no problem: it will do.
function Maker:try(i, what, value, problem)
  self:add(("argument %d: %s"):format(i, what), {
    call = function(env)
      local it = value
      if type(value) == "table" and value.make then it = value.make(env) end
      return self:call(env, args_with(self.entry, env, i, it))
    end,
    message = problem and self:bad_argument(i, problem),
  })
end

-- Stands for the value of a sort, in an option of that name or by itself.
local function of_sort(sort, option)
  return { make = function(env)
    local value = values.get(env, sort)
    if option then return { [option] = value } end
    return value
  end }
end

function Maker:option(i, name, field)
  local problem = ("field '%s' must be %s"):format(name, field.expected)
  for _, sort in ipairs(values.sorts) do
    if sort ~= "nil" and not field.takes[sort] then
      self:try(i, ("%s = %s"):format(name, sort), of_sort(sort, name), problem)
    end
  end
  for _, value in ipairs(field.bad or {}) do
    self:try(i, ("%s = %s"):format(name, calls.shown(value)), { [name] = value }, problem)
  end
end

function Maker:argument(i, kind)
  for _, sort in ipairs(values.sorts) do
    if not kind.takes[sort] and not (kind.optional and sort == "nil") then
      self:try(i, sort, of_sort(sort), ("%s expected, got %s"):format(kind.expected, values.type_name(sort)))
    end
  end
  for _, bad in ipairs(kind.bad or {}) do self:try(i, calls.shown(bad[1]), bad[1], bad[2]) end
  for _, fine in ipairs(kind.fine or {}) do self:try(i, calls.shown(fine), fine) end
  for name, field in pairs(kind.fields or {}) do self:option(i, name, field) end
end

-- One argument less than there must be.
function Maker:missing()
  for i, kind in ipairs(self.entry.args) do
    if kind.optional then return end
    local problem = kind.any and "value expected" or kind.expected .. " expected, got no value"
    self:add(("%d arguments"):format(i - 1), {
      call = function(env) return self:valid_call(env, i - 1) end,
      message = self:bad_argument(i, problem),
    })
  end
end

-- Self ----------------------------------------------------------------------------------------------------------------

function Maker:bad_self(what, call, got)
  self:add(what, { call = call, message = ("bad argument #1 to '%s' (asyncrt.%s expected, got %s)"):format(self.name,
    self.sort, got) })
end

function Maker:wrong_self()
  for _, sort in ipairs(values.sorts) do
    if sort ~= self.sort then
      self:bad_self("self: " .. sort, function(env)
        local args = valid_args(self.entry, env)
        return calls.plain(self.fn, values.get(env, sort), table.unpack(args, 1, args.n))
      end, values.type_name(sort))
    end
  end
  self:bad_self("no self", function() return calls.plain(self.fn) end, "no value")
  if self.is_meta then return end
  self:bad_self("a dot for a colon", function(env)
    return calls.field(values.get(env, self.sort), self.method)
  end, "no value")
  self:add("a method of another table", {
    call = function() return calls.method({ [self.method] = self.fn }, self.method) end,
    message = ("calling '%s' on bad self (asyncrt.%s expected, got table)"):format(self.name, self.sort),
  })
end

-- Places --------------------------------------------------------------------------------------------------------------

local OUTSIDE = "'%s' called outside a task"
local FOREIGN = "'%s' called in a coroutine that was not resumed by asyncrt's coroutine.resume or wrap: load asyncrt" ..
  " before what keeps Lua's own"
local COMPARATOR = "'%s' cannot suspend here: 'table.sort' is in the way"
local FINALISER = "'%s' cannot suspend here: a finaliser is in the way"
local IN_FINALISER = "'%s' called in a finaliser"
local INSIDE = "'%s' called from inside a task or callback of a running runtime"

-- What a valid call raises where it cannot be made.
local REFUSED = {
  suspend = {
    host = OUTSIDE, host_coroutine = OUTSIDE, host_finaliser = OUTSIDE, callback = OUTSIDE,
    foreign_coroutine = FOREIGN, comparator = COMPARATOR, finaliser = FINALISER, cancelled = async.is_cancelled,
  },
  unwinding = { -- may suspend, and is no checkpoint
    host = OUTSIDE, host_coroutine = OUTSIDE, host_finaliser = OUTSIDE, callback = OUTSIDE,
    foreign_coroutine = FOREIGN, comparator = COMPARATOR, finaliser = FINALISER,
  },
  task = {
    host = OUTSIDE, host_coroutine = OUTSIDE, host_finaliser = OUTSIDE, callback = OUTSIDE,
    foreign_coroutine = FOREIGN, finaliser = IN_FINALISER,
  },
  host = {
    task = INSIDE, callback = INSIDE, coroutine = INSIDE, foreign_coroutine = INSIDE, comparator = INSIDE,
    finaliser = INSIDE, cancelled = INSIDE,
  },
  runtime = { finaliser = IN_FINALISER, host_finaliser = IN_FINALISER }, -- makes one
  main = { -- and runs it
    task = INSIDE, callback = INSIDE, coroutine = INSIDE, foreign_coroutine = INSIDE, comparator = INSIDE,
    finaliser = INSIDE, host_finaliser = IN_FINALISER, cancelled = INSIDE,
  },
  nothing = {},
}

local PLACES = { "host", "task", "callback", "coroutine", "foreign_coroutine", "host_coroutine", "comparator",
  "finaliser", "host_finaliser", "cancelled" }

function Maker:everywhere()
  for _, place in ipairs(PLACES) do
    local why = REFUSED[self.entry.needs or "nothing"][place]
    self:add("a valid call", {
      at = place,
      call = function(env) return self:valid_call(env) end,
      message = type(why) == "string" and why:format(self.name) or nil,
      raises = type(why) == "function" and why or nil,
    })
  end
end

-- All -----------------------------------------------------------------------------------------------------------------

local function new_maker(key, fn, entry)
  local sort, separator, last = key:match("^(%w+)([:.])([%w_]+)$")
  local self = setmetatable({ fn = fn, entry = entry, rows = {}, name = entry.name or last or key }, Maker)
  self.at = entry.at or entry.needs == "host" and "host" or "task"
  if sort and sort ~= "net" then
    self.sort, self.method, self.is_meta = sort, last, separator == "."
  end
  return self
end

-- The rows of the function of that name, as names.all() has it: "sleep", "task:join", "task.__gc".
function rows.of(key, fn, entry)
  entry.args = entry.args or {}
  local maker = new_maker(key, fn, entry)
  if maker.sort then maker:wrong_self() end
  maker:missing()
  for i, kind in ipairs(entry.args) do
    if not kind.any then maker:argument(i, kind) end
  end
  if not entry.nowhere then maker:everywhere() end
  for _, row in ipairs(entry.rows or {}) do maker:add(row[1], row) end
  return maker.rows
end

return rows
