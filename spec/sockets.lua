-- Connected streams for specs, on loopback and on ports that the system chooses.
local async = require "asyncrt"

local sockets = {}

-- Both ends of a connection to a listener that is closed again: who connected, who was accepted.
local function connect_to(listener, host, port)
  local client = assert(async.net.connect(host, port))
  local server = assert(listener:accept())
  listener:close()
  return client, server
end

function sockets.pair(host)
  host = host or "127.0.0.1"
  local listener = assert(async.net.listen(host, 0))
  return connect_to(listener, listener:address())
end

-- A path that is free, in a directory that everyone may write to.
function sockets.path()
  local path = os.tmpname()
  os.remove(path)
  return "unix:" .. path .. ".sock"
end

-- Local sockets take a small write whole or not at all.
function sockets.local_pair()
  local path = sockets.path()
  return connect_to(assert(async.net.listen(path)), path)
end

-- Writes until not one more byte fits; the number of bytes.
function sockets.fill(stream)
  local piece, bytes = ("x"):rep(1024), 0
  stream:settimeout(0)
  while stream:write(piece) do bytes = bytes + #piece end
  stream:settimeout(nil)
  return bytes
end

-- Does this system know its own name? A system without /etc/hosts does not.
function sockets.has_localhost()
  return os.execute("getent hosts localhost >/dev/null 2>&1") == true
end

-- An address for which there is IPv6 here, or nil.
function sockets.has_ipv6()
  local listener <close> = async.net.listen("::1", 0)
  return listener ~= nil
end

return sockets
