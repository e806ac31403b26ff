-- A server and its client: every read format, a write larger than the kernel takes at once, the end of the stream.
local async, sweep = ...

local net, check = async.net, async.check
local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

local function echo(stream)
  for line in stream:lines() do
    check(stream:write(line, "\n"))
  end
end

rt:run(function()
  local server <close> = check(net.serve("127.0.0.1", 0, echo))
  local host, port = server:address()
  local stream <close> = check(net.connect(host, port))
  check(stream:write("one\ntwo\nthree\nfour;five\nsix\nseven\n"))
  sweep.expect(check(stream:read("l")), "one")
  sweep.expect(check(stream:read("L")), "two\n")
  sweep.expect(check(stream:read_exactly(6)), "three\n")
  sweep.expect(check(stream:read_until(";", 10)), "four")
  sweep.expect(#check(stream:read(2)), 2)
  sweep.expect(check(stream:read_until("\n", 10)), "ve")
  local long = ("x"):rep(300000)
  local writer = async.spawn(function()
    check(stream:write(long, "\n"))
    check(stream:shutdown("send"))
  end)
  sweep.expect(check(stream:read("l")), "six")
  local rest = check(stream:read("a"))
  sweep.expect(#rest, #"seven\n" + #long + 1)
  writer:await()
  local nothing, _, code = stream:read("l")
  sweep.expect(nothing, nil)
  sweep.expect(code, "eof")
  server:stop()
end)
return true
