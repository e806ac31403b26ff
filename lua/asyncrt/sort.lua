-- Sort: table.sort whose comparator may suspend.
local args = require "asyncrt.args"

local function less(a, b) return a < b end

-- Comparisons of these suspend nowhere: Lua's own sort is quicker.
local function is_plain(list, n)
  local kind = type(list[1])
  if kind ~= "number" and kind ~= "string" then return false end
  for i = 2, n do
    if type(list[i]) ~= kind then return false end
  end
  return true
end

-- One pass: pairs of sorted runs of `width` items of `from` become sorted runs of twice that in `to`.
local function merge(from, to, n, width, comp)
  for low = 1, n, 2 * width do
    local i, j = low, low + width
    local middle, high = math.min(j, n + 1), math.min(j + width, n + 1)
    for k = low, high - 1 do
      if i < middle and (j >= high or not comp(from[j], from[i])) then
        to[k] = from[i]
        i = i + 1
      else
        to[k] = from[j]
        j = j + 1
      end
    end
  end
end

local function sorted(list, n, comp)
  if not comp and is_plain(list, n) then
    table.sort(list)
    return list
  end
  local other, width = {}, 1
  while width < n do
    merge(list, other, n, width, comp or less)
    list, other, width = other, list, 2 * width
  end
  return list
end

--- Sorts the items 1 to `#t` of a table in place, as `table.sort` does; equal ones keep their order. Suspends where
-- `comp`, or a metamethod, does. The table is read at the beginning and written at the end: while the sort is under
-- way, or if it is cancelled or comp raises, it is as it was. Works outside of tasks, too.
-- @tparam table t
-- @tparam[opt] function comp `comp(a, b)`: must a come before b? Default: `a < b`
-- @raise misuse, and what comp raises
local function sort(...)
  args.table("sort", 1, ...)
  local t, comp = ...
  if comp ~= nil then args.callable("sort", 2, comp) end
  local list, n = {}, #t
  for i = 1, n do list[i] = t[i] end
  list = sorted(list, n, comp)
  for i = 1, n do t[i] = list[i] end
end

return { sort = sort }
