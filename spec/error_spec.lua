local async = require "asyncrt"
local core = require "asyncrt.core"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, try_run, defer, here, error_of = helper.run, helper.try_run, helper.defer, helper.here, helper.error_of

local UNPRINTABLE = setmetatable({}, { __tostring = function() error "no words" end })
local odd_values = {
  none = table.pack(), ["nil"] = table.pack(nil), number = table.pack(0 / 0), string = table.pack("cancelled"),
  boolean = table.pack(true), ["function"] = table.pack(print), thread = table.pack(coroutine.create(print)),
  userdata = table.pack(io.stdout), table = table.pack({}),
  lookalike = table.pack({ kind = "cancelled", message = "timeout" }),
  trap = table.pack(setmetatable({}, { __index = function() error "touched" end, __eq = function() return true end })),
  unprintable = table.pack(UNPRINTABLE),
}

-- Asserts that the texts stand in that order in the text.
local function assert_in_order(text, ...)
  local from = 1
  for _, part in ipairs { ... } do
    local first, last = text:find(part, from, true)
    assert(first, ("no %q (any more) in:\n%s"):format(part, text))
    from = last + 1
  end
end

describe("is_cancelled and is_timeout", function()
  it("know our errors by kind", function()
    run(function()
      local timeout = error_of(async.timeout, 0, async.yield)
      local cancelled
      async.scope(function(s)
        s:cancel()
        cancelled = error_of(async.yield)
      end)
      local task = async.spawn(async.park)
      task:cancel()
      local task_cancelled = error_of(task.await, task)
      local io_error = error_of(async.check, nil, "x", "EIO")
      local function answers(err) return { async.is_cancelled(err), async.is_timeout(err) } end
      assert.same({ true, false }, answers(cancelled))
      assert.same({ false, true }, answers(timeout))
      assert.same({ false, false }, answers(task_cancelled))
      assert.same({ false, false }, answers(io_error))
    end)
  end)

  for name, values in pairs(odd_values) do
    it("are false for " .. name, function()
      assert.is_false(async.is_cancelled(table.unpack(values, 1, values.n)))
      assert.is_false(async.is_timeout(table.unpack(values, 1, values.n)))
    end)
  end
end)

describe("check", function()
  it("returns all it is given if the first is true", function()
    assert.same({ 1, nil, "x", n = 3 }, table.pack(async.check(1, nil, "x")))
    assert.same({ true, n = 1 }, table.pack(async.check(true)))
    assert.same({ 0, n = 1 }, table.pack(async.check(0)))
  end)

  it("raises an error of kind io with message and code if not", function()
    local err = error_of(async.check, nil, "x.lua: No such file or directory", "ENOENT")
    assert.same({ "io", "x.lua: No such file or directory", "ENOENT", "x.lua: No such file or directory" },
      { err.kind, err.message, err.code, tostring(err) })
    err = error_of(async.check, false, "closed", "closed")
    assert.same({ "io", "closed", "closed" }, { err.kind, err.message, err.code })
  end)

  it("makes do with less", function()
    assert.same({ "operation failed" }, { error_of(async.check, nil).message })
    assert.same({ "EIO", "EIO" }, { error_of(async.check, nil, nil, "EIO").message,
      error_of(async.check, nil, nil, "EIO").code })
    assert.equal("12", error_of(async.check, nil, 12).message)
    assert.truthy(error_of(async.check, nil, {}).message:find("^table: "))
    assert.equal(here(1) .. ": bad argument #1 to 'check' (value expected)",
      error_of(function() async.check() end))
  end)

  it("fits functions that answer with three values", function()
    assert.equal("ENOTSUP", error_of(function()
      local rt <close> = async.runtime { driver = "poll" }
      async.check(rt:fileno())
    end).code)
  end)
end)

describe("an error of ours", function()
  it("has the fields it has, and no others", function()
    run(function()
      local err = error_of(async.timeout, 0, async.yield)
      local fields = {}
      for k in pairs(err) do fields[#fields + 1] = tostring(k) end
      table.sort(fields)
      assert.same({ "kind", "message" }, fields)
      assert.is_nil(err.suppressed)
      assert.is_nil(err.reason)
      assert.is_nil(err.anything)
      assert.is_nil(err[1])
      assert.equal("string", type(err.traceback))
    end)
  end)

  it("can carry what a script adds", function()
    local err = error_of(async.check, nil, "x")
    err.request = 7
    assert.equal(7, err.request)
  end)

  it("has its text for a traceback where no story was taken", function()
    assert.equal("x", error_of(async.check, nil, "x").traceback)
  end)

  it("is a string where strings are wanted", function()
    local err = error_of(async.check, nil, "text")
    err.message = 12
    assert.equal("12", tostring(err))
    err.message = nil
    assert.equal("nil", tostring(err))
  end)
end)

describe("the story of an error", function()
  local function story_of(main, ...)
    local _, ok, err = try_run(main, ...)
    assert.is_false(ok)
    return async.traceback(err), err
  end

  it("names the throw and every task it went through, with the spawns and the awaits", function()
    local lines = {}
    local function fail()
      lines.throw = here(1)
      error("boom")
    end
    local function middle()
      lines.spawn_low = here(1)
      local task = async.spawn_with({ name = "low" }, fail)
      lines.await_low = here(1)
      task:await()
      return "no tail call"
    end
    local text = story_of(function()
      lines.spawn_middle = here(1)
      local task = async.try_spawn(middle)
      lines.await_middle = here(1)
      task:await()
      return "no tail call"
    end)
    assert_in_order(text, lines.throw .. ": boom", lines.throw .. ": in function",
      "'low', spawned at " .. lines.spawn_low, lines.await_low .. ": in function",
      "spawned at " .. lines.spawn_middle, lines.await_middle .. ": in function")
  end)

  it("is told of tables and other values as well", function()
    for _, value in ipairs { { "a table" }, setmetatable({}, { __tostring = function() return "in words" end }), 12,
                             false, print } do
      local thrown_at
      local text = story_of(function()
        local task = async.spawn(function()
          thrown_at = here(1)
          error(value, 0)
        end)
        task:await()
        return "no tail call"
      end)
      assert_in_order(text, tostring(value), thrown_at)
    end
  end)

  it("is the traceback of an error of ours", function()
    local raised_at
    local text, err = story_of(function()
      raised_at = here(1)
      async.check(nil, "no such file", "ENOENT")
      return "no tail call"
    end)
    assert.equal(text, err.traceback)
    assert_in_order(text, "no such file", raised_at)
  end)

  it("goes on where an error is caught and raised again", function()
    local thrown_at
    local text = story_of(function()
      local task = async.try_spawn(function()
        thrown_at = here(1)
        error({ "table" })
      end)
      local ok, err = task:join()
      assert.is_false(ok)
      error(err, 0)
    end)
    assert_in_order(text, thrown_at, "in task", "in task")
  end)

  it("is of the latest throw where the same string is raised again", function()
    local function thrower() error("same", 0) end
    story_of(function() thrower() return 1 end)
    local raised_at
    local text = story_of(function()
      raised_at = here(1)
      error("same", 0)
    end)
    assert_in_order(text, raised_at)
    assert.is_nil(text:find("thrower", 1, true))
  end)

  it("does not grow for ever for an error that is raised again and again", function()
    local constant = {}
    run(function()
      for _ = 1, 1000 do async.try_spawn(error, constant):join() end
    end)
    assert.is_true(#async.traceback(constant) < 10000)
  end)

  it("keeps no error alive", function()
    local gone = setmetatable({}, { __mode = "k" })
    pcall(run, function()
      local err = {}
      gone[err] = true
      error(err)
    end)
    helper.collect()
    assert.is_nil(next(gone))
  end)

  it("survives an error that cannot be put into words", function()
    local text = story_of(error, UNPRINTABLE)
    assert_in_order(text, "(error object is a table value)")
  end)
end)

describe("traceback", function()
  it("is a handler for xpcall around run", function()
    local thrown_at
    local ok, text = xpcall(async.run, async.traceback, function()
      async.spawn(function()
        thrown_at = here(1)
        error("boom")
      end)
    end)
    assert.is_false(ok)
    assert_in_order(text, thrown_at .. ": boom", thrown_at .. ": in function", "in task", "spawned at")
  end)

  it("is a handler for xpcall in a task, and elsewhere", function()
    local line
    local function handled()
      return select(2, xpcall(function()
        line = here(1)
        error("boom")
      end, async.traceback))
    end
    assert_in_order(handled(), line .. ": boom", line .. ": in function")
    assert_in_order(run(handled), line .. ": boom", line .. ": in function")
  end)

  it("without an error tells where one is", function()
    local line
    local function get()
      line = here(1)
      local text = async.traceback()
      return text
    end
    assert_in_order(get(), "stack traceback:", line)
    local spawned_at
    run(function()
      spawned_at = here(1)
      local text = async.spawn_with({ name = "asker" }, get):await()
      assert_in_order(text, "'asker' (running)", line, "spawned at " .. spawned_at)
    end)
  end)

  for name, values in pairs(odd_values) do
    it("takes " .. name, function()
      local text = async.traceback(table.unpack(values, 1, values.n))
      assert.equal("string", type(text))
      if name == "unprintable" then assert_in_order(text, "(error object is a table value)") end
      run(function() assert.equal("string", type(async.traceback(table.unpack(values, 1, values.n)))) end)
    end)
  end
end)

describe("a task's traceback", function()
  it("tells what it waits for and where, and where it was spawned", function()
    run(function()
      local waits_at, spawned_at
      local function wait()
        waits_at = here(1)
        async.sleep(10)
        return "no tail call"
      end
      spawned_at = here(1)
      local task = async.spawn_with({ name = "sleeper" }, wait)
      assert_in_order(task:traceback(), "'sleeper', ready", "spawned at " .. spawned_at)
      async.yield()
      assert_in_order(task:traceback(), "'sleeper', waiting for sleep", waits_at, "spawned at " .. spawned_at)
      task:cancel()
      task:join()
      assert_in_order(task:traceback(), "'sleeper', cancelled", "spawned at " .. spawned_at)
    end)
  end)

  it("of a failed one is the story of its error", function()
    run(function()
      local thrown_at
      local task = async.try_spawn(function()
        thrown_at = here(1)
        error("boom")
      end)
      task:join()
      assert_in_order(task:traceback(), thrown_at .. ": boom", "spawned at")
    end)
  end)

  it("of a failed one is a string also where the story was not kept", function()
    run(function()
      local first = async.try_spawn(error, "one", 0)
      local second = async.try_spawn(error, "two", 0)
      first:join()
      second:join()
      assert_in_order(first:traceback(), "one")
      assert_in_order(second:traceback(), "two")
    end)
  end)

  it("of the caller tells where that is", function()
    run(function()
      local line = here(1)
      local text = async.current():traceback()
      assert_in_order(text, "running", line)
    end)
  end)

  it("names a spawn through pcall by the Lua line, and one by the host", function()
    local spawned_at
    run(function()
      spawned_at = here(1)
      local _, task = pcall(async.spawn, async.yield)
      assert_in_order(task:traceback(), "spawned at " .. spawned_at)
    end)
    local rt <close> = async.runtime { clock = "virtual" }
    spawned_at = here(1)
    local task = rt:spawn(async.yield)
    assert_in_order(task:traceback(), "spawned at " .. spawned_at)
  end)
end)

describe("errors in closers", function()
  it("have a story, too", function()
    local thrown_at
    local _, _, err = try_run(function()
      local _ <close> = defer(function()
        thrown_at = here(1)
        error({ "in closer" })
      end)
      async.yield()
    end)
    assert_in_order(async.traceback(err), thrown_at)
  end)
end)

describe("the core's story", function()
  it("is nil for what no task raised", function()
    assert.is_nil(core.story({}))
    assert.is_nil(core.story("never raised " .. tostring({})))
  end)
end)
