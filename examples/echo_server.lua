-- An echo server: every connection gets back what it sends.
--   lua5.4 examples/echo_server.lua [port]      try it with nc 127.0.0.1 7007; Ctrl-C ends it
local async = require "asyncrt"

local PORT = math.tointeger(tonumber(arg[1] or 7007)) or error("usage: echo_server.lua [port]", 0)

io.stdout:setvbuf("line")
local function say(...) print(string.format(...)) end

-- Runs when its block is left: by the last line, by an error, or by the cancel that Ctrl-C sets going.
local function finally(fn)
  return setmetatable({}, { __close = fn })
end

local function echo(conn)
  local host, port = conn:peer()
  local bytes = 0
  say("%s:%s joined", host, port)
  local _ <close> = finally(function() say("%s:%s left, %d bytes echoed", host, port, bytes) end)
  while true do
    local piece, message, code = conn:read(65536) -- some bytes, as soon as there are some
    if code == "eof" then return end
    async.check(piece, message, code) -- an error ends this connection, and goes to on_error
    async.check(conn:write(piece))
    bytes = bytes + #piece
  end
end

async.run(function()
  local _ <close> = finally(function() say("goodbye") end)
  local server <close> = async.check(async.net.serve("127.0.0.1", PORT, echo)) -- closed first, with its connections
  say("listening on %s:%d", server:address())
  server:wait()
end)
