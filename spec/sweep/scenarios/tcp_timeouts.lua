-- What waits for a peer is cut short: by the stream's timeout, by async.timeout, by a cancel, by close.
local async, sweep = ...

local net, check = async.net, async.check
local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  local listener <close> = check(net.listen("unix:" .. sweep.path)) -- the kernel takes less than on TCP
  local ours <close> = check(net.connect("unix:" .. sweep.path))
  local theirs <close> = check(listener:accept())
  ours:settimeout(1)
  local nothing, _, code = ours:read("l")
  sweep.expect(nothing, nil)
  sweep.expect(code, "timeout")
  nothing, _, code = ours:write(("x"):rep(1000000))
  sweep.expect(nothing, nil)
  sweep.expect(code, "timeout")
  sweep.expect(async.try_timeout(1, theirs.read_until, theirs, "y", 1000000), false)
  sweep.expect(async.try_timeout(1, listener.accept, listener), false)
  local reader = async.try_spawn(ours.read, ours, 1)
  async.sleep(0.5)
  reader:cancel()
  local ok, err = reader:join()
  sweep.expect(ok, false)
  sweep.expect_kind(err, "task_cancelled")
  local waiting = async.spawn(listener.accept, listener)
  async.sleep(1)
  listener:close()
  nothing, _, code = waiting:await()
  sweep.expect(nothing, nil)
  sweep.expect(code, "closed")
  local refusing = check(net.listen("127.0.0.1", 0))
  local host, port = refusing:address()
  refusing:close()
  nothing, _, code = net.connect(host, port)
  sweep.expect(nothing, nil)
  sweep.expect(code, "ECONNREFUSED")
end)
return true
