-- sort, gsub and require that suspend.
local async, sweep = ...

local rt <close> = async.runtime { clock = "virtual", on_error = sweep.note }

rt:run(function()
  local t = { 3, 1, 2 }
  async.sort(t, function(a, b)
    async.sleep(1)
    return a < b
  end)
  sweep.expect(table.concat(t), "123")
  local text = async.gsub("a b", "%w", function(c)
    async.yield()
    return c:upper()
  end)
  sweep.expect(text, "A B")
  package.loaded["sweep.module"] = nil
  package.preload["sweep.module"] = function()
    async.sleep(1)
    return "loaded"
  end
  local other = async.spawn(async.require, "sweep.module")
  sweep.expect((async.require("sweep.module")), "loaded")
  sweep.expect((other:await()), "loaded")
end)
return true
