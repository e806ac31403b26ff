/* asyncrt.core: what the Lua layer is made of. */
#include <errno.h>
#include <string.h>

#include "asyncrt_lua.h"
#include "lua/await.h"
#include "lua/barrier.h"
#include "lua/block.h"
#include "lua/body.h"
#include "lua/boundary.h"
#include "lua/channel.h"
#include "lua/condition.h"
#include "lua/connect.h"
#include "lua/cycle.h"
#include "lua/deadline.h"
#include "lua/ending.h"
#include "lua/error.h"
#include "lua/event.h"
#include "lua/frame.h"
#include "lua/future.h"
#include "lua/hog.h"
#include "lua/hold.h"
#include "lua/host.h"
#include "lua/inspect.h"
#include "lua/listener.h"
#include "lua/locals.h"
#include "lua/loop.h"
#include "lua/mutex.h"
#include "lua/nested.h"
#include "lua/nursery.h"
#include "lua/permits.h"
#include "lua/protect.h"
#include "lua/readable.h"
#include "lua/run.h"
#include "lua/runtime.h"
#include "lua/rwlock.h"
#include "lua/scope.h"
#include "lua/select.h"
#include "lua/semaphore.h"
#include "lua/sending.h"
#include "lua/spawn.h"
#include "lua/stats.h"
#include "lua/stream.h"
#include "lua/subscription.h"
#include "lua/task.h"
#include "lua/time.h"
#include "lua/trace.h"
#include "lua/usage.h"
#include "lua/view.h"
#include "lua/waker.h"

/* Lua 5.4.3 too calls itself 5.4.0 to the preprocessor; that one and the two after it are refused when they are loaded,
** by lua/asyncrt/version.lua. */
#if LUA_VERSION_NUM < 504
#error "asyncrt needs Lua 5.4.3 or later: older ones cannot suspend in __close"
#endif

enum { STATE = 1 }; /* on the stack of luaopen: upvalue 1 of everything */

#define MODULE "asyncrt.core" /* in the registry */

static void set_functions(lua_State *L, const luaL_Reg *functions) {
  lua_pushvalue(L, STATE);
  luaL_setfuncs(L, functions, 1);
}

/* [-1, +0, -] */
static void set_value(lua_State *L, enum art_lua_value v) {
  lua_setiuservalue(L, STATE, v);
}

/* [-0, +1, m] A metatable whose __index is a plain table of methods. 'name' registers it; lists end with NULL. */
static void new_type(lua_State *L, const char *name, const luaL_Reg *const *methods,
                     const luaL_Reg *const *metamethods) {
  luaL_newmetatable(L, name);
  for (; *metamethods != NULL; metamethods++) set_functions(L, *metamethods);
  lua_newtable(L);
  for (; *methods != NULL; methods++) set_functions(L, *methods);
  lua_setfield(L, -2, "__index");
}

#define LIST(...) ((const luaL_Reg *const[]){__VA_ARGS__, NULL})
#define NOTHING ((const luaL_Reg *const[]){NULL})

/* The metatable on top is that kind's. */
static void note_meta(lua_State *L, enum art_kind_index kind) {
  struct art_lua *state = lua_touserdata(L, STATE);
  state->kinds.meta[kind] = lua_topointer(L, -1);
}

/* [-0, +0, m] The metatable of a kind of handles. */
static void new_kind(lua_State *L, const struct art_kind *kind, const luaL_Reg *const *methods,
                     const luaL_Reg *const *metamethods) {
  new_type(L, kind->name, methods, metamethods);
  note_meta(L, kind->index);
  if (kind->meta == 0)
    lua_pop(L, 1);
  else
    set_value(L, (enum art_lua_value)kind->meta);
}

static void set_closure(lua_State *L, enum art_lua_value v, lua_CFunction f) {
  lua_pushvalue(L, STATE);
  lua_pushcclosure(L, f, 1);
  set_value(L, v);
}

static void set_weak_table(lua_State *L, enum art_lua_value v) {
  lua_newtable(L);
  lua_createtable(L, 0, 2);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  if (v == ART_LOCALS) { /* the metatable of the tables that scripts see lives beside it */
    lua_newtable(L);
    set_functions(L, art_locals_metamethods);
    lua_pushliteral(L, ART_LOCALS_NAME);
    lua_setfield(L, -2, "__name");
    lua_setfield(L, -2, "proxy");
  }
  lua_setmetatable(L, -2);
  set_value(L, v);
}

/* Supervised tasks are of the same type for scripts, but have a finaliser. */
static void open_tasks(lua_State *L) {
  new_type(L, ART_TASK_NAME, LIST(art_task_methods, art_view_methods, art_usage_methods),
           LIST(art_view_metamethods));
  note_meta(L, ART_TASK_KIND);
  lua_createtable(L, 0, 6);
  lua_pushliteral(L, ART_TASK_NAME);
  lua_setfield(L, -2, "__name");
  set_functions(L, art_view_metamethods);
  set_functions(L, art_supervised_metamethods);
  lua_getfield(L, -2, "__index");
  lua_setfield(L, -2, "__index");
  note_meta(L, ART_SUPERVISED_TASK_KIND);
  set_value(L, ART_SUPERVISED_META);
  set_value(L, ART_TASK_META);
}

/* What tasks wait for each other with. */
static void open_sync_types(lua_State *L) {
  new_kind(L, &art_mutex_kind, LIST(art_mutex_methods), LIST(art_mutex_metamethods));
  new_kind(L, &art_semaphore_kind, LIST(art_semaphore_methods), LIST(art_semaphore_metamethods));
  new_kind(L, &art_guard_kind, LIST(art_guard_methods), LIST(art_guard_metamethods));
  new_kind(L, &art_rwlock_kind, LIST(art_rwlock_methods), LIST(art_rwlock_metamethods));
  new_kind(L, &art_event_kind, LIST(art_event_methods), LIST(art_event_metamethods));
  new_kind(L, &art_barrier_kind, LIST(art_barrier_methods), LIST(art_barrier_metamethods));
  new_kind(L, &art_condition_kind, LIST(art_condition_methods), LIST(art_condition_metamethods));
}

static void open_message_types(lua_State *L) {
  new_kind(L, &art_channel_kind, LIST(art_channel_methods), LIST(art_channel_metamethods));
  new_kind(L, &art_subscription_kind, LIST(art_subscription_methods),
           LIST(art_subscription_metamethods));
  new_kind(L, &art_sending_kind, NOTHING, LIST(art_sending_metamethods));
  new_kind(L, &art_deadline_kind, NOTHING, LIST(art_deadline_metamethods));
  new_kind(L, &art_hold_kind, LIST(art_hold_methods), LIST(art_hold_metamethods));
}

static void open_types(lua_State *L) {
  open_tasks(L);
  new_kind(L, &art_scope_kind, LIST(art_scope_methods, art_scope_spawn_methods),
           LIST(art_scope_metamethods));
  new_kind(L, &art_runtime_kind,
           LIST(art_runtime_methods, art_run_methods, art_host_methods, art_runtime_spawn_methods,
                art_stats_methods),
           LIST(art_runtime_metamethods));
  new_kind(L, &art_waker_kind, LIST(art_waker_methods), LIST(art_waker_metamethods));
  new_kind(L, &art_future_kind, LIST(art_future_methods), LIST(art_future_metamethods));
  new_kind(L, &art_stream_kind,
           LIST(art_stream_methods, art_read_methods, art_write_methods, art_readable_methods),
           LIST(art_stream_metamethods));
  new_kind(L, &art_readable_kind, NOTHING, LIST(art_readable_metamethods));
  new_kind(L, &art_listener_kind, LIST(art_listener_methods), LIST(art_listener_metamethods));
  new_kind(L, &art_lookup_kind, NOTHING, LIST(art_lookup_metamethods));
  open_message_types(L);
  open_sync_types(L);
  art_new_error_meta(L, STATE);
  set_value(L, ART_ERROR_META);
}

static void set_hook_names(lua_State *L) {
  lua_getiuservalue(L, STATE, ART_HOOKS);
  for (const char *const *name = art_hook_names; *name != NULL; name++) {
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, *name);
  }
  lua_pop(L, 1);
}

static void open_state(lua_State *L) {
  static const enum art_lua_value weak[] = {ART_TRACES, ART_NAMES,    ART_REASONS, ART_WAKERS,
                                            ART_LOCALS, ART_RUNTIMES, ART_LEAVING};
  struct art_lua *state = lua_newuserdatauv(L, sizeof *state, ART_LUA_VALUES);
  memset(state, 0, sizeof *state);
  art_list_init(&state->blocks);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, art_destroy_blocks);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2); /* before any other: finalisers are called in reverse order */
  lua_replace(L, STATE);
  for (unsigned i = 0; i < sizeof weak / sizeof *weak; i++) set_weak_table(L, weak[i]);
  for (int v = ART_HOOKS; v <= ART_REPORTS; v++) {
    lua_newtable(L);
    set_value(L, (enum art_lua_value)v);
  }
  set_hook_names(L);
  set_closure(L, ART_HANDLER, art_trace_handler);
  set_closure(L, ART_TRACER, art_trace_only);
  set_closure(L, ART_BODY, art_body);
  set_closure(L, ART_NOTE_KILLED, art_note_killed);
  set_closure(L, ART_SPAWN_MAIN, art_spawn_main);
  set_closure(L, ART_NOTE_REPORT, art_note_report);
  set_closure(L, ART_NOTE_MISUSE, art_note_misuse);
  set_closure(L, ART_HOG, art_hog_closure);
  set_closure(L, ART_NOTE_CYCLE, art_note_cycle);
}

/* Where the registry keeps the state's userdata, for those who call from C. */
static const char registry_key;

struct art_lua *art_lua_find(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  struct art_lua *state = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return state;
}

void art_push_value_from(lua_State *L, enum art_lua_value v) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_getiuservalue(L, -1, v);
  lua_remove(L, -2);
}

int art_lua_set_defaults(lua_State *L, const struct art_config *config) {
  static const struct art_config none = {.clock = ART_CLOCK_REAL};
  struct art_lua *state = art_lua_find(L);
  if (state == NULL) return -ENOENT;
  state->defaults = config == NULL ? none : *config;
  return 0;
}

/* One a Lua state: loaded once more, after package.loaded was cleared, it is still the module that made the handles
** there are. */
int luaopen_asyncrt_core(lua_State *L) {
  static const luaL_Reg *const functions[] = {
      art_run_functions,          art_runtime_functions,  art_spawn_functions,
      art_scope_functions,        art_boundary_functions, art_time_functions,
      art_waker_functions,        art_future_functions,   art_inspect_functions,
      art_connect_functions,      art_listener_functions, art_resolve_functions,
      art_channel_functions,      art_mutex_functions,    art_semaphore_functions,
      art_event_functions,        art_select_functions,   art_deadline_functions,
      art_subscription_functions, art_rwlock_functions,   art_barrier_functions,
      art_condition_functions,    art_protect_functions,  art_frame_functions,
      art_usage_functions,        art_view_functions,     art_stats_functions,
      art_hold_functions};
  luaL_checkversion(L);
  if (lua_getfield(L, LUA_REGISTRYINDEX, MODULE) == LUA_TTABLE) return 1;
  lua_settop(L, STATE);
  open_state(L);
  open_types(L);
  lua_newtable(L);
  for (unsigned i = 0; i < sizeof functions / sizeof *functions; i++)
    set_functions(L, functions[i]);
  art_nested_install(L, STATE);
  art_protect_install(L, STATE);
  lua_setfield(L, -2, "stock");
  lua_pushvalue(L, STATE);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, MODULE);
  return 1;
}
