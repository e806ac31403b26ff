-- Where Lua can yield: everything in Lua's library that calls back, and every event of a metatable, each with a call
-- that suspends in it. spec/yield_spec.lua tries them and compares the outcome with doc/yield.md; run as a script this
-- file writes that anew: .ci/lua spec/yielding.lua >doc/yield.md
local async = require "asyncrt"

local yielding = {}

-- A table whose metatable has the event.
local function with(event, handler) return setmetatable({}, { [event] = handler }) end

-- Each row: what the table says, and a function of a function that suspends.
local rows = {
  { "## Calls", nil },
  { "a function called from Lua", function(f) f() end },
  { "`pcall`", function(f) assert(pcall(f)) end },
  { "`xpcall`: the function", function(f) assert(xpcall(f, print)) end },
  { "`xpcall`: the message handler", function(f) xpcall(error, function() f() end) end },
  { "`select`, `assert`, `rawget` and all else that calls nothing", function(f) select(1, assert(true, f())) end },
  { "`load`: the reader", function(f) load(function() f() end) end },
  { "`load`: the chunk", function(f) assert(load("local f = ... f()"))(f) end },
  { "`dofile`", function(f, file) file("f()", f, dofile) end },
  { "`loadfile`: the chunk", function(f, file) file("f()", f, function(path) assert(loadfile(path))() end) end },
  { "`require`: the module (use `async.require`)", function(f)
    package.preload["spec.module"] = function() f() end
    package.loaded["spec.module"] = nil
    require "spec.module"
  end },
  { "`async.require`: the module", function(f)
    package.preload["spec.module"] = function() f() end
    package.loaded["spec.module"] = nil
    async.require "spec.module"
  end },
  { "`tostring`: `__tostring`", function(f) tostring(with("__tostring", function() f() return "" end)) end },
  { "`print`: `__tostring`", function(f)
    print(with("__tostring", function() f() return "" end))
  end },
  { "`collectgarbage`: `__gc`", function(f)
    local err
    setmetatable({}, { __gc = function() err = select(2, pcall(f)) end })
    collectgarbage()
    if err then error(err, 0) end
  end },
  { "`debug.sethook`: the hook", function(f)
    local err
    debug.sethook(function()
      debug.sethook()
      err = select(2, pcall(f))
    end, "", 1)
    local _ = #{}
    if err then error(err, 0) end
  end },
  { "## Iterating", nil },
  { "generic `for`: the iterator", function(f)
    for i in function(_, i) f() return i == nil and 1 or nil end do assert(i == 1) end
  end },
  { "generic `for`: the closing value", function(f)
    for _ in function() end, nil, nil, with("__close", f) do error "never" end
  end },
  { "`pairs`: `__pairs`", function(f)
    for _ in pairs(with("__pairs", function() f() return next, {} end)) do error "never" end
  end },
  { "`next`, `pairs` without `__pairs`: nothing is called", function(f) for _ in pairs { f() } do f() end end },
  { "`ipairs`: `__index`", function(f)
    for _ in ipairs(with("__index", function() f() end)) do error "never" end
  end },
  { "## Tables and strings", nil },
  { "`table.sort`: the comparator (use `async.sort`)", function(f)
    table.sort({ 2, 1 }, function(a, b) f() return a < b end)
  end },
  { "`async.sort`: the comparator", function(f) async.sort({ 2, 1 }, function(a, b) f() return a < b end) end },
  { "`table.concat`: `__index`", function(f)
    table.concat(setmetatable({}, { __index = function() f() return "" end, __len = function() return 1 end }))
  end },
  { "`table.insert`: `__newindex`", function(f) table.insert(with("__newindex", function() f() end), 1) end },
  { "`table.remove`: `__index`", function(f)
    table.remove(setmetatable({}, { __index = function() f() end, __len = function() return 1 end }))
  end },
  { "`table.unpack`: `__index`", function(f) table.unpack(with("__index", function() f() end), 1, 1) end },
  { "`table.move`: `__index`", function(f) table.move(with("__index", function() f() end), 1, 1, 2, {}) end },
  { "`#`-taking functions: `__len`", function(f) table.unpack(with("__len", function() f() return 0 end)) end },
  { "`string.gsub`: the function (use `async.gsub`)", function(f) string.gsub("a", ".", function() f() end) end },
  { "`string.gsub`: `__index` of the table", function(f)
    string.gsub("a", ".", with("__index", function() f() end))
  end },
  { "`async.gsub`: the function", function(f) async.gsub("a", ".", function() f() end) end },
  { "`string.gmatch`: the loop's body", function(f) for _ in ("a"):gmatch "." do f() end end },
  { "`string.format`: `__tostring`", function(f)
    string.format("%s", with("__tostring", function() f() return "" end))
  end },
  { "`string.rep`, `utf8.*`, `math.*`, `os.*`: nothing is called", function(f) string.rep("a", 2, f()) end },
  { "`io.lines`: the loop's body", function(f, file)
    file("line\n", f, function(path) for _ in io.lines(path) do f() end end)
  end },
  { "## Coroutines of the task's own", nil },
  { "`coroutine.wrap`", function(f) coroutine.wrap(f)() end },
  { "`coroutine.resume`", function(f) assert(coroutine.resume(coroutine.create(f))) end },
  { "`coroutine.wrap` three levels deep", function(f)
    coroutine.wrap(function() coroutine.wrap(function() coroutine.wrap(f)() end)() end)()
  end },
  { "`coroutine.wrap` in a comparator of `table.sort`", function(f)
    table.sort({ 2, 1 }, function(a, b) coroutine.wrap(f)() return a < b end)
  end },
  { "`coroutine.close`: `__close`", function(f)
    local co = coroutine.create(function()
      local _ <close> = with("__close", f)
      coroutine.yield()
    end)
    coroutine.resume(co)
    local ok, err = coroutine.close(co)
    if not ok then error(err, 0) end
  end },
  { "## Metamethods, from Lua code", nil },
  { "`__index`", function(f) return with("__index", function() f() end).x end },
  { "`__newindex`", function(f) with("__newindex", function() f() end).x = 1 end },
  { "`__call`", function(f) with("__call", function() f() end)() end },
  { "`__add` and all other arithmetic, `__concat`", function(f)
    local t = setmetatable({}, { __add = f, __concat = f, __unm = f, __idiv = f, __band = f })
    return t + 1, t .. "", -t, t // 1, t & 1
  end },
  { "`__len`", function(f) return #with("__len", function() f() return 0 end) end },
  { "`__eq`", function(f)
    local meta = { __eq = function() f() return true end }
    return setmetatable({}, meta) == setmetatable({}, meta)
  end },
  { "`__lt`, `__le`", function(f)
    local t = setmetatable({}, { __lt = f, __le = f })
    return t < 1, t <= 1
  end },
  { "`__close`, at the end of a block", function(f) do local _ <close> = with("__close", function() f() end) end end },
  { "`__close`, on `return`", function(f)
    local function returns()
      local _ <close> = with("__close", function() f() end)
      return 1
    end
    assert(returns() == 1)
  end },
  { "`__close`, on an error", function(f)
    pcall(function()
      local _ <close> = with("__close", function() f() end)
      error "oops"
    end)
  end },
}

-- Calls fn(path) for a file with that text, in which f is a global.
local function in_file(text, f, fn)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local before = rawget(_G, "f")
  rawset(_G, "f", f)
  local ok, err = pcall(fn, path)
  rawset(_G, "f", before)
  os.remove(path)
  if not ok then error(err, 0) end
end

-- "yes", or the error.
local function try(row)
  local rt <close> = async.runtime { clock = "virtual" }
  return rt:run(function()
    local suspended, refused = false, nil
    local stdout = io.output()
    local sink <close> = io.tmpfile()
    io.output(sink)
    local ok, err = pcall(row[2], function()
      local fine, why = pcall(async.yield)
      if not fine then
        refused = refused or why
        error(why, 0)
      end
      suspended = true
    end, in_file)
    io.output(stdout)
    if suspended then return ok and "yes" or ("yes, and then: " .. tostring(err)) end
    return tostring(refused or err)
  end)
end

-- The document, as text.
function yielding.document()
  local lines = {
    "# Where a call may suspend",
    "",
    "Nearly everywhere: Lua yields across its own calls, metamethods, `pcall` and coroutines. It cannot yield where a",
    "C function calls back in the old way; there a suspending call raises, before it has done anything, and says which",
    "one is in the way. Made by spec/yielding.lua, checked by a test.",
  }
  for _, row in ipairs(rows) do
    if row[2] then
      local answer = try(row)
      local why = answer:match("'yield' (cannot suspend here: .*)$") or answer
      lines[#lines + 1] = ("| %s | %s |"):format(row[1], why)
    else
      for _, line in ipairs { "", row[1], "", "| in | suspends? |", "|---|---|" } do lines[#lines + 1] = line end
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

if arg and arg[0] and arg[0]:find("yielding.lua", 1, true) then io.write(yielding.document()) end

return yielding
