-- A lack of memory that is swallowed, with its work.
-- canary: ended without an error and without all its work done
local async = ...
local done = false
pcall(async.run, function()
  async.spawn(function() done = true end)
end)
return done
