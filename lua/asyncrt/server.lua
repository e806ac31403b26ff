-- Servers: a listener, the task that accepts, and below it a supervised task for every connection.
local core = require "asyncrt.core"
local args = require "asyncrt.args"

local GRACE = 5 -- seconds that stop leaves the handlers

local Server = { __name = "asyncrt.server" }
local methods = {}
Server.__index = methods

-- Connections ------------------------------------------------------------------------------------------------------

-- What ends with a connection, however its handler ends.
local Connection = {}

function Connection:__close()
  local server = self.server
  self.stream:close()
  if not server.connections[self] then return end
  server.connections[self] = nil
  server.active = server.active - 1
  server.waker:wake() -- it may have waited for one to end
end

-- A task that had no memory to begin with has closed nothing.
local connection_of = setmetatable({}, { __mode = "k" })

core.hooks().failed = function(task)
  local connection = connection_of[task]
  if connection then Connection.__close(connection) end
end

local function serve(connection)
  local _ <close> = connection
  connection.server.handler(connection.stream)
end

-- A handler that was cancelled before its first poll has closed nothing.
local Leftovers = {}

function Leftovers:__close()
  for connection in pairs(self.server.connections) do connection.stream:close() end
end

local function accept(server)
  local listener <close> = server.listener
  local _ <close> = setmetatable({ server = server }, Leftovers)
  server.waker = core.waker()
  core.scope(function(scope)
    for stream in listener:accepts() do
      local connection = setmetatable({ server = server, stream = stream }, Connection)
      server.connections[connection] = true
      server.active = server.active + 1
      connection_of[scope:spawn(serve, connection)] = connection
      while server.active >= server.limit do core.park() end
    end
  end, { supervise = true })
end

-- Servers ----------------------------------------------------------------------------------------------------------

local function start(listener, handler, opts)
  local host, port = listener:address()
  local self = setmetatable({
    listener = listener,
    handler = handler,
    host = host,
    port = port,
    limit = opts.limit or math.huge,
    grace = opts.grace or GRACE,
    active = 0,
    connections = {},
  }, Server)
  self.task = core.spawn_with({ name = ("server %s"):format(port and host .. ":" .. port or host) }, accept, self)
  return self
end

-- Until the server has ended. If it failed, that is its scope's to raise.
local function wait(self)
  self.task:join()
end

local function stop(self, grace)
  local in_time = true
  self.listener:close()
  core.scope(function(scope)
    scope:spawn_with({ daemon = true }, function()
      core.sleep_outside(grace)
      in_time = false
      self.task:cancel("server stopped")
    end)
    wait(self)
  end)
  return in_time
end

--- Where it listens; also when it has stopped.
-- @treturn string host
-- @treturn integer port nil for a path
function methods.address(...)
  args.object(Server, "address", 1, ...)
  local self = ...
  return self.host, self.port
end

--- Accepts no more, waits for the handlers, and cancels those that are not done after the grace. Suspends.
-- @tparam[opt] number grace seconds; default: the option of serve
-- @treturn boolean whether every handler ended by itself
-- @raise misuse, cancelled
function methods.stop(...)
  args.object(Server, "stop", 1, ...)
  local self, grace = ...
  if grace ~= nil then args.seconds("stop", 2, grace) end
  args.checkpoint("stop")
  return stop(self, grace or self.grace)
end

--- Waits until the server has ended, after stop or close. Suspends.
-- @raise misuse, cancelled
function methods.wait(...)
  args.object(Server, "wait", 1, ...)
  args.checkpoint("wait")
  wait((...))
end

--- Accepts no more and cancels the handlers; returns at once.
function methods.close(...)
  args.object(Server, "close", 1, ...)
  local self = ...
  self.listener:close()
  self.task:cancel("server closed")
end

-- A block that is left in haste leaves no grace. Either way nothing of the server is left after it.
function Server.__close(...)
  args.object(Server, "close", 1, ...)
  local self, err = ...
  if err == nil and not core.cancelling() then
    args.checkpoint("close")
    return stop(self, self.grace)
  end
  self:close()
  core.shield(wait, self)
end

function Server.__tostring(...)
  args.object(Server, "tostring", 1, ...)
  local self = ...
  local where = self.port and ("%s:%d"):format(self.host, self.port) or self.host
  return ("server %s (%d connections)"):format(where, self.active)
end

return { start = start }
