-- Where a call is made from. Every place is a function(env, body) that runs body once, there.
local async = require "asyncrt"
local core = require "asyncrt.core"
local helper = require "spec.helper"

local places = {}

function places.host(env, body)
  body()
end

function places.task(env, body)
  env.rt:run(body)
end

-- An event handler of the runtime's: outside any task, while the runtime runs.
function places.callback(env, body)
  env.on_error = body
  env.rt:spawn(error, "for the callback")
  env.rt:tick()
end

-- A coroutine of one's own.
function places.coroutine(env, body)
  env.rt:run(function() coroutine.wrap(body)() end)
end

-- One that is resumed by what Lua's own functions were.
function places.foreign_coroutine(env, body)
  env.rt:run(function() core.stock.wrap(body)() end)
end

function places.host_coroutine(env, body)
  coroutine.wrap(body)()
end

-- A function that Lua calls through C.
function places.comparator(env, body)
  env.rt:run(function()
    local called = false
    table.sort({ 2, 1 }, function(a, b)
      if not called then
        called = true
        body()
      end
      return a < b
    end)
  end)
end

local function finalise(body)
  setmetatable({}, { __gc = body })
  helper.collect()
end

function places.finaliser(env, body)
  env.rt:run(finalise, body)
end

function places.host_finaliser(env, body)
  finalise(body)
end

-- A task that is cancelled.
function places.cancelled(env, body)
  env.rt:run(async.scope, function(scope)
    scope:cancel()
    body()
  end)
end

-- What one call may touch: two runtimes, and handles that it asks for.
local Env = {}
Env.__index = Env

function places.new_env()
  local env = setmetatable({ made = {} }, Env)
  env.rt = async.runtime {
    clock = "virtual",
    on_error = function()
      local body = env.on_error
      env.on_error = nil
      if body then body() end
    end,
  }
  env.other = async.runtime { clock = "virtual", on_error = function() end }
  return env
end

-- Whatever was made in it: from last to first.
function Env:__close()
  self.rt:close()
  self.other:close()
  for i = #self.made, 1, -1 do self.made[i]:close() end
end

-- To be closed with the environment.
function Env:keep(handle)
  self.made[#self.made + 1] = handle
  return handle
end

-- What the function makes; it runs as a task of that runtime's (default: rt).
function Env:make(fn, rt)
  rt = rt or self.rt
  return rt:run(fn, self, rt)
end

return places
