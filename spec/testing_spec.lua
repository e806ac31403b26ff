-- The test kit: what makes a test fail, what explore finds, and what holds under every seed.
local async = require "asyncrt"
local testing = require "asyncrt.testing"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local error_of = helper.error_of

local function nothing() end

-- Runs a body as testing.it hands it to busted.
local function run_it(body, opts)
  local run
  local function it(_, fn) run = fn end -- luacheck: ignore 431
  local text = "local testing, body, opts = ... ; testing.it('a name', body, opts)"
  local spec = assert(load(text, "=spec", "t", { it = it }))
  spec(testing, body, opts)
  run()
end

local function run_case(body, opts) testing.case(body, opts)() end

local function run_explore(body) testing.explore(body, { seeds = 2 }) end

local IN_TASK = "error that nobody took, in task %d+ %(failed%): planted"

local leaks = {} -- what makes a body fail: the pattern of the message, the body

leaks["a detached task that has not ended"] = { "leaked: a task has not ended: task %d+", function()
  async.detach(async.sleep, 3600)
  async.sleep(1)
end }

leaks["a detached task that has not begun"] = { "leaked: a task has not ended: task %d+", function()
  async.detach(nothing)
end }

leaks["a task below a detached one"] = { "leaked: .*leaked: a task has not ended: task %d+", function()
  async.detach(function() async.spawn(async.park) end)
  async.sleep(1)
end }

local kept

leaks["a file that is open"] = { "leaked: descriptor %d+ is still open", function()
  kept = io.open("/dev/null")
end }

leaks["a listener that is open"] = { "leaked: descriptor %d+ is still open", function()
  kept = async.check(async.net.listen("127.0.0.1", 0))
end }

leaks["a supervised task that failed"] = { IN_TASK .. ": planted\n.*spawned at", function()
  async.try_spawn(error, "planted: planted")
end }

leaks["a supervised task that failed, dropped"] = { IN_TASK, function()
  async.try_spawn(error, "planted")
  async.sleep(1)
  collectgarbage()
end }

leaks["a detached task that failed"] = { IN_TASK, function()
  async.detach(error, "planted")
  async.sleep(1)
end }

leaks["a future that was rejected"] = { "error that nobody took, in no task: planted", function()
  async.future():reject("planted")
end }

local runners = { it = run_it, case = run_case, explore = run_explore }

for name, run in pairs(runners) do
  describe("a body run by testing." .. name, function()
    after_each(function()
      if kept then kept:close() end
      kept = nil
      helper.collect()
    end)

    for what, leak in pairs(leaks) do
      it("fails for " .. what, function()
        assert.matches(leak[1], error_of(run, leak[2]))
      end)
    end

    it("is main on a virtual clock", function()
      local slept
      run(function()
        async.sleep(3600)
        slept = async.now()
      end)
      assert.equal(3600, slept)
    end)

    it("may return nothing, spawn, and leave garbage", function()
      run(function()
        async.spawn(async.sleep, 5)
        async.spawn_with({ daemon = true }, async.park)
        local task = async.try_spawn(error, "taken")
        assert(not task:join())
        local _ = async.net.listen("127.0.0.1", 0)
        _ = io.open("/dev/null")
      end)
    end)

    it("fails for what can never go on", function()
      assert.matches("deadlock: 1 task can never go on", tostring(error_of(run, async.park)))
    end)

    it("may not run in a task", function()
      local message = helper.run(function() return error_of(run, nothing) end)
      assert.matches(("'%s' called from inside a task or callback of a running runtime"):format(name), message)
    end)

    it("may not run in a callback of a runtime", function()
      local message
      local rt <close> = async.runtime { on_error = function() message = error_of(run, nothing) end }
      rt:run(function() async.detach(error, "for on_error") async.yield() end)
      assert.matches("called from inside a task or callback", message)
    end)
  end)
end

describe("testing.it and testing.case", function()
  it("pass the body's own error untouched", function()
    for _, run in ipairs { run_it, run_case } do
      local err = {}
      assert.equal(err, error_of(run, function() error(err) end))
      assert.equal("text", error_of(run, function() error("text", 0) end))
    end
  end)

  it("run under seeds if those are given", function()
    for _, run in ipairs { run_it, run_case } do
      local n = 0
      run(function() n = n + 1 end, { seeds = 7 })
      assert.equal(7, n)
      assert.matches("^seed 30 fails: planted", error_of(run, function() error("planted", 0) end, { first = 30 }))
    end
  end)

  it("tell what else there was when the body fails", function()
    local output = helper.child [[
      local async, testing = require "asyncrt", require "asyncrt.testing"
      print(pcall(testing.case(function()
        async.try_spawn(error, "one")
        async.yield()
        error("other", 0)
      end)))]]
    assert.matches("asyncrt: error that nobody took, in task %d+ %(failed%): one", output)
    assert.matches("false\tother", output)
  end)

  it("do not blame a test for what others dropped before", function()
    local output = helper.child [[
      local async, testing = require "asyncrt", require "asyncrt.testing"
      io.stdout:setvbuf "no"
      async.run(function() async.future():reject("dropped before") end)
      testing.case(print)("ran")
      async.run(function() async.future():reject("dropped again") end)
      print(testing.explore(print, { seeds = 1 }))]]
    assert.equal("asyncrt: error that nobody took, in no task: dropped before\nran\n" ..
      "asyncrt: error that nobody took, in no task: dropped again\n\n1\n", output)
  end)

  it("give the method's arguments to a case", function()
    local got
    testing.case(function(...) got = table.pack(...) end)("self", nil, 3)
    assert.same({ "self", nil, 3, n = 3 }, got)
  end)

  -- No global is named here: the environment is found further up.
  local ran = {}
  describe("as busted has them", function() testing.it("runs", function() ran.it = true end) end)
  testing.it("is named in this file", function()
    async.sleep(1e6)
    assert.is_true(ran.it)
  end)
end)

describe("misuse of the test kit", function()
  local function message_of(text, env)
    env = setmetatable({ testing = testing, f = nothing, it = nothing }, { __index = env or _G })
    return error_of(assert(load(text, "=spec", "t", env)))
  end

  for call, problem in pairs {
    ["testing.it()"] = "bad argument #1 to 'it' (string expected, got no value)",
    ["testing.it('a')"] = "bad argument #2 to 'it' (function expected, got no value)",
    ["testing.it('a', f, 1)"] = "bad argument #3 to 'it' (table expected, got number)",
    ["testing.it('a', f, {seed = 1})"] = "bad argument #3 to 'it' (unknown option 'seed')",
    ["testing.case({})"] = "bad argument #1 to 'case' (function expected, got table)",
    ["testing.case(f, true)"] = "bad argument #2 to 'case' (table expected, got boolean)",
    ["testing.explore(nil)"] = "bad argument #1 to 'explore' (function expected, got nil)",
    ["testing.explore(f, {seeds = 0})"] = "bad argument #2 to 'explore' (field 'seeds' must be a positive integer)",
    ["testing.explore(f, {seeds = '9'})"] = "bad argument #2 to 'explore' (field 'seeds' must be a positive integer)",
    ["testing.explore(f, {first = 1.5})"] = "bad argument #2 to 'explore' (field 'first' must be a whole number)",
  } do
    it("raises at its place: " .. call, function() assert.equal("spec:1: " .. problem, message_of(call)) end)
  end

  it("raises where there is no busted", function()
    local output = helper.child [[print(pcall(require "asyncrt.testing".it, "a name", print))]]
    assert.matches("'it' called where no global 'it' is", output)
  end)
end)

describe("testing.explore", function()
  it("returns how many schedules it ran, each with its seed", function()
    local n = 0
    local function count() n = n + 1 end
    assert.equal(200, testing.explore(count))
    assert.equal(3, testing.explore(count, { first = -1, seeds = 3.0 }))
    assert.equal(203, n)
  end)

  it("runs the one schedule that the environment names", function()
    local output = helper.child([[
      local n = 0
      print(require "asyncrt.testing".explore(function() n = n + 1 end, { first = 3, seeds = 50 }), n)
      print(pcall(require "asyncrt.testing".explore, error))]], nil, "ASYNCRT_SEED=41")
    assert.matches("^1\t1\nfalse\tseed 41 fails: nil", output)
  end)

  it("says how to replay, with the story", function()
    local function fails() async.spawn(error, "planted: planted") end
    local message = error_of(testing.explore, fails, { first = 9 })
    assert.matches("^seed 9 fails: planted: planted\n.*in task %d+, spawned at .*testing_spec", message)
    assert.matches("\nto replay: ASYNCRT_SEED=9, or the options {first = 9, seeds = 1}$", message)
  end)

  local function finds(program)
    it("finds: " .. program.name, function()
      testing.case(program.wrong)() -- not seen without
      local message = error_of(testing.explore, program.wrong)
      local seed, problem = message:match("^seed (%d+) fails: ([^\n]*)")
      local again = error_of(testing.explore, program.wrong, { first = tonumber(seed), seeds = 1 })
      assert.equal(problem, again:match("^seed " .. seed .. " fails: ([^\n]*)"))
      if tonumber(seed) > 1 then
        assert.equal(seed - 1, testing.explore(program.wrong, { seeds = math.tointeger(seed) - 1 }))
      end
    end)

    it("finds nothing in the right program: " .. program.name, function()
      testing.case(program.right)()
      assert.equal(200, testing.explore(program.right))
    end)
  end

  for _, program in ipairs(require "spec.orderings") do finds(program) end
  for _, program in ipairs(require "spec.switches") do finds(program) end

  it("replays from the environment, in another process", function()
    local script = [[
      local program = require "spec.orderings"[1]
      print(pcall(require "asyncrt.testing".explore, program.wrong))]]
    local seed = helper.child(script):match("false\tseed (%d+) fails: .*ASYNCRT_SEED=%1,")
    assert.is_truthy(seed)
    assert.matches("false\tseed " .. seed .. " fails: ", (helper.child(script, nil, "ASYNCRT_SEED=" .. seed)))
  end)
end)

-- Twelve tasks that use each other's channel, lock, deadlines and turns.
local function twelve(trace)
  local ch, lock = async.channel(2), async.mutex()
  local function note(...)
    trace[#trace + 1] = table.concat({ ... }, " ")
    async.yield()
  end
  async.scope(function()
    for i = 1, 3 do
      async.spawn(function()
        for k = 1, 3 do note("sent", i, k, tostring(ch:send(i * 10 + k))) end
      end)
      async.spawn(function()
        for _ = 1, 3 do note("got", i, (ch:recv())) end
      end)
      async.spawn(function()
        local _ <close> = lock:lock()
        note("locked", i)
      end)
      async.spawn(function()
        async.sleep(1)
        note("slept", i, (async.select(async.after(0), async.after(0))))
      end)
    end
  end)
end

local function trace_of(seed)
  local trace = {}
  local rt <close> = async.runtime { clock = "virtual", seed = seed }
  rt:run(twelve, trace)
  return table.concat(trace, "\n")
end

describe("a seed", function()
  it("gives the same trace twice", function()
    for seed = 1, 200 do assert.equal(trace_of(seed), trace_of(seed)) end
  end)

  it("gives mostly traces that no other gives", function()
    local seen, n = {}, 0
    for seed = 1, 200 do
      local trace = trace_of(seed)
      if not seen[trace] then n = n + 1 end
      seen[trace] = true
    end
    assert.is_true(n >= 150, n .. " traces")
  end)
end)

describe("under every seed", function()
  local ALL = { seeds = 200 }

  testing.it("messages of a channel come in the order of their sends", function()
    for _, capacity in ipairs { 0, 1, 5, math.huge } do
      local ch, sent, got = async.channel(capacity), 0, {}
      async.scope(function()
        for _ = 1, 3 do
          async.spawn(function()
            for _ = 1, 4 do
              sent = sent + 1
              ch:send(sent) -- asked for in this order, as nothing runs in between
              async.yield()
            end
          end)
        end
        async.spawn(function()
          for _ = 1, 12 do got[#got + 1] = ch:recv() end
        end)
      end)
      for i = 1, 12 do assert.equal(i, got[i]) end
    end
  end, ALL)

  testing.it("who waits longest for a channel gets the first message", function()
    local ch, order, got = async.channel(), 0, {}
    async.scope(function()
      for _ = 1, 6 do
        async.spawn(function()
          async.yield()
          order = order + 1
          local place = order
          got[place] = ch:recv()
        end)
      end
      async.sleep(1)
      for i = 1, 6 do ch:send(i) end
    end)
    assert.same({ 1, 2, 3, 4, 5, 6 }, got)
  end, ALL)

  testing.it("locks and permits are had in the order of asking", function()
    for _, lock in ipairs { async.mutex(), async.semaphore(1) } do
      local acquire = lock.lock or lock.acquire
      local asked, had = {}, {}
      async.scope(function()
        for i = 1, 6 do
          async.spawn(function()
            async.yield()
            asked[#asked + 1] = i
            local _ <close> = acquire(lock)
            had[#had + 1] = i
            async.yield()
          end)
        end
      end)
      assert.same(asked, had)
    end
  end, ALL)

  testing.it("sleepers wake in the order of their deadlines", function()
    local woken = {}
    async.scope(function()
      for _, i in ipairs { 5, 2, 6, 1, 4, 3 } do
        async.spawn(function()
          async.yield()
          async.sleep_until(i * 1e-9)
          woken[#woken + 1] = i
        end)
      end
    end)
    assert.same({ 1, 2, 3, 4, 5, 6 }, woken)
  end, ALL)

  testing.it("siblings are first polled in the order of their spawns", function()
    local begun = {}
    async.scope(function()
      for i = 1, 12 do
        async.spawn(function()
          begun[#begun + 1] = i
          async.yield()
        end)
        if i % 5 == 0 then async.yield() end
      end
    end)
    for i = 1, 12 do assert.equal(i, begun[i]) end
  end, ALL)
end)
