-- Channels and select under many schedules: whatever is cancelled or closed when, messages in = messages out + what is
-- left, what one gets from another is in order, and what a call says is what happened.
local lu = require "luaunit"
local async = require "asyncrt"

local SEEDS = 200

-- Runs main under every seed, on a virtual clock, with a generator of random numbers of its own.
local function explore(main)
  for seed = 1, SEEDS do
    local state = seed
    local function random(n)
      state = (state * 1103515245 + 12345) % 2147483648
      return state // 65536 % n + 1
    end
    local rt <close> = async.runtime { clock = "virtual", seed = seed }
    local ok, err = xpcall(rt.run, async.traceback, rt, main, random)
    if not ok then error(("seed %d: %s"):format(seed, err), 0) end
  end
end

local function settle()
  for _ = 1, 12 do async.yield() end
end

local CAPACITIES = { 0, 1, 3, math.huge }

TestChannels = {}

-- Conservation -----------------------------------------------------------------------------------------------------

-- Takes what is left, and compares what was sent with what came.
local function check_books(ch, books)
  for v, from in ch do books.note(v, from, "the end") end
  local last, seen = {}, {}
  for _, message in ipairs(books.got) do
    local pair = message.from .. " to " .. message.to
    lu.assertNil(seen[message.v], "a message came twice")
    seen[message.v] = true
    lu.assertTrue(message.v > (last[pair] or 0), "what one got from another came out of order")
    last[pair] = message.v
  end
  for v in pairs(books.sent) do lu.assertTrue(seen[v], "a message that was sent got lost") end
  for v in pairs(seen) do lu.assertTrue(books.sent[v], "a message came whose send was said to have failed") end
end

local function new_books()
  local books = { sent = {}, got = {}, last = 0 }
  function books.new() -- the next message
    books.last = books.last + 1
    return books.last
  end
  function books.note(v, from, to)
    books.got[#books.got + 1] = { v = v, from = from, to = to }
  end
  return books
end

local function sender(ch, books, name, random)
  while true do
    local v = books.new()
    local done
    local how = random(4)
    if how == 1 then
      done = ch:try_send(v, name)
    elseif how == 2 then
      done = select(2, async.select(async.after(0.2), ch:sending(v, name)))
    elseif how == 3 then -- both at once: a task never gets what it sends itself
      local i, first, from = async.select(ch, ch:sending(v, name))
      done = i == 2 and first
      if i == 1 and first then books.note(first, from, name) end
    else
      done = ch:send(v, name)
    end
    if done then books.sent[v] = true end
    if random(3) == 1 then async.sleep(random(3) / 10) end
  end
end

local function receiver(ch, books, me, random)
  while true do
    local v, name
    local how = random(3)
    if how == 1 then
      v, name = ch:try_recv()
    elseif how == 2 then
      v, name = select(2, async.select(async.channel(), false, ch, async.after(0.2)))
    else
      v, name = ch:recv()
    end
    if v then books.note(v, name, me) end
    if random(3) == 1 then async.sleep(random(3) / 10) end
  end
end

function TestChannels.test_messages_in_are_messages_out_and_what_is_left_under_random_cancels()
  explore(function(random)
    local ch, books = async.channel(CAPACITIES[random(#CAPACITIES)]), new_books()
    local tasks = {}
    local function start(i)
      if i % 2 == 0 then
        tasks[i] = async.spawn(sender, ch, books, books.new(), random)
      else
        tasks[i] = async.spawn(receiver, ch, books, books.new(), random)
      end
    end
    for i = 1, 8 do start(i) end
    for _ = 1, 40 do
      if random(2) == 1 then async.yield() else async.sleep(random(4) / 10) end
      local i = random(8)
      tasks[i]:cancel()
      start(i)
    end
    for i = 1, 8 do tasks[i]:cancel() end
    settle()
    ch:close()
    check_books(ch, books)
    lu.assertEquals(#ch, 0)
  end)
end

function TestChannels.test_a_close_at_any_moment_loses_nothing_that_was_sent()
  explore(function(random)
    local ch, books = async.channel(CAPACITIES[random(#CAPACITIES)]), new_books()
    local scope <close> = async.scope()
    for i = 1, 4 do
      scope:spawn(function()
        for _ = 1, 20 do
          local v = books.new()
          local done, message, code = ch:send(v, i)
          if not done then
            lu.assertEquals({ message, code }, { "closed", "closed" })
            return
          end
          books.sent[v] = true
          if random(5) == 1 then async.sleep(0.1) end
        end
      end)
    end
    for i = 1, 2 do
      scope:spawn(function()
        for v, name in ch do
          books.note(v, name, i)
          if random(5) == 1 then async.sleep(0.1) end
        end
      end)
    end
    for _ = 1, random(20) do async.yield() end
    ch:close()
    scope:close()
    check_books(ch, books)
  end)
end

function TestChannels.test_those_who_wait_are_served_in_order_under_every_schedule()
  explore(function(random)
    local ch, got, sent = async.channel(CAPACITIES[random(3)]), {}, {}
    local function run_in_order(n, fn) -- each waits before the next one comes
      for i = 1, n do
        async.spawn(fn, i)
        settle()
      end
    end
    run_in_order(5, function(i) got[i] = ch:recv() end)
    for i = 1, 5 do ch:send(i) end
    settle()
    lu.assertEquals(got, { 1, 2, 3, 4, 5 })
    run_in_order(5, function(i)
      ch:send(i)
      sent[#sent + 1] = i
    end)
    for i = 1, 5 do lu.assertEquals(ch:recv(), i) end
    settle()
    lu.assertEquals(#sent, 5)
  end)
end

-- Moments ------------------------------------------------------------------------------------------------------------

-- Every moment at which the other side, a cancel or a close can come, for a receiver and a sender. Each returns what
-- the task that waits must have got: "done", "cancelled", "closed", and whether the message changed hands.
local moments = {}

local sides = {
  receive = {
    wait = function(ch) return ch:recv() end,
    other = function(ch) return ch:send("message") end,
    serve = function(ch) return ch:try_send("message") end,
    left = function(ch) return ch:try_send("probe") == nil end, -- nobody waits any more
  },
  send = {
    wait = function(ch) return ch:send("message") end,
    other = function(ch) return ch:recv() end,
    serve = function(ch) return ch:try_recv() end,
    left = function(ch) return ch:try_recv() == nil end,
  },
}

-- The same as one of several cases, of which the others never come.
local function select_side(side, case)
  return {
    wait = function(ch)
      local never, idle = async.future(), async.channel()
      return select(2, async.select(idle, case(ch), never, idle:sending(1), async.after(math.huge)))
    end,
    other = side.other,
    serve = side.serve,
    left = side.left,
  }
end

sides.select_receive = select_side(sides.receive, function(ch) return ch end)
sides.select_send = select_side(sides.send, function(ch) return ch:sending("message") end)

-- A subscription, which keeps what nobody waits for.
local Broadcast = {}
Broadcast.__index = Broadcast

function Broadcast:close() self.from:close() end

local function broadcast()
  local from = async.broadcast(1)
  return setmetatable({ from = from, to = from:subscribe() }, Broadcast)
end

sides.subscribed = {
  make = broadcast,
  wait = function(b) return b.to:recv() end,
  other = function(b) return b.from:send("message") end,
  serve = function(b) return b.from:send("message") and not b.to:try_recv() or nil end,
  left = function(b) return not b.from:send("probe") or b.to:try_recv() == "probe" end,
}
sides.select_subscribed = select_side(sides.subscribed, function(b) return b.to end)
sides.select_subscribed.make = broadcast

-- The task under test, and what came of it.
local function start(side, ch)
  local result = {}
  local task = async.spawn(function()
    local ok, first, message = pcall(side.wait, ch)
    if not ok then
      result.is = async.is_cancelled(first) and "cancelled" or first
    else
      result.is = first and "done" or message
    end
    if ok then async.sleep(0) end -- where a cancel that came too late shows
  end)
  return task, result
end

function moments.served_before(side, ch)
  local other = async.spawn(side.other, ch)
  settle()
  local task, result = start(side, ch)
  task:await()
  lu.assertTrue(other:await() ~= nil)
  return result, "done"
end

function moments.served_meanwhile(side, ch)
  local task, result = start(side, ch)
  settle()
  lu.assertTrue(side.serve(ch) ~= nil)
  task:await()
  return result, "done"
end

function moments.served_after_a_cancel(side, ch)
  local task, result = start(side, ch)
  settle()
  task:cancel()
  lu.assertNil((side.serve(ch)))
  task:join()
  return result, "cancelled"
end

function moments.served_before_a_cancel_in_the_same_turn(side, ch)
  local task, result = start(side, ch)
  settle()
  lu.assertTrue(side.serve(ch) ~= nil)
  task:cancel()
  task:join()
  lu.assertEquals(task:status(), "cancelled")
  return result, "done"
end

function moments.cancelled_while_it_waits(side, ch)
  local task, result = start(side, ch)
  settle()
  task:cancel()
  task:join()
  return result, "cancelled"
end

function moments.cancelled_before_its_first_poll(side, ch)
  local task, result = start(side, ch)
  task:cancel()
  task:join()
  result.is = result.is or "never"
  return result, "never"
end

function moments.woken_for_nothing_then_cancelled(side, ch)
  local task, result = start(side, ch)
  settle()
  ch:close()
  task:cancel()
  task:join()
  return result, "closed"
end

function moments.closed_while_it_waits(side, ch)
  local task, result = start(side, ch)
  settle()
  ch:close()
  task:await()
  return result, "closed"
end

function moments.closed_before(side, ch)
  ch:close()
  local task, result = start(side, ch)
  task:await()
  return result, "closed"
end

function moments.cancelled_and_closed_in_the_same_turn(side, ch)
  local task, result = start(side, ch)
  settle()
  task:cancel()
  ch:close()
  task:join()
  return result, "cancelled"
end

function moments.its_scope_fails(side, ch)
  local result
  pcall(async.scope, function()
    local _
    _, result = start(side, ch)
    settle()
    error("the scope's")
  end)
  return result, "cancelled"
end

function moments.the_other_side_ends_without_a_word(side, ch)
  async.spawn(function() return ch end):await()
  local task, result = start(side, ch)
  settle()
  lu.assertEquals(task:status(), "waiting")
  task:cancel()
  task:join()
  return result, "cancelled"
end

for moment, play in pairs(moments) do
  for name, side in pairs(sides) do
    TestChannels["test_" .. name .. "_" .. moment] = function()
      explore(function()
        local ch = side.make and side.make() or async.channel()
        local result, expected = play(side, ch)
        lu.assertEquals(result.is, expected)
        lu.assertTrue(side.left(ch))
      end)
    end
  end
end

os.exit(lu.LuaUnit.run(), true)
