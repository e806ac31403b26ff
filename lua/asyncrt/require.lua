-- Require: modules whose chunks may suspend while they are loaded.
local core = require "asyncrt.core"
local args = require "asyncrt.args"

local mutexes = {} -- of the modules that are being loaded
local stacks = setmetatable({}, { __mode = "k" }) -- task -> names of those that it is loading

local function find_loader(name)
  if type(package.searchers) ~= "table" then error("'package.searchers' must be a table", 4) end
  local message = {}
  for _, searcher in ipairs(package.searchers) do
    local loader, data = searcher(name)
    if type(loader) == "function" then return loader, data end
    if type(loader) == "string" then message[#message + 1] = "\n\t" .. loader end
  end
  error(("module '%s' not found:%s"):format(name, table.concat(message)), 4)
end

local function load_module(name)
  local loader, data = find_loader(name)
  local value = loader(name, data)
  if value ~= nil then
    package.loaded[name] = value
  elseif package.loaded[name] == nil then
    package.loaded[name] = true
  end
  return package.loaded[name], data
end

local function check_cycle(stack, name)
  for _, loading in ipairs(stack) do
    if loading == name then
      error(core.new_error("deadlock", ("module '%s' requires itself: %s"):format(name,
        table.concat(stack, " requires ") .. " requires " .. name)), 0)
    end
  end
end

-- The names that the task is loading, with the name on top of them for as long as the block lasts.
local function push(stack, name)
  stack[#stack + 1] = name
  return setmetatable({}, { __close = function() stack[#stack] = nil end })
end

-- Whoever comes while it is being loaded waits, and loads it if that has failed.
local function load_once(name)
  local task = core.current()
  local stack = stacks[task] or {}
  stacks[task] = stack
  check_cycle(stack, name)
  local mutex = mutexes[name] or core.mutex()
  mutexes[name] = mutex
  local _ <close> = mutex:lock()
  if package.loaded[name] then return package.loaded[name] end
  local _ <close> = push(stack, name)
  local value, data = load_module(name)
  mutexes[name] = nil
  return value, data
end

--- `require` of a module whose chunk, loader or searcher may suspend. Who requires it meanwhile waits for it; if
-- loading fails or is cancelled, the next one who waits loads it. Outside of tasks it is `require`.
-- @tparam string name
-- @return the module
-- @return loader data, from the call that loaded it
-- @raise misuse, what loading raises, deadlock if it requires itself
local function require_module(...)
  args.string("require", 1, ...)
  local name = ...
  local is_task = core.in_task()
  if is_task then args.checkpoint("require") end
  if package.loaded[name] then return package.loaded[name] end
  if not is_task then
    local value, data = _G.require(name)
    return value, data
  end
  return load_once(name)
end

return { require = require_module }
