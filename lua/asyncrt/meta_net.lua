---@meta
-- Types of async.net and of streams, for LuaLS. Nothing requires this file.

---@class asyncrt.module
local async = {}
async.net = {}

---@class asyncrt.stream
local Stream = {}

---@class asyncrt.listener
local Listener = {}

---@class asyncrt.server
local Server = {}

---@class asyncrt.connect.options
---@field nodelay? boolean default true
---@field keepalive? boolean default false

---@class asyncrt.listen.options: asyncrt.connect.options
---@field backlog? integer default 1024
---@field reuseaddr? boolean default true
---@field reuseport? boolean default false

---@class asyncrt.serve.options: asyncrt.listen.options
---@field limit? integer handlers at a time
---@field grace? number seconds that stop gives them, default 5

---Connects; suspends.
---@overload fun(path: string, opts?: asyncrt.connect.options): asyncrt.stream?, string?, string?
---@param host string a name, an address, or "unix:/path", which has no port
---@param port integer
---@param opts? asyncrt.connect.options
---@return asyncrt.stream? stream
---@return string? message
---@return string? code
function async.net.connect(host, port, opts) end

---Listens; port 0 is any free one.
---@overload fun(path: string, opts?: asyncrt.listen.options): asyncrt.listener?, string?, string?
---@param host string "*" for every interface
---@param port integer
---@param opts? asyncrt.listen.options
---@return asyncrt.listener? listener
---@return string? message
---@return string? code
function async.net.listen(host, port, opts) end

---Runs the handler as a supervised task for every connection; its stream is closed when it ends.
---@overload fun(path: string, handler: function, opts?: asyncrt.serve.options): asyncrt.server?, string?, string?
---@param host string
---@param port integer
---@param handler fun(stream: asyncrt.stream)
---@param opts? asyncrt.serve.options
---@return asyncrt.server? server
---@return string? message
---@return string? code
function async.net.serve(host, port, handler, opts) end

---Reads from one and writes to the other until the end; closes neither.
---@param from asyncrt.stream|table
---@param to asyncrt.stream|table
---@return integer? bytes
---@return string? message
---@return string? code
---@return integer? sent
function async.copy(from, to) end

-- Streams ----------------------------------------------------------------------------------------------------------

---Up to n bytes as soon as some are there, a line without ("l") or with its end ("L"), or all that comes ("a").
---@param format? integer|"l"|"L"|"a"
---@return string? data
---@return string? message "end of file" at the end
---@return string? code "eof" at the end
function Stream:read(format) end

---All n bytes; at the end of the stream what is left stays to be read.
---@param n integer
---@return string? data
---@return string? message
---@return string? code
function Stream:read_exactly(n) end

---The bytes before the separator, which is taken too; "full" if it does not come after at most max bytes.
---@param separator string
---@param max? integer bytes
---@return string? data
---@return string? message
---@return string? code
function Stream:read_until(separator, max) end

---@param format? integer|"l"|"L"
---@return fun(): string?
function Stream:lines(format) end

---Suspends until the kernel has all of it. Cut short after its first byte it breaks the sending side: later ones fail.
---@param ... string|number
---@return asyncrt.stream? stream itself, as of io's files
---@return string? message
---@return string? code
---@return integer? sent
function Stream:write(...) end

---Ends the sending side: the peer reads an end.
---@param side "send"
---@return boolean? ok
---@return string? message
---@return string? code
function Stream:shutdown(side) end

---In real time except on a virtual clock; what a write waits for its turn does not count.
---@param seconds? number for each call that suspends; nil: no limit
function Stream:settimeout(seconds) end

---For select: there is something to read, be it bytes, the end of the stream or an error. Takes nothing; gives true. A
---select that waits for it is the stream's one reader.
---@return asyncrt.readable
function Stream:readable() end

---@return string? host
---@return integer|string|nil port
---@return string? code
function Stream:peer() end

---@return string? host
---@return integer|string|nil port
---@return string? code
function Stream:address() end

---Wakes those who wait for it with closed.
function Stream:close() end

-- Listeners and servers --------------------------------------------------------------------------------------------

---@return asyncrt.stream? stream
---@return string? message
---@return string? code
function Listener:accept() end

---@return fun(): asyncrt.stream?
function Listener:accepts() end

---@return string? host
---@return integer|string|nil port
---@return string? code
function Listener:address() end

function Listener:close() end

---@return string host
---@return integer? port
function Server:address() end

---Accepts no more, waits for the handlers, cancels those that are not done in time.
---@param grace? number seconds
---@return boolean all_by_themselves
function Server:stop(grace) end

---Suspends until the server has ended.
function Server:wait() end

---Accepts no more and cancels the handlers; returns at once.
function Server:close() end
