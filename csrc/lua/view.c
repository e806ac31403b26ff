#include "lua/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lua/args.h"
#include "lua/await.h"
#include "lua/error.h"
#include "lua/nested.h"
#include "lua/trace.h"

static const char *status_of(const struct art_lua_task *t) {
  static const char *const ended[] = {
      [ART_DONE] = "done", [ART_FAILED] = "failed", [ART_CANCELLED] = "cancelled"};
  if (t->outcome != ART_OPEN) return ended[t->outcome];
  switch ((enum art_task_state)t->core.state) {
  case ART_TASK_PARKED: return "waiting";
  case ART_TASK_QUEUED: return "ready";
  case ART_TASK_RUNNING:
  case ART_TASK_WOKEN:
  case ART_TASK_DONE: break;
  }
  return "running";
}

static int task_status(lua_State *L) {
  lua_pushstring(L, status_of(art_to_task(L, 1, "status")));
  return 1;
}

static int task_id(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)art_to_task(L, 1, "id")->cancel.id);
  return 1;
}

void art_name_task(lua_State *L, struct art_lua_task *t, int index) {
  art_push_value(L, ART_NAMES);
  lua_pushvalue(L, index);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  t->flags |= ART_NAMED;
}

static int task_name(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "name");
  if (!lua_isnoneornil(L, 2)) {
    art_check_string(L, 2, "name", NULL);
    lua_settop(L, 2);
    art_name_task(L, t, 1);
    return 1;
  }
  art_push_value(L, ART_NAMES);
  lua_pushvalue(L, 1);
  lua_rawget(L, -2);
  return 1;
}

static int task_tostring(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "tostring");
  art_push_task_name(L, t, 1);
  lua_pushfstring(L, "%s (%s)", lua_tostring(L, -1), status_of(t));
  return 1;
}

/* --- what it waits for -------------------------------------------------------------------------------------------- */

/* The coroutine that was entered last. */
static lua_State *innermost(const struct art_lua_task *t) {
  lua_State *co = t->co;
  for (lua_State *in = co; in != NULL; in = art_nested_in(in)) co = in;
  return co;
}

/* [-0, +1, m] What is at 'i' on the stack of another coroutine. */
static void push_from(lua_State *L, lua_State *co, int i) {
  if (!lua_checkstack(co, 1)) art_no_memory(L);
  lua_pushvalue(co, i);
  lua_xmove(co, L, 1);
}

void art_push_waited_handle(lua_State *L, const struct art_lua_task *t) {
  lua_State *co = innermost(t);
  if (t->wait->handle == 0 || lua_gettop(co) < t->wait->handle)
    lua_pushnil(L);
  else
    push_from(L, co, t->wait->handle);
}

/* Seconds, on the clock of its runtime. */
static double since(const struct art_lua_task *t, float when_s) {
  double s = (double)art_runtime_now_ns(t->rt->core) * 1e-9 - (double)when_s;
  return s > 0 ? s : 0;
}

/* task:waiting_on() -> what, handle, seconds; nil if it does not wait */
static int task_waiting_on(lua_State *L) {
  const struct art_lua_task *t = art_to_task(L, 1, "waiting_on");
  lua_settop(L, 1);
  if (!art_is_waiting(t)) return lua_pushnil(L), 1;
  lua_pushnumber(L, since(t, t->polled_s));
  art_push_waited_handle(L, t);
  if (art_waits_for_task(t))
    lua_pushfstring(L, "task %I", (LUAI_UACINT)t->parking.in.task->cancel.id);
  else
    lua_pushstring(L, t->wait->what);
  lua_insert(L, 2);
  lua_insert(L, 3);
  return 3;
}

/* Seconds until then. */
static double left(uint64_t deadline_ns, const struct art_runtime *core) {
  double s = ((double)deadline_ns - (double)art_runtime_now_ns(core)) * 1e-9;
  return s > 0 ? s : 0;
}

/* [-0, +1, m] "sleep (2.5 s left)" */
static void push_sleep(lua_State *L, const struct art_lua_task *t) {
  char text[64];
  const struct art_timer *timer = &t->parking.timer;
  if (art_timer_armed(timer))
    snprintf(text, sizeof text, "%s (%.3g s left)", t->wait->what,
             left(timer->deadline_ns, t->rt->core));
  else
    snprintf(text, sizeof text, "%s (for ever)", t->wait->what);
  lua_pushstring(L, text);
}

#define MOST_CASES 8 /* of a select that are told */

/* [-1, +0, m] The words of what is on top, to the list in words just below. */
static void add_case(lua_State *L, bool first) {
  art_push_words(L, -1);
  lua_pushfstring(L, "%s%s%s", lua_tostring(L, -3), first ? " of " : ", ", lua_tostring(L, -1));
  lua_replace(L, -4);
  lua_pop(L, 2);
}

/* [-0, +1, m] "select of channel 'jobs' (0 messages), deadline": the cases are at the bottom of its stack, and above them a
** userdata without metatable. */
static void push_select(lua_State *L, const struct art_lua_task *t) {
  lua_State *co = innermost(t);
  int told = 0;
  lua_pushstring(L, t->wait->what);
  for (int i = 1; i <= lua_gettop(co); i++) {
    push_from(L, co, i);
    bool off = lua_isboolean(L, -1), ends = !off && luaL_getmetafield(L, -1, "__name") == LUA_TNIL;
    if (!off && !ends) lua_pop(L, 1);
    if (ends || told == MOST_CASES) {
      lua_pop(L, 1);
      if (!ends) lua_pushliteral(L, ", ...");
      if (!ends) lua_concat(L, 2);
      return;
    }
    if (off)
      lua_pop(L, 1);
    else
      add_case(L, told++ == 0);
  }
}

/* [-0, +1, m] What it waits for, with the handle in its own words; nil if it does not wait. */
static void push_wait(lua_State *L, const struct art_lua_task *t) {
  if (!art_is_waiting(t)) {
    lua_pushnil(L);
    return;
  }
  const char *what = t->wait->what;
  if (t->wait->timer) {
    push_sleep(L, t);
    return;
  }
  if (t->wait->cases) {
    push_select(L, t);
    return;
  }
  art_push_waited_handle(L, t);
  if (lua_isnil(L, -1)) {
    lua_pushstring(L, what);
  } else {
    art_push_words(L, -1);
    const char *words = lua_tostring(L, -1);
    bool says_it = strncmp(words, what, strlen(what)) == 0;
    if (!says_it) {
      lua_pushfstring(L, "%s, %s", what, words);
      lua_replace(L, -2);
    }
  }
  lua_replace(L, -2);
}

/* wait_of(task) -> in words, nil if it does not wait */
static int wait_of(lua_State *L) {
  push_wait(L, art_to_task(L, 1, "wait_of"));
  return 1;
}

/* --- where it is -------------------------------------------------------------------------------------------------- */

/* [-0, +1, m] What it does; the task is at 1. */
static void push_state(lua_State *L, const struct art_lua_task *t) {
  push_wait(L, t);
  if (!lua_isnil(L, -1)) {
    lua_pushfstring(L, "waiting for %s", lua_tostring(L, -1));
  } else if (t->outcome == ART_FAILED) {
    lua_getiuservalue(L, 1, ART_TASK_VALUE);
    art_push_words(L, -1);
    lua_pushfstring(L, "failed: %s", lua_tostring(L, -1));
    lua_replace(L, -3);
    lua_pop(L, 1);
  } else {
    lua_pushstring(L, status_of(t));
  }
  lua_replace(L, -2);
}

void art_push_all_frames(lua_State *L, const struct art_lua_task *t, int level) {
  lua_pushstring(L, "");
  for (lua_State *co = t->co; co != NULL; co = art_nested_in(co)) {
    art_push_frames(L, co, co == L ? level : 0);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
}

static int task_traceback(lua_State *L) {
  struct art_lua_task *t = art_to_task(L, 1, "traceback");
  lua_settop(L, 1);
  if (t->outcome == ART_FAILED) {
    lua_getiuservalue(L, 1, ART_TASK_VALUE);
    art_push_story(L, 2);
    if (!lua_isnil(L, -1)) return 1;
    lua_settop(L, 1); /* it was of a string, and another one came after it */
  }
  art_push_task_name(L, t, 1);
  push_state(L, t);
  art_push_all_frames(L, t, 1);
  art_push_spawn_site(L, t, 1);
  lua_pushfstring(L, "%s, %s%s\n    spawned at %s", lua_tostring(L, 2), lua_tostring(L, 3),
                  lua_tostring(L, 4), lua_tostring(L, 5));
  return 1;
}

/* --- for the Lua layer -------------------------------------------------------------------------------------------- */

/* frames_of(task) -> its lines, each after a line break; of the running task use frames */
static int frames_of(lua_State *L) {
  art_push_all_frames(L, art_to_task(L, 1, "frames_of"), 1);
  return 1;
}

/* frames(level) -> those of whoever asks; 1 is the function that calls this one */
static int frames(lua_State *L) {
  int level = (int)luaL_checkinteger(L, 1);
  const struct art_lua_task *t = art_lua_of(L)->current;
  if (t == NULL)
    art_push_frames(L, L, level);
  else
    art_push_all_frames(L, t, level);
  return 1;
}

/* task_name(task) -> task 4 'name' */
static int task_name_of(lua_State *L) {
  art_push_task_name(L, art_to_task(L, 1, "task_name"), 1);
  return 1;
}

/* The scope that it is a child of; NULL: it has ended. */
static const struct art_scope *home(const struct art_lua_task *t) {
  const struct art_scope *s = t->scope;
  while (s != NULL && s->owner == t) s = s->parent;
  return s;
}

/* facts(task) -> id of its parent, nil if it has none; polls; age and how long ago it was polled, in seconds, nil after
** its end; id of the scope with a handle that it is a child of, nil if that is its parent's own */
static int facts(lua_State *L) {
  const struct art_lua_task *t = art_to_task(L, 1, "facts");
  const struct art_scope *s = home(t);
  if (s == NULL || s->owner == NULL)
    lua_pushnil(L);
  else
    lua_pushinteger(L, (lua_Integer)s->owner->cancel.id);
  lua_pushinteger(L, (lua_Integer)t->polls);
  if (s == NULL) return 2;
  lua_pushnumber(L, since(t, t->spawned_s));
  lua_pushnumber(L, since(t, t->polled_s));
  if (s->handle != NULL)
    lua_pushinteger(L, (lua_Integer)s->cancel.id);
  else
    lua_pushnil(L);
  return 5;
}

#define MOST_SHOWN 8 /* scopes of one task */

/* Into 'text': "scope 5", "timeout (2.5 s left)", ...; nothing for what has no name. */
static void describe(const struct art_scope *s, char *text, size_t size) {
  static const char *const kinds[] = {[ART_SCOPE_TASK] = "",
                                      [ART_SCOPE_BODY] = "scope",
                                      [ART_SCOPE_BLOCK] = "scope",
                                      [ART_SCOPE_NURSERY] = "scope",
                                      [ART_SCOPE_SHIELD] = "shield",
                                      [ART_SCOPE_TIMEOUT] = "timeout",
                                      [ART_SCOPE_TRY_TIMEOUT] = "timeout",
                                      [ART_SCOPE_JOIN] = "join",
                                      [ART_SCOPE_RUN] = ""};
  const struct art_cancel *own = &s->nursery->cancel;
  int n = snprintf(text, size, "%s", kinds[s->kind]);
  if (s->nursery->handle != NULL) n += snprintf(text + n, size - (size_t)n, " %" PRIu64, own->id);
  if (own->cause != ART_NOT_CANCELLED)
    snprintf(text + n, size - (size_t)n, " (cancelled)");
  else if (art_timer_armed(&s->deadline))
    snprintf(text + n, size - (size_t)n, " (%.3g s left)",
             left(s->deadline.deadline_ns, s->rt->core));
}

/* scopes_of(task) -> the innermost of its own scopes first, as text; nil if it has none. Put together before anything is
** allocated: a finaliser could end them. */
static int scopes_of(lua_State *L) {
  const struct art_lua_task *t = art_to_task(L, 1, "scopes_of");
  char text[MOST_SHOWN * 64] = "";
  size_t n = 0;
  int shown = 0;
  for (const struct art_scope *s = t->scope; s != NULL && s->owner == t; s = s->parent) {
    char one[60];
    describe(s, one, sizeof one);
    if (*one == '\0') continue;
    if (shown++ == MOST_SHOWN - 1) {
      snprintf(text + n, sizeof text - n, ", ...");
      break;
    }
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n == 0 ? "" : ", ", one);
  }
  if (n == 0) return lua_pushnil(L), 1;
  lua_pushstring(L, text);
  return 1;
}

const luaL_Reg art_view_functions[] = {
    {"wait_of", wait_of},     {"frames_of", frames_of},    {"frames", frames}, {"facts", facts},
    {"scopes_of", scopes_of}, {"task_name", task_name_of}, {NULL, NULL}};
const luaL_Reg art_view_methods[] = {{"status", task_status},       {"id", task_id},
                                     {"name", task_name},           {"waiting_on", task_waiting_on},
                                     {"traceback", task_traceback}, {NULL, NULL}};
const luaL_Reg art_view_metamethods[] = {{"__tostring", task_tostring}, {NULL, NULL}};
