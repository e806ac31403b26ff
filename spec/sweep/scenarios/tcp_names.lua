-- Names, which are looked up on another thread; paths.
local async, sweep = ...

local net, check = async.net, async.check
local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  do
    local listener <close> = check(net.listen("localhost", 0))
    local _, port = listener:address()
    local stream <close> = check(net.connect("localhost", port))
    local other <close> = check(listener:accept())
    sweep.expect_text(tostring(stream), "127.0.0.1")
    sweep.expect(select(2, other:address()), port)
  end
  local nothing, _, code = net.connect(("x"):rep(300), 80) -- nobody is asked
  sweep.expect(nothing, nil)
  sweep.expect_text(code, "eai_")
  local listener <close> = check(net.listen("unix:" .. sweep.path))
  local stream <close> = check(net.connect("unix:" .. sweep.path))
  local other <close> = check(listener:accept())
  local copied = async.spawn(async.copy, other, other)
  check(stream:write("back"))
  check(stream:shutdown("send"))
  sweep.expect(check(stream:read_exactly(4)), "back")
  sweep.expect(copied:await(), 4)
end)
return true
