-- Nobody gave an on_error, or one that fails itself: what is to be told is printed.
local async, sweep = ...

async.run(function()
  async.detach(error, "nobody's", 0)
  async.yield()
end)
sweep.expect_printed("nobody's")

local rt <close> = async.runtime { on_error = function(err)
  sweep.note(err)
  error("worse", 0)
end }
rt:run(function()
  async.detach(error, "bad", 0)
  async.yield()
end)
sweep.expect_printed("bad")
sweep.expect_printed("worse")
return true
