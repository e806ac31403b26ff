-- A server with a limit: handlers that fail, that are cancelled when it is stopped; what it is connected to by.
local async, sweep = ...

local net, check = async.net, async.check
local told = {}
local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

local function handler(stream)
  local what = check(stream:read("l"))
  if what == "fail" then error("failed", 0) end
  check(stream:write("ready\n"))
  async.sleep(math.huge)
end

rt:run(function()
  local server = check(net.serve("127.0.0.1", 0, handler, { limit = 1, grace = 1 }))
  local first <close> = check(net.connect(server:address()))
  local second <close> = check(net.connect(server:address()))
  check(first:write("fail\n"))
  local nothing, _, code = first:read("l")
  sweep.expect(nothing, nil)
  sweep.expect(code, "eof")
  check(second:write("wait\n"))
  sweep.expect(check(second:read("l")), "ready")
  sweep.expect_text(tostring(server), "1 connection")
  sweep.expect(server:stop(), false)
end)
sweep.expect(told[1], "failed")
sweep.expect(#told, 1)
return true
