-- The examples are run as their readers run them: each in a process of its own.
local lfs = require "lfs"
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local LUA = os.getenv("LUA") or "lua5.4"
local GUARD = 60 -- seconds until what hangs is killed
local SLOW = os.getenv("FLAVOUR") == "asan" and 20 or 1 -- times

-- Runs a script to its end. Returns all it wrote and its exit code.
local function run(script, arguments)
  local pipe = assert(io.popen(("exec timeout -s KILL %d %s %s %s 2>&1 </dev/null"):format(
    GUARD * SLOW, LUA, script, arguments or "")))
  local output = pipe:read("a")
  local _, _, code = pipe:close()
  return output, code
end

-- Processes that go on beside the test -------------------------------------------------------------------------------

local Process = {}
Process.__index = Process

-- In a session of its own, so that whatever it leaves behind can be found.
local function start(script, arguments)
  local command = ("exec setsid timeout -s KILL %d sh -c 'echo $PPID $$; exec %s %s %s' 2>&1 </dev/null"):format(
    GUARD * SLOW, LUA, script, arguments)
  local pipe = assert(io.popen(command))
  local session, pid = pipe:read("n", "n", "l")
  return setmetatable({ pipe = pipe, session = session, pid = pid, lines = {} }, Process)
end

-- The next line it writes, which the test waits for.
function Process:line()
  local line = self.pipe:read("l")
  self.lines[#self.lines + 1] = line
  return line
end

function Process:signal(name)
  os.execute(("kill -%s %d"):format(name, self.pid))
end

-- Whether it is gone within so many seconds. (What watches it would fail under the sanitiser of the watched.)
function Process:ends_within(seconds)
  return (os.execute(("LD_PRELOAD= timeout %d tail -s 0.02 --pid=%d -f /dev/null"):format(seconds * SLOW, self.pid)))
end

-- Ends it if it has not ended. Returns the rest of what it wrote, its exit code, and who is left of its session.
function Process:finish()
  if io.type(self.pipe) ~= "file" then return end
  os.execute(("kill -KILL %d 2>/dev/null"):format(self.pid))
  local rest = self.pipe:read("a")
  local _, _, code = self.pipe:close()
  local left = {}
  for name in lfs.dir("/proc") do
    local file = name:match("^%d+$") and io.open("/proc/" .. name .. "/stat")
    local stat = file and file:read("a")
    if file then file:close() end
    if stat and tonumber(stat:match("^.*%) %S+ %d+ %d+ (%d+)")) == self.session then left[#left + 1] = stat end
  end
  return rest, code, left
end

Process.__close = Process.finish

-- A server that says where it listens: the process, host and port.
local function start_server(script)
  local process = start(script, "0")
  local host, port = process:line():match("^listening on (%S+):(%d+)$")
  return process, host, math.tointeger(port)
end

-- The test's own side of a conversation, which is to take no longer than the guard.
local function talk(fn)
  return async.run(async.timeout, GUARD * SLOW, fn)
end

-- The examples ------------------------------------------------------------------------------------------------------

describe("game_loop", function()
  -- Lines that start with a time and a name, as name -> list of what follows.
  local function said(output)
    local by = setmetatable({}, { __index = function(t, name) t[name] = {} return t[name] end })
    for name, what in output:gmatch("%f[^\n\0] *%d+%.%d+ s  (%w+) +([^\n]*)") do table.insert(by[name], what) end
    return by
  end

  it("runs its scripts in game time, frame by frame, and ends", function()
    local output, code = run("examples/game_loop.lua")
    assert.equal(0, code, output)
    local by = said(output)
    assert.same({ "the boat leaves in 3 seconds", "the boat leaves with the player" }, by.ferryman)
    assert.same({ "the bell rings", "the bell rings", "the bell rings", "the gates open again",
                  "over: the thief is caught" }, by.alarm)
    assert.same({ "all quiet at the gate", "all quiet at the well",
                  "all quiet at the gate", "all quiet at the well", "goes off duty" }, by.guard)
    assert.matches("600 frames, 60 of them paused: 9.00 s of game time", output, 1, true)
    assert.matches("1000 villagers made %d%d%d%d%d steps, the windmill 4.5 turns, the philosopher thought", output)
  end)

  it("goes on when a script fails, and says which", function()
    local output = run("examples/game_loop.lua")
    assert.matches("a script failed, the game goes on: cook: examples/game_loop.lua:%d+: attempt to index", output)
  end)

  it("ends wherever its scripts are", function()
    local output, code = run("examples/game_loop.lua", "90") -- the boat has not left
    assert.equal(0, code, output)
    local by = said(output)
    assert.same({ "the boat leaves in 3 seconds" }, by.ferryman)
    assert.equal("goes off duty", by.guard[#by.guard])
    assert.matches("90 frames, 0 of them paused: 1.50 s of game time", output, 1, true)
  end)
end)

describe("mods", function()
  it("keeps its frames and gets rid of all mods", function()
    local output, code = run("examples/mods.lua", "30")
    assert.equal(0, code, output)
    assert.matches("30 frames with 14 mods", output, 1, true)
    assert.matches("told to stop: 0 are left", output, 1, true)
    local cancelled = 0
    for _ in output:gmatch("\n  [^\n]+ cancelled ") do cancelled = cancelled + 1 end
    assert.equal(11, cancelled)
    assert.matches("in __gc +failed +mod:1: mods have no finalisers", output)
    assert.matches("hostile pattern +done", output)
    assert.matches("%d+ gold was given, and counted right", output)
  end)
end)

describe("echo_server", function()
  it("gives every connection back what it sends", function()
    local server <close>, host, port = start_server("examples/echo_server.lua")
    talk(function()
      for i = 1, 3 do
        async.spawn(function()
          local conn <close> = async.check(async.net.connect(host, port))
          local sent = ("message %d "):format(i):rep(10000)
          async.check(conn:write(sent))
          conn:shutdown("send")
          assert.is_true(conn:read("a") == sent)
        end)
      end
    end)
    server:signal("INT")
    assert.is_true(server:ends_within(1))
    local rest = server:finish()
    assert.equal(3, select(2, rest:gsub("left, 100000 bytes echoed\n", "")), rest)
  end)

  it("ends within a second of an INT: its closers speak, lua says interrupted!, nobody is left", function()
    local server <close>, host, port = start_server("examples/echo_server.lua")
    talk(function()
      local conn <close> = async.check(async.net.connect(host, port))
      async.check(conn:write("hello"))
      assert.equal("hello", conn:read_exactly(5))
      server:signal("INT")
      assert.same({ nil, "end of file", "eof", n = 3 }, table.pack(conn:read("l")))
    end)
    assert.is_true(server:ends_within(1))
    local rest, code, left = server:finish()
    assert.matches("^127.0.0.1:%d+ joined\n127.0.0.1:%d+ left, 5 bytes echoed\ngoodbye\n%S+: interrupted!\n", rest)
    assert.equal(1, code)
    assert.same({}, left)
  end)

  it("ends at once when nobody is there", function()
    local server <close> = start_server("examples/echo_server.lua")
    server:signal("INT")
    assert.is_true(server:ends_within(1))
    local rest, code = server:finish()
    assert.matches("^goodbye\n%S+: interrupted!\n", rest)
    assert.equal(1, code)
  end)

  it("says why it cannot listen", function()
    local server <close>, _, port = start_server("examples/echo_server.lua")
    local output, code = run("examples/echo_server.lua", port)
    assert.matches(("listen 127.0.0.1:%d: Address already in use"):format(port), output, 1, true)
    assert.equal(1, code)
    server:signal("INT")
    assert.is_true(server:ends_within(1))
  end)
end)

describe("chat", function()
  -- Joins under that name; the first line is read.
  local function join(host, port, name)
    local conn = async.check(async.net.connect(host, port))
    assert.equal("your name? ", conn:read_exactly(11))
    async.check(conn:write(name, "\r\n"))
    return conn, conn:read("l")
  end

  it("relays what one says to the others, and tells who comes and goes", function()
    local server <close>, host, port = start_server("examples/chat.lua")
    talk(function()
      local ann <close>, welcome = join(host, port, "ann")
      assert.equal("* welcome, ann; here: ann", welcome)
      local bob <close>, bobs_welcome = join(host, port, "bob")
      assert.equal("* welcome, bob; here: ann, bob", bobs_welcome)
      assert.equal("* bob joined", ann:read("l"))
      async.check(ann:write("hi bob\n"))
      assert.equal("ann: hi bob", bob:read("l"))
      async.check(bob:write("hi ann\r\n/who\r\n"))
      assert.equal("bob: hi ann", ann:read("l"))
      assert.equal("* here: ann, bob", bob:read("l"))
      async.check(bob:write("/quit\n"))
      assert.equal("* bye", bob:read("l"))
      assert.is_nil(bob:read("l"))
      assert.equal("* bob left", ann:read("l"))
      ann:close()
    end)
    for _, line in ipairs { "* ann joined", "* bob joined", "* bob left", "* ann left" } do
      assert.equal(line, server:line())
    end
    server:signal("INT")
    assert.is_true(server:ends_within(1))
  end)

  it("lets nobody in under a name that is taken or none", function()
    local server <close>, host, port = start_server("examples/chat.lua")
    talk(function()
      local ann <close> = join(host, port, "ann")
      local other <close> = async.check(async.net.connect(host, port))
      local function answer(name, expected)
        async.check(other:write(name, "\n"))
        assert.equal(expected, other:read_exactly(#expected))
      end
      other:read_exactly(#"your name? ")
      answer("ann", "that name is taken, another? ")
      answer("a nn", "letters and digits only: ")
      answer("bob", "* welcome, bob; here: ann, bob\n")
      assert.equal("* bob joined", ann:read("l"))
    end)
    server:signal("INT")
    assert.is_true(server:ends_within(1))
  end)

  it("sends away who writes endless lines, and who does not read", function()
    local server <close>, host, port = start_server("examples/chat.lua")
    talk(function()
      local ann <close> = join(host, port, "ann")
      local _ <close> = join(host, port, "bob")
      local cat <close> = join(host, port, "cat")
      assert.equal("* bob joined", ann:read("l"))
      assert.equal("* cat joined", ann:read("l"))
      async.check(cat:write(("x"):rep(2000)))
      assert.equal("* cat left", ann:read("l"))
      async.scope(function(scope) -- bob reads nothing: what is for him fills the kernel's buffers, then his outbox
        scope:spawn(function()
          local line = ("x"):rep(900) .. "\n"
          while true do async.check(ann:write(line:rep(50))) end
        end)
        assert.equal("* bob left", ann:read("l"))
        scope:cancel()
      end)
    end)
    server:signal("INT")
    assert.is_true(server:ends_within(1))
  end)

  it("ends on an INT with members in the room", function()
    local server <close>, host, port = start_server("examples/chat.lua")
    talk(function()
      local ann <close> = join(host, port, "ann")
      server:signal("INT")
      assert.is_nil(ann:read("l"))
    end)
    assert.is_true(server:ends_within(1))
    local rest, code, left = server:finish()
    assert.matches("^%* ann joined\n%* ann left\n%S+: interrupted!\n", rest)
    assert.equal(1, code)
    assert.same({}, left)
  end)
end)

describe("tour", function()
  local output, code

  setup(function() output, code = run("examples/tour.lua") end)

  it("does all it says, and says so", function()
    assert.equal(0, code, output)
    assert.matches("\n7 of 7 done in %d+%.%d s\n$", output)
    local _, done = output:gsub("%f[^\n\0]done ", "")
    assert.equal(7, done, output)
    assert.matches("TCP clients at the same time +1,000 ", output)
    assert.matches("lines sent, echoed and compared +50,000 ", output)
    assert.matches("sleeping tasks, up to 1.5 s each +10,000 ", output)
    assert.matches("tasks cleaned up after one failed +100 .*raised: worker 50 failed\n", output)
    assert.matches("a wait of 60 s, given 0.2 s +1 .*raised: timeout\n", output)
  end)

  it("shows how far it is while it works", function()
    assert.matches("\r\27%[K *%d+%.%d s  %d[%d,]* tasks asleep\r", output)
    assert.matches("a scope of 100 tasks, one of which will fail\r", output, 1, true)
  end)
end)
