-- What the README shows is run as it stands there.
local async = require "asyncrt"
local helper = require "spec.helper"
helper.watch(setup, teardown)

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

local readme = read("README.md")

-- The text between ```language and ```, the only one of its kind.
local function block(language)
  local text, rest = readme:match("\n```" .. language .. "\n(.-)\n```\n(.*)")
  assert(text, "no block of " .. language)
  assert(not rest:find("\n```" .. language .. "\n", 1, true), "more than one block of " .. language)
  return text
end

describe("the README", function()
  it("shows a script that runs as it is", function()
    local output, code = helper.child(block("lua"))
    local lines = {}
    for line in output:gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.equal("false", table.remove(lines), output) -- the last one: not in time
    table.sort(lines)
    assert.same({ "HELLO FROM CLIENT 1", "HELLO FROM CLIENT 2", "HELLO FROM CLIENT 3" }, lines)
    assert.equal(0, code)
  end)

  it("shows C that compiles", function()
    local source <close> = helper.temporary(
      '#include "asyncrt.h"\nstruct clock { struct art_sleep *sleep; uint64_t due_ns; };\n' .. block("c") ..
      "\nart_poll_fn *const f = tick;\n")
    local pipe = assert(io.popen(("LD_PRELOAD= gcc -x c -std=c11 -Wall -Wextra -Werror -Icsrc -fsyntax-only %s 2>&1")
      :format(source.name)))
    assert.equal("", pipe:read("a"))
    assert.is_true(pipe:close())
  end)

  it("leads only to files that are there", function()
    for path in readme:gmatch("%]%(([^)]+)%)") do
      local file = io.open(path)
      assert.is_truthy(file, path)
      file:close()
    end
  end)

  it("names only functions that are there", function()
    for name in readme:gmatch("%f[%w]async%.([%w_.]+)") do
      local value = async
      for part in name:gmatch("[%w_]+") do value = value and value[part] end
      assert.is_truthy(value, "async." .. name)
    end
  end)

  it("says of nothing that is there that it is not", function()
    local missing = readme:match("\n## What is not there yet\n(.-)\n## ")
    local n = 0
    for name in missing:gmatch("`([%w_]+)`") do
      assert.is_nil(async[name], name)
      n = n + 1
    end
    assert.is_true(n > 0)
  end)
end)
