-- Looking inside: the list of tasks, the tree, the numbers, what tasks cost.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

local text
local file = { write = function(self, more)
  text = text .. more
  return self
end }

local function look(choosy)
  text = ""
  sweep.expect(async.dump(file), true)
  sweep.expect_text(text, "'waiter' in scope")
  sweep.expect_text(text, "inside: timeout")
  sweep.expect_text(text, "select of channel (0 messages)")
  local what, handle, seconds = choosy:waiting_on()
  sweep.expect(what, "select")
  sweep.expect(handle, nil)
  sweep.expect(seconds, 1)
  local stats, rows = rt:stats(), async.tasks()
  sweep.expect(stats.waiters.mutex, 1)
  sweep.expect(stats.waiting, #rows - (stats.live - stats.waiting))
  sweep.expect(rows[#rows].name, "waiter")
end

local function main()
  local mutex = async.mutex()
  mutex:lock()
  async.scope(function(scope)
    scope:spawn(async.timeout, 5, async.sleep, 3)
    local choosy = async.spawn_with({ scope = scope }, async.select, async.channel(), async.after(9))
    scope:spawn_with({ name = "waiter" }, function() mutex:lock() end)
    async.sleep(1)
    look(choosy)
    choosy:cancel()
    mutex:unlock()
  end)
  return (async.current():usage())
end

sweep.expect(rt:run(main), 9)
async.profile(true)
local ok, result = pcall(rt.run, rt, main)
async.profile(false)
if not ok then error(result, 0) end
sweep.expect(result, 9)
return true
