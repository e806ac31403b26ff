-- Bytes from one stream to another.
local args = require "asyncrt.args"

local PIECE = 65536

local function has_method(value, method)
  local ok, found = args.try(function() return value[method] end)
  return ok and found ~= nil
end

--- Reads from one and writes to the other until the first one's end. Neither is closed. Suspends.
-- @param from a stream, or anything with such a `read`
-- @param to a stream, or anything with such a `write`
-- @treturn integer bytes or nil, message, code, bytes
-- @raise misuse, cancelled
local function copy(...)
  local from, to = ...
  args.check(has_method(from, "read"), "copy", 1, "stream to read from expected")
  args.check(has_method(to, "write"), "copy", 2, "stream to write to expected")
  args.checkpoint("copy")
  local total = 0
  while true do
    local piece, message, code = from:read(PIECE)
    if piece == nil and (code == "eof" or message == nil) then return total end -- io's files say just nil
    if piece == nil then return nil, message, code, total end
    local ok, why, what, sent = to:write(piece)
    if not ok then return nil, why, what, total + (math.tointeger(sent) or 0) end
    total = total + #piece
  end
end

return { copy = copy }
