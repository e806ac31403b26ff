---@meta asyncrt.testing
-- Types of the test kit, for LuaLS. Nothing requires this file.

local testing = {}

---@class asyncrt.testing.options
---@field seeds? integer under how many schedules it is run; default 200
---@field first? integer the first seed, default 1

---A test for busted whose body is main of a runtime with a virtual clock. Fails for what the body raises, and for
---tasks, descriptors and errors that it leaves behind. With options it is run under that many seeds, else once.
---@param name string
---@param fn asyncrt.callable
---@param opts? asyncrt.testing.options
---@return any ... what `it` gives
function testing.it(name, fn, opts) end

---The same for LuaUnit: a test method, whose arguments the body gets.
---@param fn asyncrt.callable
---@param opts? asyncrt.testing.options
---@return function
function testing.case(fn, opts) end

---Runs a body under many schedules; raises a text that names the first seed that fails, and how to replay it. With
---`ASYNCRT_SEED` in the environment that one is run alone.
---@param fn asyncrt.callable
---@param opts? asyncrt.testing.options
---@return integer schedules how many were run
function testing.explore(fn, opts) end

return testing
