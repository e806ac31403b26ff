-- Channels, select, broadcast and watch.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

local function pass(capacity)
  local ch, sum = async.channel(capacity), 0
  ch:name("numbers")
  async.scope(function(s)
    s:spawn(function()
      for i = 1, 20 do sweep.expect(ch:send(i), true) end
      for i = 1, 20 do sweep.expect(ch:send(i, "and", "more"), true) end
      for i = 1, 20 do sweep.expect(ch:send(i), true) end
      ch:close()
    end)
    for i in ch do sum = sum + i end
  end)
  sweep.expect(sum, 630)
  sweep.expect(select(3, ch:try_send(1)), "closed")
end

local function choose()
  local a, b, event = async.channel(), async.channel(1), async.event()
  local task = async.spawn(function()
    async.sleep(1)
    sweep.expect(a:send(sweep.numbers(50)), true)
    event:set()
    return "end"
  end)
  sweep.expect(select("#", async.select(a, b, task, async.after(9))), 51)
  sweep.expect((async.select(a, event)), 2)
  sweep.expect(select(2, async.select(a, task)), "end")
  sweep.expect((async.select { a, b:sending(1, 2), false }), 2)
  sweep.expect((async.select(a, b:sending(3), async.after(1))), 3)
  sweep.expect(select(3, async.select(a, b)), 2)
  local reader = async.spawn(async.select, a, b)
  sweep.expect(select(2, async.select(a:sending("x"), async.future())), true)
  sweep.expect(select(2, reader:await()), "x")
end

local function tell_many()
  local b <close> = async.broadcast(2)
  local one, two = b:subscribe(), b:subscribe()
  local reader = async.spawn(function() return one:recv() end)
  async.yield()
  for i = 1, 5 do b:send(i, i) end
  sweep.expect(reader:await(), 1)
  sweep.expect(two:lost(), 3)
  sweep.expect(two:recv(), 4)
  local w = async.watch("old")
  local seen = w:subscribe()
  w:set("new")
  sweep.expect(seen:recv(), "new")
end

rt:run(function()
  for _, capacity in ipairs { 0, 3, math.huge } do pass(capacity) end
  choose()
  tell_many()
end)
return true
