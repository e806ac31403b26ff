-- A chat room over TCP. Start it, then join from as many terminals as you like with nc or telnet.
--   lua5.4 examples/chat.lua [port]      nc 127.0.0.1 7008      Ctrl-C ends it
local async = require "asyncrt"

local PORT = math.tointeger(tonumber(arg[1] or 7008)) or error("usage: chat.lua [port]", 0)
local LONGEST_LINE = 1000 -- bytes
local MOST_WAITING = 100 -- lines that may wait for one who reads slowly
local LOGIN = 60 -- seconds to say a name in

io.stdout:setvbuf("line")
local members = {} -- name -> member

-- Members: each has an outbox, and a task that sends it, so that one who does not read keeps nobody waiting ---------

local function tell(member, text)
  if not member.outbox:try_send(text .. "\n") then member.scope:cancel("you read too slowly") end
end

local function tell_all(text, except)
  for _, member in pairs(members) do
    if member ~= except then tell(member, text) end
  end
end

local function announce(text, except)
  print(text) -- what is said in the room stays there; who comes and goes is logged
  tell_all(text, except)
end

local function send(member)
  for text in member.outbox do
    if not member.conn:write(text) then return member.scope:cancel() end -- the peer is gone
  end
end

-- The room --------------------------------------------------------------------------------------------------------

local function names()
  local list = {}
  for name in pairs(members) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, ", ")
end

local commands = {
  ["/who"] = function(member) tell(member, "* here: " .. names()) end,
  ["/quit"] = function(member) member.scope:cancel("bye") end,
}

-- The next line without its end, which telnet writes as CR LF; nil at the end of the connection.
local function read_line(conn)
  local line, _, code = conn:read_until("\n", LONGEST_LINE)
  if line then return (line:gsub("\r$", "")) end
  if code == "full" then conn:write("that line is too long\n") end
  return nil
end

local function ask_name(conn)
  conn:write("your name? ")
  while true do
    local name = read_line(conn)
    if not name then return nil end
    if name:match("^%w+$") and not members[name] then return name end
    conn:write(members[name] and "that name is taken, another? " or "letters and digits only: ")
  end
end

-- In the room from the first line to the last; leaves it in whatever way the block ends.
local function join(member)
  local _ <close> = setmetatable({}, { __close = function()
    members[member.name] = nil
    announce(("* %s left"):format(member.name))
  end })
  members[member.name] = member
  announce(("* %s joined"):format(member.name), member)
  tell(member, ("* welcome, %s; here: %s"):format(member.name, names()))
  for line in read_line, member.conn do
    local command = commands[line]
    if command then
      command(member)
    elseif line ~= "" then
      tell_all(("%s: %s"):format(member.name, line), member)
    end
  end
end

-- One connection. Reading and sending are one scope: whatever ends the one ends the other.
local function serve(conn)
  local in_time, name = async.try_timeout(LOGIN, ask_name, conn)
  if not in_time or not name then return end
  local _, _, reason = async.scope(function(scope)
    local member = { name = name, conn = conn, outbox = async.channel(MOST_WAITING), scope = scope }
    scope:spawn_with({ name = "to " .. name, daemon = true }, send, member)
    join(member)
  end)
  if reason then -- we ended it, not the peer
    conn:settimeout(1)
    conn:write("* ", reason, "\n")
  end
end

async.run(function()
  local server <close> = async.check(async.net.serve("127.0.0.1", PORT, serve))
  print(("listening on %s:%d"):format(server:address()))
  server:wait()
end)
