--- TCP and local sockets. Addresses are literals ("127.0.0.1", "::1"), names, or paths ("unix:/run/app.sock", which
-- have no port); "*" listens on every interface.
-- @module asyncrt.net
local core = require "asyncrt.core"
local args = require "asyncrt.args"
local server = require "asyncrt.server"

local net = {}

local STAGGER = 0.25 -- seconds until the next address of a name is tried beside the one that does not answer

local CONNECT = { nodelay = "boolean", keepalive = "boolean" }
local LISTEN = { nodelay = "boolean", keepalive = "boolean", reuseaddr = "boolean", reuseport = "boolean",
  backlog = "positive integer" }
local SERVE = { limit = "positive integer", grace = "number of seconds" }
for option, kind in pairs(LISTEN) do SERVE[option] = kind end

local function is_path(host)
  return host:sub(1, 5) == "unix:"
end

local function needs_lookup(host)
  return not is_path(host) and not core.is_address(host)
end

-- The number of the argument after the port, and the arguments from there on: a path has no port.
local function after_port(host, ...)
  if is_path(host) and ((...) ~= nil or select("#", ...) < 2) then return 2, ... end
  return 3, select(2, ...)
end

-- Connecting ---------------------------------------------------------------------------------------------------------

-- What connects may be cut short before anybody has it.
local Unclaimed = { __close = function(self)
  if self.stream then self.stream:close() end
end }

-- Tries the addresses one after the other, in their order; the next one starts when one fails or takes its time. The
-- first that connects ends the others.
local function race(addresses, port, opts, name)
  local result <close> = setmetatable({}, Unclaimed)
  local next_one, failure = 1, nil
  core.scope(function(scope)
    local start

    local function start_after(i)
      if next_one == i + 1 then start() end
    end

    local function hurry(i)
      core.sleep_outside(STAGGER)
      start_after(i)
    end

    local function attempt(i)
      if addresses[i + 1] then scope:spawn_with({ daemon = true }, hurry, i) end
      local stream, message, code = core.connect(addresses[i], port, opts, name)
      if not stream then
        failure = { message, code }
        start_after(i)
      elseif result.stream then
        stream:close()
      else
        result.stream = stream
        scope:cancel()
      end
    end

    function start()
      local i = next_one
      if not addresses[i] then return end
      next_one = i + 1
      scope:spawn(attempt, i)
    end

    start()
  end)
  local stream = result.stream
  if not stream then return nil, failure[1], failure[2] end
  result.stream = nil
  return stream
end

--- Connects. A name is looked up off the loop; its addresses are tried in the system's order, a quarter of a second
-- apart. Options: `nodelay` (default true), `keepalive` (false). Suspends.
-- @tparam string host or "unix:/path", without a port
-- @tparam integer port
-- @tparam[opt] table opts
-- @treturn stream or nil, message, code
-- @raise misuse, cancelled
function net.connect(...)
  local host, port = ...
  args.host("connect", 1, ...)
  args.check(host ~= "*", "connect", 1, "'*' is for listen")
  if not is_path(host) then args.integer(0, 65535, "connect", 2, select(2, ...)) end
  local arg, opts = after_port(...)
  args.options(CONNECT, "connect", arg, opts)
  args.checkpoint("connect")
  if not needs_lookup(host) then return core.connect(host, port, opts) end
  local addresses, message, code = core.resolve(host)
  if not addresses then return nil, message, code end
  return race(addresses, port, opts, ("%s:%d"):format(host, port))
end

-- Listening ----------------------------------------------------------------------------------------------------------

-- A name's IPv4 address, if it has one: that is where most of those who know the name will come.
local function choose(addresses)
  for _, address in ipairs(addresses) do
    if not address:find(":", 1, true) then return address end
  end
  return addresses[1]
end

local function listen(host, port, opts)
  if needs_lookup(host) then
    local addresses, message, code = core.resolve(host)
    if not addresses then return nil, message, code end
    host = choose(addresses)
  end
  return core.listen(host, port, opts)
end

--- Listens. Port 0 is any free one: see `listener:address()`. Options: `backlog` (1024), `reuseaddr` (true),
-- `reuseport` (false), and for what is accepted `nodelay` (true), `keepalive` (false). Suspends only to look a name
-- up; the rest works outside a task.
-- @tparam string host "*" for every interface, or "unix:/path", without a port: its path is removed by close
-- @tparam integer port
-- @tparam[opt] table opts
-- @treturn listener or nil, message, code
-- @raise misuse, cancelled
function net.listen(...)
  local host, port = ...
  args.host("listen", 1, ...)
  if not is_path(host) then args.integer(0, 65535, "listen", 2, select(2, ...)) end
  local arg, opts = after_port(...)
  args.options(LISTEN, "listen", arg, opts)
  if needs_lookup(host) then args.checkpoint("listen") end
  return listen(host, port, opts)
end

-- Splits the options of serve: those of its own and those of listen.
local function split(opts)
  local own, of_listen = {}, {}
  for option, value in pairs(opts or {}) do
    (LISTEN[option] and of_listen or own)[option] = value
  end
  return own, of_listen
end

--- Listens, and runs `handler(stream)` as a task for every connection; its stream is closed when it returns or raises.
-- The server is a child of the innermost scope. Handlers are supervised: an error goes to on_error and stops nobody.
-- Options: `limit` of handlers at a time (others wait in the kernel's queue), `grace` of stop (default 5), and those
-- of listen.
-- @tparam string host
-- @tparam integer port
-- @tparam function handler
-- @tparam[opt] table opts
-- @treturn server or nil, message, code
-- @raise misuse, cancelled
function net.serve(...)
  local host, port = ...
  args.host("serve", 1, ...)
  if not is_path(host) then args.integer(0, 65535, "serve", 2, select(2, ...)) end
  local arg, handler, opts = after_port(...)
  args.callable("serve", arg, select(arg, ...))
  args.options(SERVE, "serve", arg + 1, opts)
  args.checkpoint("serve")
  local own, of_listen = split(opts)
  local listener, message, code = listen(host, port, of_listen)
  if not listener then return nil, message, code end
  return server.start(listener, handler, own)
end

return net
