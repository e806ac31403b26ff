-- Misuse that takes several steps, or a moment that only a finaliser or a metamethod finds. What a single call can be
-- given wrong is in badinput_spec.lua.
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local run, error_of, here = helper.run, helper.error_of, helper.here

-- Calls fn from a finaliser that runs somewhere in what is made next.
local function soon(fn)
  setmetatable({}, { __gc = fn })
end

describe("a finaliser", function()
  it("may close the runtime that a host spawns in", function()
    local closed = 0
    for _ = 1, 300 do
      local rt = async.runtime { clock = "virtual" }
      soon(function()
        closed = closed + 1
        rt:close()
      end)
      for _ = 1, 100 do
        local ok, err = pcall(rt.spawn, rt, math.abs)
        if not ok then
          assert.equal("'spawn' on a closed runtime", err)
          break
        end
      end
      rt:close()
    end
    assert.is_true(closed > 0)
  end)

  it("may set a future while somebody else does: one of them is the first", function()
    local both = 0
    for _ = 1, 1000 do
      local future = async.future()
      local by_finaliser
      soon(function() by_finaliser = future:resolve("finaliser") end)
      for _ = 1, 10 do local _ = {} end
      local by_us = future:resolve("us", {})
      if by_us and by_finaliser then both = both + 1 end
    end
    assert.equal(0, both)
  end)

  it("cannot suspend, and what it calls raises before anything has happened", function()
    local messages = {}
    run(function()
      local scope <close> = async.scope()
      scope:spawn(async.sleep, 1)
      soon(function()
        for _, fn in ipairs { async.yield, function() scope:close() end, function() async.shield(print) end } do
          local _, err = pcall(fn)
          messages[#messages + 1] = err:match("'.*")
        end
      end)
      helper.collect()
      async.yield()
      assert.truthy(tostring(scope):find("open", 1, true))
    end)
    for i, name in ipairs { "yield", "close", "shield" } do
      assert.equal(("'%s' cannot suspend here: a finaliser is in the way"):format(name), messages[i])
    end
  end)
end)

describe("a metamethod of options", function()
  it("cannot end the scope that is spawned into", function()
    run(function()
      local scope = async.scope()
      local opts = setmetatable({}, { __index = function() scope:close() end })
      assert.truthy(error_of(scope.spawn_with, scope, opts, print):find("'close' cannot suspend here", 1, true))
      scope:close()
    end)
  end)

  it("may close the runtime that is spawned in", function()
    local rt = async.runtime { clock = "virtual" }
    local opts = setmetatable({}, { __index = function() rt:close() end })
    assert.equal(here(1) .. ": 'spawn_with' on a closed runtime",
      error_of(function() rt:spawn_with(opts, print) end))
  end)
end)

describe("an error of ours", function()
  it("whose list of suppressed ones a script has replaced gets a new one", function()
    run(function()
      local timeout = error_of(async.timeout, 1, async.sleep, 2)
      timeout.suppressed = 5
      local err = error_of(async.scope, function()
        async.spawn(function()
          async.yield()
          error(timeout, 0)
        end)
        pcall(async.sleep, 1)
        error("later", 0)
      end)
      assert.equal(timeout, err)
      assert.same({ "later" }, err.suppressed)
    end)
  end)
end)
