-- Three children fail: the first comes out, the others are suppressed or told to on_error.
local async, sweep = ...

local told = {}
local rt <close> = async.runtime { clock = "virtual", on_error = function(err)
  sweep.note(err)
  told[#told + 1] = err
end }

local function clean_up(word)
  local _ <close> = setmetatable({}, { __close = function() error(word, 0) end })
  async.sleep(math.huge)
end

-- A string cannot carry the others.
rt:run(function()
  local ok, err = pcall(async.scope, function(s)
    s:spawn(clean_up, "second")
    s:spawn(clean_up, "third")
    s:spawn(function() async.sleep(1) error("first", 0) end)
  end)
  sweep.expect(ok, false)
  sweep.expect(err, "first")
end)
table.sort(told)
sweep.expect(told[1], "second")
sweep.expect(told[2], "third")
sweep.expect(#told, 2)

-- One of our own can.
local in_error
rt:run(function()
  local ok, err = pcall(async.scope, function(s)
    s:spawn(clean_up, "second")
    s:spawn(clean_up, "third")
    s:spawn(function() async.check(nil, "first", "EIO") end)
    s:spawn(async.sleep, math.huge)
    async.sleep(math.huge)
  end)
  sweep.expect(ok, false)
  sweep.expect_kind(err, "io")
  sweep.expect(err.message, "first")
  in_error = #(err.suppressed or {})
end)
sweep.expect(in_error + #told, 4) -- without memory for the list they are told to on_error
return true
