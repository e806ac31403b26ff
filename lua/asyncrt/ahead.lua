-- Modules that many scripts never need: their text is read now, while there is a descriptor to read it with, and
-- compiled when it is first needed. Parsing is most of what a module costs.
local load, error = load, error
local package, io = package, io

-- What their chunks see: scripts may be left without require by then.
local env = setmetatable({ ["require"] = _G["require"] }, { __index = _G })

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

-- Does nothing where it cannot, and where others have provided for it: then it is loaded as usual, at the first call.
local function ahead(name)
  if not (package and io and load) or package.loaded[name] or package.preload[name] then return end
  local path = package.searchpath(name, package.path)
  local text = path and read(path)
  if not text then return end
  package.preload[name] = function(...)
    local chunk, why = load(text, "@" .. path, "bt", env)
    if not chunk then error(why, 0) end
    return chunk(...)
  end
end

return { ahead = ahead }
