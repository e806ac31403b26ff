-- SIGINT under the plain interpreter. Each test starts a script, waits for its "ready", interrupts it once, and reads
-- on to its end. One that does not end within the limit is killed, which fails the test.
local helper = require "spec.helper"
helper.watch(setup, teardown)

local LIMIT = os.getenv("FLAVOUR") == "asan" and 10 or 1 -- seconds; the leak check takes its time at the end

local PRELUDE = [[
local async = require "asyncrt"
local function defer(fn) return setmetatable({}, { __close = fn }) end
local function ready()
  print "ready"
  io.stdout:flush()
end
]]

local function kill_later(pid, path)
  os.execute(([[(sleep %d; grep -q %s /proc/%d/cmdline && kill -KILL %d) </dev/null >/dev/null 2>&1 &]]):format(
    LIMIT, path, pid, pid))
end

-- What the script wrote after "ready", to both channels, and its exit code (above 128: the signal that ended it).
local function interrupt(script)
  local file <close> = helper.temporary(PRELUDE .. script)
  local lua = os.getenv("LUA") or "lua5.4"
  local pipe = assert(io.popen(("echo $$; exec %s %s 2>&1 </dev/null"):format(lua, file.name)))
  local pid = tonumber(pipe:read("l"))
  assert.equal("ready", pipe:read("l"))
  os.execute("kill -INT " .. pid)
  kill_later(pid, file.name)
  local output = pipe:read("a")
  local _, how, code = pipe:close()
  return output, how == "signal" and 128 + code or code
end

local function assert_interrupted(script, printed)
  local output, code = interrupt(script)
  assert.equal(printed, output:sub(1, #printed))
  assert.truthy(output:sub(#printed + 1):find("^[^\n]*lua[%w.]*: interrupted!\n"), output)
  assert.equal(1, code)
end

describe("an interrupt", function()
  it("ends a run that sleeps, and its closers run", function()
    assert_interrupted([[
      async.run(function()
        local _ <close> = defer(function(_, err) print("main closed", err.reason) end)
        async.spawn(function()
          local _ <close> = defer(function()
            async.shield(async.sleep, 0.001)
            print "child closed"
          end)
          async.sleep(1000)
        end)
        async.yield()
        ready()
        async.sleep(1000)
      end)
    ]], "main closed\tinterrupted\nchild closed\n")
  end)

  it("ends a run that spins in a ring of yields", function()
    assert_interrupted([[
      async.run(function()
        local _ <close> = defer(function() print "closed" end)
        for _ = 1, 10 do
          async.spawn(function() while true do async.yield() end end)
        end
        async.yield()
        ready()
        while true do async.yield() end
      end)
    ]], "closed\n")
  end)

  it("ends a run whose tasks pass on to each other without a pause", function()
    assert_interrupted([[
      async.run(function()
        local _ <close> = defer(function() print "closed" end)
        local wakers = {}
        local function relay(i)
          wakers[i] = async.waker()
          while true do
            async.park()
            wakers[i % 3 + 1]:wake()
          end
        end
        for i = 1, 3 do async.spawn(relay, i) end
        async.yield()
        wakers[1]:wake()
        ready()
        async.park()
      end)
    ]], "closed\n")
  end)

  it("ends a run that waits for ever, where deadlocks are not looked for", function()
    assert_interrupted([[
      local rt <close> = async.runtime { deadlock = false }
      rt:run(function()
        local _ <close> = defer(function() print "closed" end)
        ready()
        async.park()
      end)
    ]], "closed\n")
  end)

  it("ends a run on the poll driver", function()
    assert_interrupted([[
      local rt <close> = async.runtime { driver = "poll" }
      rt:run(function()
        local _ <close> = defer(function() print "closed" end)
        ready()
        async.sleep(1000)
      end)
    ]], "closed\n")
  end)

  it("ends a server", function()
    assert_interrupted([[
      async.run(function()
        local server <close> = async.check(async.net.serve("127.0.0.1", 0, print))
        local _ <close> = defer(function() print "closed" end)
        ready()
        server:wait()
      end)
    ]], "closed\n")
  end)

  it("ends the run, not a task, where it comes while coroutines are made", function()
    local output, code = helper.child [[
      local async = require "asyncrt"
      local pid = io.open("/proc/self/stat"):read("n")
      async.run(function()
        local _ <close> = setmetatable({}, { __close = function() print "closed" end })
        io.popen("kill -INT " .. pid):close()
        local tasks = {}
        for i = 1, 100 do tasks[i] = async.try_spawn(async.sleep, 60) end
        for _, task in ipairs(tasks) do
          local ok, err = task:join()
          if not ok and not async.is_cancelled(err) then print("a task failed", err) end
        end
      end)
    ]]
    assert.matches("^closed\n[^\n]*lua[%w.]*: interrupted!\n", output)
    assert.equal(1, code)
  end)

  it("can be caught around run, and the runtime runs on", function()
    local output, code = interrupt [[
      local rt <close> = async.runtime()
      local ok, err = pcall(rt.run, rt, function()
        ready()
        async.sleep(1000)
      end)
      print(ok, err)
      print(rt:run(function() async.sleep(0.001) return "again" end))
    ]]
    assert.equal("false\tinterrupted!\nagain\n", output)
    assert.equal(0, code)
  end)

  it("leaves the runtime's own tasks alone until it is closed", function()
    local output, code = interrupt [[
      local rt = async.runtime()
      local task = rt:spawn(function()
        local _ <close> = defer(function(_, err) print(err.reason) end)
        async.sleep(1000)
      end)
      print(pcall(rt.run, rt, function()
        ready()
        async.sleep(1000)
      end))
      print(task:status())
      rt:close()
    ]]
    assert.equal("false\tinterrupted!\nwaiting\nruntime closed\n", output)
    assert.equal(0, code)
  end)
end)
