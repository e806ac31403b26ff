-- A lack of memory that is swallowed, and its work with it. canary: ended without an error and without all its work done
local async = ...
local done = false
pcall(async.run, function()
  async.spawn(function() done = true end)
end)
return done
