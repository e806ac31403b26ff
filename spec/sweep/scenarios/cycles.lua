-- Tasks that would wait for each other are told, or, for want of memory, later.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

local function lock_both(first, second)
  local _ <close> = first:lock()
  async.sleep(1)
  local _ <close> = second:lock()
end

local ok, err = pcall(rt.run, rt, function()
  local a, b = async.mutex(), async.mutex()
  async.spawn_with({ name = "ab" }, lock_both, a, b)
  async.spawn_with({ name = "ba" }, lock_both, b, a)
end)
sweep.expect(ok, false)
sweep.expect_kind(err, "deadlock")
sweep.expect_text(err.message, "'ab', waiting for mutex")

-- Through the end of a scope, and of a block.
local mutex
local function child() mutex:lock() end
local function function_form()
  async.scope(function(scope)
    scope:spawn(child)
    async.sleep(1)
  end)
end
local function block_form()
  local scope <close> = async.scope()
  scope:spawn(child)
  async.sleep(1)
end
for _, form in ipairs { function_form, block_form } do
  ok, err = pcall(rt.run, rt, function()
    mutex = async.mutex()
    mutex:lock()
    form()
  end)
  sweep.expect(ok, false)
  sweep.expect_kind(err, "deadlock")
end

-- Nobody was harmed who did not close it.
rt:run(function()
  local a, b = async.mutex(), async.mutex()
  local task = async.spawn(lock_both, a, b)
  do
    local _ <close> = b:lock()
    async.sleep(2)
    ok, err = pcall(a.lock, a)
    sweep.expect(ok, false)
    sweep.expect_kind(err, "deadlock")
  end
  sweep.expect(task:join(), true)
  sweep.expect(tostring(a), "mutex (free)")
  sweep.expect(tostring(b), "mutex (free)")
end)
return true
