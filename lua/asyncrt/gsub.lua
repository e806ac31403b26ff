-- Gsub: string.gsub whose replacements may suspend.
local args = require "asyncrt.args"

local find, sub = string.find, string.sub

-- What stands for a match: `whole` is its text, the captures follow.
local function replacement(repl, whole, ...)
  local first = ...
  if first == nil then first = whole end
  local value
  if type(repl) == "table" then
    value = repl[first]
  elseif select("#", ...) == 0 then
    value = repl(whole)
  else
    value = repl(...)
  end
  if not value then return whole end
  local kind = type(value)
  if kind == "string" or kind == "number" then return value end
  return nil, ("invalid replacement value (a %s)"):format(kind)
end

-- Raises for the caller of whoever calls this.
local function check(ok, err, ...)
  if not ok then error(err, 3) end
  return err, ...
end

--- `string.gsub` with a function or a table as replacement that may suspend (a table by its `__index`). Everything else
-- is as in `string.gsub`, which also does the matching. Works outside of tasks, too.
-- @tparam string s
-- @tparam string pattern
-- @tparam string|number|table|function repl
-- @tparam[opt] integer n at most so many replacements
-- @treturn string
-- @treturn integer how many matches there were
-- @raise misuse, and what the replacement raises
local function gsub(...)
  args.text("gsub", 1, ...)
  args.text("gsub", 2, select(2, ...))
  args.replacement("gsub", 3, select(3, ...))
  local s, pattern, repl, n = ...
  if n ~= nil then args.integer(math.mininteger, math.maxinteger, "gsub", 4, n) end
  if type(repl) == "string" or type(repl) == "number" then
    local result, count = check(args.try(string.gsub, s, pattern, repl, n))
    return result, count
  end
  s, pattern = tostring(s), tostring(pattern)
  local parts, count, at, last = {}, 0, 1, nil -- `last`: where the match before ended
  local anchored = sub(pattern, 1, 1) == "^"
  while count < (n or math.maxinteger) and at <= #s + 1 do
    local match = table.pack(check(args.try(find, s, pattern, at)))
    local first, final = match[1], match[2]
    if not first then break end
    if final < first and first == last then -- an empty match right where the one before ended is none
      parts[#parts + 1] = sub(s, at, at)
      at = at + 1
    else
      count = count + 1
      parts[#parts + 1] = sub(s, at, first - 1)
      local value, problem = replacement(repl, sub(s, first, final), table.unpack(match, 3, match.n))
      check(value, problem)
      parts[#parts + 1] = value
      at, last = final + 1, final + 1
    end
    if anchored then break end
  end
  parts[#parts + 1] = sub(s, at)
  return table.concat(parts), count
end

return { gsub = gsub }
