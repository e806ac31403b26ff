-- One to many. A subscription is a channel of its own that nobody waits for: of what its owner is too slow for, the
-- oldest goes. Forgotten subscriptions are collected.
local core = require "asyncrt.core"
local args = require "asyncrt.args"

local MOST = 2147483647

local weak = { __mode = "v" }

local function new_source(meta, capacity)
  return setmetatable({ capacity = capacity, subscriptions = setmetatable({}, weak), last = 0, closed = false }, meta)
end

-- The list without those who are gone. Allocates nothing, so that no finaliser comes in between.
local function close_up(self)
  local list, kept = self.subscriptions, 0
  for i = 1, self.last do
    local subscription = list[i]
    list[i] = nil
    if subscription then
      kept = kept + 1
      list[kept] = subscription
    end
  end
  self.last = kept
end

-- To each that is there, in the order in which they came.
local function publish(self, ...)
  local list, gone = self.subscriptions, 0
  for i = 1, self.last do
    local subscription = list[i]
    local open = subscription and core.publish(subscription, ...)
    if not open then
      list[i] = nil
      gone = gone + 1
    end
  end
  if gone > 0 then close_up(self) end
end

-- With a first message, if there is one.
local function subscribe(self, ...)
  local subscription = core.subscription(self.capacity)
  if select("#", ...) > 0 then core.publish(subscription, ...) end
  if self.closed then
    subscription:close()
  else
    self.last = self.last + 1
    self.subscriptions[self.last] = subscription
  end
  return subscription
end

local function close(self)
  self.closed = true
  for i = 1, self.last do
    local subscription = self.subscriptions[i]
    if subscription then subscription:close() end
  end
end

-- Broadcast ----------------------------------------------------------------------------------------------------------

local Broadcast = { __name = "asyncrt.broadcast" }
local broadcast_methods = {}
Broadcast.__index = broadcast_methods

--- A sender whose messages go to all who have subscribed. Does not suspend.
-- @tparam integer capacity how many messages a subscription keeps for its owner, at least 1
-- @return broadcast
-- @raise misuse
local function broadcast(...)
  args.integer(1, MOST, "broadcast", 1, ...)
  return new_source(Broadcast, math.tointeger((...)))
end

--- Sends to all who have subscribed, and waits for nobody.
-- @param first not nil
-- @return true, or nil, "closed", "closed"
-- @raise misuse
function broadcast_methods.send(...)
  args.object(Broadcast, "send", 1, ...)
  args.value("send", 2, select(2, ...))
  local self = ...
  if self.closed then return nil, "closed", "closed" end
  publish(self, select(2, ...))
  return true
end

--- A subscription: gets what is sent from now on.
-- @return subscription
function broadcast_methods.subscribe(...)
  args.object(Broadcast, "subscribe", 1, ...)
  return subscribe((...))
end

--- What was sent is still delivered.
function broadcast_methods.close(...)
  args.object(Broadcast, "close", 1, ...)
  close((...))
end

Broadcast.__close = broadcast_methods.close

function Broadcast.__tostring(...)
  args.object(Broadcast, "tostring", 1, ...)
  return (...).closed and "broadcast (closed)" or "broadcast"
end

-- Watch --------------------------------------------------------------------------------------------------------------

local Watch = { __name = "asyncrt.watch" }
local watch_methods = {}
Watch.__index = watch_methods

--- A value that changes, and who is interested learns of it. Does not suspend.
-- @param value the first; not nil
-- @return watch
-- @raise misuse
local function watch(...)
  args.value("watch", 1, ...)
  local self = new_source(Watch, 1)
  self.value = ...
  return self
end

--- Sets the value. Who has not seen the last one yet will not see it any more.
-- @param value not nil
-- @return true, or nil, "closed", "closed"
-- @raise misuse
function watch_methods.set(...)
  args.object(Watch, "set", 1, ...)
  args.value("set", 2, select(2, ...))
  local self, value = ...
  if self.closed then return nil, "closed", "closed" end
  self.value = value
  publish(self, value)
  return true
end

--- @return the value, also after close
function watch_methods.get(...)
  args.object(Watch, "get", 1, ...)
  return (...).value
end

--- A subscription: gives the value as it is, and then the latest after each change.
-- @return subscription
function watch_methods.subscribe(...)
  args.object(Watch, "subscribe", 1, ...)
  local self = ...
  return subscribe(self, self.value)
end

--- Who has not seen the value yet still will.
function watch_methods.close(...)
  args.object(Watch, "close", 1, ...)
  close((...))
end

Watch.__close = watch_methods.close

function Watch.__tostring(...)
  args.object(Watch, "tostring", 1, ...)
  return (...).closed and "watch (closed)" or "watch"
end

return { broadcast = broadcast, watch = watch }
