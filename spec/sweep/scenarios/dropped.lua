-- Streams that nobody closes are closed by the collector, or, where Lua had no memory to call the finaliser, with their
-- runtime.
local async, sweep = ...

local net, check = async.net, async.check

-- Finalisers are called on a stack that has to grow for them.
local function deep(n)
  if n == 0 then return collectgarbage() end
  return (deep(n - 1))
end

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  local function drop_streams(i)
    local listener = check(net.listen("127.0.0.1", 0))
    local host, port = listener:address()
    local ours = check(net.connect(host, port))
    local theirs = check(listener:accept())
    ours:settimeout(1)
    ours:read(1)
    check(theirs:write("bytes"))
    if i % 2 == 0 then check(ours:read(2)) end
  end
  for i = 1, 3 do
    drop_streams(i)
    async.spawn(deep, 3 * i):await()
  end
  async.sleep(1)
end)

return true
