-- Select over connections and over something to read: what raises has taken nothing, and the next one gets it.
local async, sweep = ...

local net, check = async.net, async.check
local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

-- What the function gives, at the second try if there was no memory for the first.
local function insist(fn)
  local ok, first, second = pcall(fn)
  if ok then return first, second end
  if first ~= "not enough memory" then error(first, 0) end
  return fn()
end

local function accept_from(listener, client, select)
  local i, stream = insist(select)
  sweep.expect(i, 2)
  check(stream:write("to one\n"))
  sweep.expect(check(client:read("l")), "to one")
  stream:close()
  sweep.expect((async.select(listener, async.after(1))), 2) -- there is no other
end

local function connections()
  local listener <close> = check(net.listen("127.0.0.1", 0))
  local client = check(net.connect(listener:address()))
  accept_from(listener, client, function() return async.select(async.channel(), listener) end)
  client:close()
  local task = async.spawn(function()
    async.sleep(1)
    client = check(net.connect(listener:address()))
  end)
  local queued = async.try_spawn(async.select, async.future(), listener)
  async.sleep(0.5)
  queued:cancel()
  local i, stream = insist(function() return async.select(async.future(), listener, async.after(9)) end)
  sweep.expect(i, 2)
  stream:close()
  task:await()
  client:close()
end

local function bytes()
  local listener <close> = check(net.listen("127.0.0.1", 0))
  local client <close> = check(net.connect(listener:address()))
  local stream <close> = check(listener:accept())
  local ch = async.channel()
  async.spawn(function()
    async.sleep(1)
    check(client:write("once\n"))
  end)
  local i, is_there = insist(function() return async.select(ch, stream:readable(), async.after(9)) end)
  sweep.expect(i, 2)
  sweep.expect(is_there, true)
  sweep.expect((async.select { ch, stream:readable() }), 2)
  sweep.expect(check(stream:read("l")), "once")
  sweep.expect((async.select(stream:readable(), async.after(1))), 2)
  local task = async.spawn(async.select, stream:readable(), ch)
  async.sleep(1)
  stream:close()
  local _, nothing, _, code = task:await()
  sweep.expect(nothing, nil)
  sweep.expect(code, "closed")
end

rt:run(function()
  connections()
  bytes()
end)
return true
