-- What can be called: the functions that the module exports, and of every type of handle its methods and metamethods.
-- Found by a walk from what is loaded, so that nothing can be forgotten.
for _, name in ipairs { "broadcast", "interval", "server" } do require("asyncrt." .. name) end -- with their methods
local names = {}

local PREFIX = "^asyncrt%."

local function is_ours(key)
  return type(key) == "string" and (key == "asyncrt" or key:find(PREFIX) ~= nil)
end

local function each_upvalue(fn, visit)
  for i = 1, math.huge do
    local name, value = debug.getupvalue(fn, i)
    if not name then return end
    visit(value)
  end
end

local function each_uservalue(handle, visit)
  for i = 1, 100 do
    local value, there = debug.getuservalue(handle, i)
    if not there then return end
    visit(value)
  end
end

-- Calls found(table) for every table that can be got at from ours.
local function walk(found)
  local seen = { [_G] = true, [package.loaded] = true }
  local pending = {}
  local function visit(value)
    local kind = type(value)
    if (kind == "table" or kind == "function" or kind == "userdata") and not seen[value] then
      seen[value] = true
      pending[#pending + 1] = value
    end
  end
  for key, value in pairs(package.loaded) do
    if is_ours(key) then visit(value) else seen[value] = true end
  end
  for key, value in pairs(debug.getregistry()) do
    if is_ours(key) then visit(value) end
  end
  while #pending > 0 do
    local value = table.remove(pending)
    visit(debug.getmetatable(value))
    if type(value) == "table" then
      found(value)
      for k, v in next, value do
        visit(k)
        visit(v)
      end
    elseif type(value) == "function" then
      each_upvalue(value, visit)
    else
      each_uservalue(value, visit)
    end
  end
end

-- "task" -> its metatables: there may be several.
function names.types()
  local types = {}
  walk(function(tab)
    local name = rawget(tab, "__name")
    if not is_ours(name) then return end
    local short = name:gsub(PREFIX, "")
    types[short] = types[short] or {}
    table.insert(types[short], tab)
  end)
  return types
end

local function add_functions(found, tab, format)
  for key, value in next, tab do
    if type(value) == "function" then found[format:format(key)] = value end
  end
end

-- "sleep", "net.connect", "task:await", "task.__tostring" -> function
function names.all()
  local found = {}
  local async = package.loaded.asyncrt
  add_functions(found, async, "%s")
  for key, value in next, async do
    if type(value) == "table" then add_functions(found, value, key .. ".%s") end
  end
  for name, metas in pairs(names.types()) do
    for _, meta in ipairs(metas) do
      add_functions(found, meta, name .. ".%s")
      local methods = rawget(meta, "__index")
      if type(methods) == "table" then add_functions(found, methods, name .. ":%s") end
    end
  end
  return found
end

return names
