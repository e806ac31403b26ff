-- Everything a task can wait for (support/primitives.lua), at every moment at which it can be woken, cancelled, closed,
-- or left alone by the one it waits for, under many seeds. What must come of it is what the contract says: raised means
-- that it did not happen, what took effect is returned, and a cancelled waiter passes its turn on.
local lu = require "luaunit"
local async = require "asyncrt"
local helper = require "spec.helper"
local primitives = require "spec.luaunit.support.primitives"

local SEEDS = os.getenv "FLAVOUR" == "asan" and 30 or 200

local begin_watch, end_watch
helper.watch(function(fn) begin_watch = fn end, function(fn) end_watch = fn end)

local runs = 0

-- Time goes on only when nothing is ready any more.
local function settle() async.sleep(1e-6) end

-- Who waits ----------------------------------------------------------------------------------------------------------

-- A task that waits, and what came of it.
local function start(p, s, around)
  local w = { p = p }
  local function body()
    local function wait() return p.wait(s, w) end
    local result = table.pack(pcall(around or wait, wait))
    if result[1] and p.finish and result[2] then p.finish(s, table.unpack(result, 2, result.n)) end
    w.result = result
    w.cut = not pcall(async.yield) -- does a cancel show at the next call?
  end
  w.task = async.try_spawn(body)
  return w
end

local function outcome(w)
  local result = w.result
  if not result then return w.task:status() == "cancelled" and "never ran" or "waiting" end
  local ok, first, message, code = table.unpack(result, 1, 4)
  if ok then return first == nil and message == "closed" and code == "closed" and "closed" or "done" end
  return type(first) == "table" and first.kind or first
end

local function expect(expected, w, answer)
  lu.assertEquals(outcome(w), expected)
  if expected ~= "done" then return end
  answer = answer or w.p.answer
  if not answer then return end
  lu.assertEquals(w.result.n - 1, answer.n or #answer)
  for i = 1, w.result.n - 1 do lu.assertEquals(w.result[i + 1], answer[i]) end
end

-- It went through in spite of a cancel, which shows at the next call.
local function expect_done_then_cut(w)
  expect("done", w)
  lu.assertTrue(w.cut)
end

local function start_settled(p, s)
  local w = start(p, s)
  settle()
  expect("waiting", w)
  return w
end

-- Nobody is left in its place: who comes next waits, and is woken.
local function expect_next_waits(p, s)
  local w = start_settled(p, s)
  p.wake(s, true)
  settle()
  expect("done", w)
end

-- What was not taken is there for the next one.
local function expect_not_lost(p, s)
  if p.forgets then return expect_next_waits(p, s) end
  local w = start(p, s)
  settle()
  expect("done", w)
end

-- Moments ------------------------------------------------------------------------------------------------------------

local moments = {}

-- Once more: of what serves one, nothing is left.
local function expect_spent(p, s)
  if p.stays then expect_not_lost(p, s) else expect_next_waits(p, s) end
end

function moments.woken_before(p, s)
  p.wake(s)
  settle()
  expect_not_lost(p, s)
  expect_spent(p, s)
end

function moments.woken_meanwhile(p, s)
  local w = start_settled(p, s)
  p.wake(s, true)
  settle()
  expect("done", w)
  lu.assertFalse(w.cut)
  expect_spent(p, s)
end

function moments.woken_while_it_comes(p, s)
  local w = start(p, s)
  p.wake(s)
  settle()
  if p.forgets and outcome(w) == "waiting" then
    p.wake(s, true)
    settle()
  end
  expect("done", w)
end

function moments.woken_after(p, s)
  local w = start_settled(p, s)
  p.wake(s, true)
  settle()
  expect("done", w)
  if p.stays then return end
  p.wake(s)
  settle()
  expect_not_lost(p, s)
end

function moments.cancelled(p, s)
  local w = start_settled(p, s)
  w.task:cancel()
  settle()
  expect("cancelled", w)
  expect_next_waits(p, s)
end

function moments.cancelled_then_woken_in_the_same_turn(p, s)
  local w = start_settled(p, s)
  w.task:cancel()
  p.wake(s, false)
  settle()
  expect("cancelled", w)
  expect_not_lost(p, s)
end

function moments.woken_then_cancelled_in_the_same_turn(p, s)
  local w = start_settled(p, s)
  p.wake(s, true)
  w.task:cancel()
  settle()
  if p.indirect and outcome(w) == "cancelled" then return expect_not_lost(p, s) end
  if outcome(w) == "done" and not w.cut then lu.assertTrue(p.alone) else expect_done_then_cut(w) end
  expect_spent(p, s)
end

function moments.cancelled_before_its_first_poll(p, s)
  local w = start(p, s)
  w.task:cancel()
  settle()
  expect("never ran", w)
  expect_next_waits(p, s)
end

function moments.cancelled_before_the_call(p, s)
  p.wake(s)
  settle()
  local w = start(p, s, function(wait)
    async.current():cancel()
    return wait()
  end)
  settle()
  expect("cancelled", w)
  expect_not_lost(p, s)
end

function moments.out_of_time(p, s)
  local w = start(p, s, function(wait) return async.try_timeout(1, wait) end)
  settle()
  expect("waiting", w)
  async.sleep(2)
  lu.assertEquals(w.result[2], false)
  expect_next_waits(p, s)
end

function moments.its_scope_fails(p, s)
  local w = start(p, s, function(wait)
    async.scope(function(scope)
      scope:spawn(wait)
      settle()
      settle()
      error("the scope's", 0)
    end)
  end)
  settle()
  settle()
  settle()
  expect("the scope's", w)
  expect_next_waits(p, s)
end

-- Two who wait.
local function start_two(p, s)
  return start_settled(p, s), start_settled(p, s)
end

function moments.the_first_of_two_is_cancelled(p, s)
  if p.alone then return end
  local first, second = start_two(p, s)
  first.task:cancel()
  p.wake(s, true)
  settle()
  expect("cancelled", first)
  expect("done", second)
end

function moments.the_second_of_two_is_cancelled(p, s)
  if p.alone or p.personal then return end
  local first, second = start_two(p, s)
  second.task:cancel()
  p.wake(s, true)
  settle()
  expect("done", first)
  expect("cancelled", second)
  expect_spent(p, s)
end

function moments.the_first_of_two_is_woken_and_then_cancelled(p, s)
  if p.alone or p.personal then return end
  local first, second = start_two(p, s)
  p.wake(s, true)
  first.task:cancel()
  settle()
  if not (p.indirect and outcome(first) == "cancelled") then expect_done_then_cut(first) end
  if p.stays or p.all then return expect("done", second) end
  expect("waiting", second)
  p.wake(s, true)
  settle()
  expect("done", second)
end

local closing = {}

function closing.closed(p, s)
  local w = start_settled(p, s)
  p.close(s)
  settle()
  expect("closed", w)
end

function closing.closed_before(p, s)
  p.close(s)
  local w = start(p, s)
  settle()
  expect("closed", w)
end

function closing.closed_then_cancelled_in_the_same_turn(p, s)
  local w = start_settled(p, s)
  p.close(s)
  w.task:cancel()
  settle()
  expect("closed", w)
  lu.assertTrue(w.cut)
end

function closing.cancelled_then_closed_in_the_same_turn(p, s)
  local w = start_settled(p, s)
  w.task:cancel()
  p.close(s)
  settle()
  expect("cancelled", w)
end

function closing.woken_then_closed_in_the_same_turn(p, s)
  local first, second = start_two(p, s)
  p.wake(s, true)
  p.close(s)
  settle()
  expect("done", first)
  expect("closed", second)
end

function closing.woken_and_closed_before(p, s)
  p.wake(s)
  p.close(s)
  if p.buffers then expect_not_lost(p, s) end
  local w = start(p, s)
  settle()
  expect("closed", w)
end

-- Messages to many: what each subscription was sent since it came is what it got, what it lost and what it holds.
local function conserve_broadcasts(random)
  local from, sent, listeners = async.broadcast(3), 0, {}
  local function listen(l)
    local last = 0
    while true do
      local v
      if random(3) == 1 then
        v = select(2, async.select(l.to, async.after(random(3))))
      else
        v = l.to:recv()
      end
      if v then
        lu.assertTrue(v > last, "out of order")
        last = v
        l.got = l.got + 1
      end
      if random(3) == 1 then async.sleep(random(3)) end
    end
  end
  for i = 1, 5 do
    local l = { to = from:subscribe(), first = sent, got = 0 }
    listeners[i] = l
    l.task = async.spawn(listen, l)
  end
  for _ = 1, 60 do
    sent = sent + 1
    from:send(sent)
    if random(2) == 1 then async.sleep(random(3)) end
    local l = listeners[random(5)]
    if random(3) == 1 then
      l.task:cancel()
      l.task = async.spawn(listen, l)
    end
  end
  for _, l in ipairs(listeners) do
    l.task:cancel()
    settle()
    lu.assertEquals(l.got + l.to:lost() + #l.to, sent - l.first)
  end
end

-- Tests --------------------------------------------------------------------------------------------------------------

TestPrimitives = {}

function TestPrimitives.setUp() begin_watch() end

function TestPrimitives.tearDown() end_watch() end

local function explore(p, play)
  for seed = 0, SEEDS do
    runs = runs + 1
    local rt <close> = async.runtime { clock = "virtual", seed = seed > 0 and seed or nil }
    local ok, err = xpcall(rt.run, async.traceback, rt, function()
      async.scope(function(scope)
        local s = p.new()
        settle()
        play(p, s)
        scope:cancel() -- those who still wait
      end)
    end)
    if not ok then error(("seed %d: %s"):format(seed, err), 0) end
  end
end

local function add_tests(p, name, play)
  name = ("test %s: %s"):format(p.name, (name:gsub("_", " ")))
  TestPrimitives[name] = function() explore(p, play) end
end

function TestPrimitives.test_messages_to_many_are_got_or_lost_or_held()
  for seed = 1, SEEDS do
    runs = runs + 1
    local state = seed
    local function random(n)
      state = state * 6364136223846793005 + 1442695040888963407
      return (state >> 33) % n + 1
    end
    local rt <close> = async.runtime { clock = "virtual", seed = seed }
    rt:run(conserve_broadcasts, random)
  end
end

for _, p in ipairs(primitives) do
  for name, play in pairs(moments) do add_tests(p, name, play) end
  for name, play in pairs(p.close and closing or {}) do add_tests(p, name, play) end
  for name, finish in pairs(p.ends or {}) do
    add_tests(p, "ended " .. name, function(_, s)
      local w = start_settled(p, s)
      local expected, answer = finish(s)
      settle()
      expect(expected, w, answer)
      if expected == "waiting" then
        w.task:cancel()
        settle()
      end
    end)
  end
end

local code = lu.LuaUnit.run()
print(("note: %d primitives, %d runs"):format(#primitives, runs))
os.exit(code, true)
