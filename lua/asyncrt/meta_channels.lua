---@meta
-- Types of channels and of what select takes, for LuaLS. Nothing requires this file.

---@class asyncrt.channel also an iterator, and `#channel` is the number of messages it holds
---@overload fun(): ...
local Channel = {}

---Suspends until a receiver or the channel has the message.
---@param first any not nil
---@param ... any
---@return boolean? done nil: it is closed
---@return string? message
---@return string? code
function Channel:send(first, ...) end

---Suspends until there is a message.
---@return any first nil: it is closed, and nothing is left in it
---@return any ...
function Channel:recv() end

---Sends if that can be done at once.
---@param first any not nil
---@param ... any
---@return boolean? done
---@return string? message
---@return string? code "full", "closed"
function Channel:try_send(first, ...) end

---For select: sends if the case is taken.
---@param first any not nil
---@param ... any
---@return asyncrt.sending
function Channel:sending(first, ...) end

---Receives if that can be done at once.
---@return any first
---@return any ... nil, then a message and "empty" or "closed"
function Channel:try_recv() end

---What it holds is still delivered. Who waits to send gets closed.
function Channel:close() end

---@param new? string
---@return string? name
function Channel:name(new) end

---@class asyncrt.sending a message and its channel, for select

---@class asyncrt.readable a stream from which there is something to read, for select

---@class asyncrt.deadline for select

---@class asyncrt.subscription also an iterator, and `#subscription` is the number of messages it holds
---@overload fun(): ...
local Subscription = {}

---Suspends until there is a message; of a watch, its value if that has not been received yet.
---@return any first nil: it is closed, and nothing is left in it
---@return any ...
function Subscription:recv() end

---Receives if that can be done at once.
---@return any first
---@return any ... nil, then a message and "empty" or "closed"
function Subscription:try_recv() end

---@return integer messages that it was too slow for
function Subscription:lost() end

function Subscription:close() end

---@class asyncrt.broadcast
local Broadcast = {}

---To all who have subscribed; waits for nobody.
---@param first any not nil
---@param ... any
---@return boolean? done
---@return string? message
---@return string? code "closed"
function Broadcast:send(first, ...) end

---@return asyncrt.subscription subscription to what is sent from now on
function Broadcast:subscribe() end

---What was sent is still delivered.
function Broadcast:close() end

---@class asyncrt.watch
local Watch = {}

---@param value any not nil
---@return boolean? done
---@return string? message
---@return string? code "closed"
function Watch:set(value) end

---@return any value
function Watch:get() end

---@return asyncrt.subscription subscription to the value as it is, then to the latest after each change
function Watch:subscribe() end

function Watch:close() end
