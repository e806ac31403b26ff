-- The driver that keeps its own list of descriptors, with more of them than it has room for at first.
local async, sweep = ...

local net, check = async.net, async.check
local rt <close> = async.runtime { clock = "virtual", driver = "poll", on_error = sweep.note }

rt:run(function()
  local listener <close> = check(net.listen("unix:" .. sweep.path))
  local streams = {}
  for i = 1, 9 do
    streams[2 * i - 1] = check(net.connect("unix:" .. sweep.path))
    streams[2 * i] = check(listener:accept())
  end
  local readers = {}
  for i, stream in ipairs(streams) do readers[i] = async.spawn(stream.read, stream, "l") end
  async.yield()
  for i, stream in ipairs(streams) do check(stream:write(i, "\n")) end
  for i = 1, #streams do
    sweep.expect(check(readers[i]:await()), tostring(i % 2 == 0 and i - 1 or i + 1))
  end
end)
return true
