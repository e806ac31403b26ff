-- The table of combinations: a task in a scope, what its body does, who looks at it, who cancels it and when, and what
-- stands around it. Requires nothing.
local dimensions = {}

-- Seconds of virtual time from the start. No two things that could meet in one combination happen at the same time, so
-- that no outcome hangs on a seed.
dimensions.at = {
  early_failure = 1, -- the sibling's
  cancel = 2, -- of the parked task, or of the scope
  late_failure = 2.5,
  inner_timeout = 3,
  outer_timeout = 4,
  late_cancel = 5, -- where something slow unwinds already; else one more of a parked task
  work_ends = 10,
  closing_cancel = 11, -- where something slow closes after its normal end; else after the end
  stubborn_failure = 30,
  over = 80,
}
dimensions.lasts = {
  closing = 3.25, -- a handler of <close> that waits
  second_sleep = 0.5, -- of a body that swallows the first cancel
  stubborn = 0.25, -- what the stubborn sibling still does when it is cancelled
  long_timeout = 100,
}

-- raises: the work raises at its end. raising_close, waiting_close: what the handler of its <close> variable does; it
-- waits under a shield or without one (bare). swallows: takes cancels with pcall and returns.
dimensions.bodies = {
  { name = "returns" },
  { name = "raises", raises = true },
  { name = "raises in close", raising_close = true },
  { name = "waits in close", waiting_close = "shielded" },
  { name = "waits bare in close", waiting_close = "bare" },
  { name = "waits and raises in close", waiting_close = "shielded", raising_close = true },
  { name = "raises, raises in close", raises = true, raising_close = true },
  { name = "raises, waits in close", raises = true, waiting_close = "shielded" },
  { name = "raises, waits bare in close", raises = true, waiting_close = "bare" },
  { name = "swallows", swallows = true },
}

-- What the body of the scope does with the task. An awaiter lets what it gets go on, a joiner returns.
dimensions.observers = { "awaited", "joined", "unawaited" }

-- first poll: cancelled by the spawner at once. running: by itself. parked, late, closing: by another task, at the
-- times above. after: when it has ended. scope: not the task but its scope is cancelled, at the same time as parked.
dimensions.cancels = { "never", "first poll", "running", "parked", "late", "closing", "after", "scope" }

-- early and late fail on their own; stubborn waits, and fails a little after it was cancelled, or at last.
dimensions.siblings = { "none", "early", "late", "stubborn" }

local SHIELD, LONG, INNER, OUTER =
  { kind = "shield" },
  { kind = "timeout", seconds = dimensions.lasts.long_timeout },
  { kind = "timeout", seconds = dimensions.at.inner_timeout, expires = true },
  { kind = "timeout", seconds = dimensions.at.outer_timeout, expires = true }

local function name_of(boundaries)
  local words = {}
  for i, boundary in ipairs(boundaries) do
    words[i] = boundary.expires and "expiring timeout" or boundary == LONG and "long timeout" or boundary.kind
  end
  return #words > 0 and table.concat(words, " in ") or "nothing" -- outermost first
end

local function nested(around, inside)
  return { around = around, inside = inside,
    name = ("%s around the scope, %s in the task"):format(name_of(around), name_of(inside)) }
end

-- {inside a shield or not} x {inside a timeout that expires, one that does not, none}, where a boundary is either
-- around the scope or inside the task, around its work; both orders where they are next to each other; the outermost
-- comes first.
dimensions.nestings = {
  nested({}, {}), nested({}, { SHIELD }), nested({ SHIELD }, {}),

  nested({}, { LONG }), nested({}, { LONG, SHIELD }), nested({}, { SHIELD, LONG }), nested({ SHIELD }, { LONG }),
  nested({ LONG }, {}), nested({ LONG, SHIELD }, {}), nested({ SHIELD, LONG }, {}), nested({ LONG }, { SHIELD }),

  nested({}, { INNER }), nested({}, { INNER, SHIELD }), nested({}, { SHIELD, INNER }), nested({ SHIELD }, { INNER }),
  nested({ OUTER }, {}), nested({ OUTER, SHIELD }, {}), nested({ SHIELD, OUTER }, {}), nested({ OUTER }, { SHIELD }),

  nested({ OUTER }, { INNER }), nested({ OUTER, SHIELD }, { INNER }), nested({ SHIELD, OUTER }, { INNER }),
  nested({ OUTER }, { INNER, SHIELD }), nested({ OUTER }, { SHIELD, INNER }),
}

-- How the task is born. A supervised one's failure is its observer's.
dimensions.births = { "spawn", "try_spawn" }

-- All combinations, in a fixed order.
function dimensions.all()
  local list = {}
  for _, body in ipairs(dimensions.bodies) do
    for _, nesting in ipairs(dimensions.nestings) do
      for _, cancel in ipairs(dimensions.cancels) do
        for _, observer in ipairs(dimensions.observers) do
          for _, sibling in ipairs(dimensions.siblings) do
            for _, birth in ipairs(dimensions.births) do
              list[#list + 1] = { body = body, nesting = nesting, cancel = cancel, observer = observer,
                sibling = sibling, birth = birth }
            end
          end
        end
      end
    end
  end
  return list
end

-- For people.
function dimensions.describe(c)
  return ("%s, %s (%s), cancel: %s, %s, sibling: %s"):format(
    c.body.name, c.observer, c.birth, c.cancel, c.nesting.name, c.sibling)
end

return dimensions
