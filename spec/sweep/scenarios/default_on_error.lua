-- Nobody gave an on_error: failures are printed. What is printed here is the lack of memory itself.
local async, sweep = ...

async.run(function()
  async.detach(function()
    local t = {}
    for i = 1, 10 do t[i] = { i } end
    sweep.expect(#t, 10)
  end)
  async.yield()
end)
return true
