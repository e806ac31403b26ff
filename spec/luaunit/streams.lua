-- Streams under readers and writers that are cut short all the time, by cancels, by their own time and by timeouts
-- around them, under many schedules: no byte is lost, none comes twice, no two writes mix.
local lu = require "luaunit"
local async = require "asyncrt"
local sockets = require "spec.sockets"

local SEEDS = 40

local function under_every_seed(main)
  for seed = 1, SEEDS do
    local rt <close> = async.runtime { clock = "virtual", seed = seed }
    math.randomseed(seed)
    local ok, err = pcall(rt.run, rt, main)
    if not ok then error(("seed %d: %s"):format(seed, async.traceback(err)), 0) end
  end
end

-- Runs fn, but perhaps not to its end; its first value, nil if it was cut short.
local function perhaps(fn)
  local how = math.random(4)
  if how == 1 then return (fn()) end
  if how == 2 then return (select(2, async.try_timeout(math.random() * 0.02, fn))) end
  local task = async.try_spawn(fn)
  async.sleep(math.random() * 0.01)
  task:cancel()
  local ok, value = task:join()
  return ok and value or nil
end

local function pair(local_ones)
  return (local_ones and sockets.local_pair or sockets.pair)()
end

TestStreams = {}

function TestStreams.test_reads_that_are_cut_short_lose_nothing()
  under_every_seed(function()
    local from, to = pair(math.random(2) == 1)
    local sent = {}
    for i = 1, 200 do sent[i] = ("%d %s\n"):format(i, ("x"):rep(math.random(0, 60))) end
    sent = table.concat(sent)
    async.spawn(function()
      local at = 1
      while at <= #sent do
        local size = math.random(200)
        from:write(sent:sub(at, at + size - 1))
        at = at + size
        if math.random(3) == 1 then async.sleep(math.random() * 0.02) end
      end
      from:close()
    end)
    local reads = {
      function() return to:read("L") end,
      function() return to:read(math.random(1, 100)) end,
      function() return to:read_exactly(math.random(1, 300)) end,
      function()
        local piece = to:read_until(" ")
        return piece and piece .. " "
      end,
    }
    local got, size = {}, 0
    while size < #sent do
      to:settimeout(math.random(2) == 1 and math.random() * 0.02 or nil)
      local piece = perhaps(reads[#sent - size < 300 and 2 or math.random(#reads)])
      got[#got + 1] = piece
      size = size + #(piece or "")
    end
    lu.assertTrue(table.concat(got) == sent)
    to:settimeout(nil)
    lu.assertEquals({ to:read() }, { nil, "end of file", "eof" })
  end)
end

-- Each message says how long it is; small ones go whole or not at all on a local socket.
function TestStreams.test_writes_that_are_cut_short_break_off_once_and_for_all()
  under_every_seed(function()
    local local_ones = math.random(2) == 1
    local from, to = pair(local_ones)
    local most = local_ones and 2000 or 200000
    local claimed = 0 -- messages that were sent, by their writers' word
    async.spawn(function()
      async.scope(function(scope)
        for id = 1, 8 do
          scope:spawn(function()
            for _ = 1, 20 do
              local body = string.char(64 + id):rep(math.random(0, most))
              if perhaps(function() return from:write(("%8d"):format(#body), body) end) then claimed = claimed + 1 end
            end
          end)
        end
      end)
      from:close()
    end)
    local whole = 0
    while true do
      local size = to:read_exactly(8)
      local body = size and to:read_exactly(math.tointeger(tonumber(size)))
      if not body then break end
      lu.assertEquals(#body, #(body:match("^" .. body:sub(1, 1) .. "*") or ""))
      whole = whole + 1
      if math.random(3) == 1 then async.sleep(math.random() * 0.05) end
    end
    lu.assertEquals(whole, claimed) -- a cancel that came after the last byte found the write done
  end)
end

-- Connections are made and accepted by tasks that give up all the time: what is accepted has a peer, none is left over.
function TestStreams.test_accepts_that_are_cut_short_lose_no_connection()
  under_every_seed(function()
    local listener = assert(async.net.listen("127.0.0.1", 0))
    local wanted, served = 30, 0
    local acceptors = async.spawn(function()
      async.scope(function(scope)
        for _ = 1, 3 do
          scope:spawn(function()
            while served < wanted do
              local stream = perhaps(function() return (listener:accept()) end)
              if stream then
                stream:write(stream:read("L"))
                stream:close()
                served = served + 1
                if served == wanted then scope:cancel() end
              end
            end
          end)
        end
      end)
    end)
    for i = 1, wanted do
      local client <close> = assert(async.net.connect(listener:address()))
      client:write(i, "\n")
      lu.assertEquals(client:read(), tostring(i))
    end
    acceptors:await()
    listener:close()
  end)
end

os.exit(lu.LuaUnit.run())
