-- async.locals: a snapshot of the spawner's, copied at the first write.
local async, sweep = ...

async.run(function()
  local mine = async.locals()
  mine.user, mine.depth = "ann", 1
  local child = async.spawn(function()
    local its = async.locals()
    sweep.expect(its.user, "ann")
    its.user = "bob"
    local n = 0
    for _ in pairs(its) do n = n + 1 end
    local grandchild = async.spawn(function() return async.locals().user end)
    return grandchild:await(), n
  end)
  local name, n = child:await()
  sweep.expect(name, "bob")
  sweep.expect(n, 2)
  sweep.expect(async.locals().user, "ann")
end)
return true
