/* Mutex. Its owner is a task, or nobody's task: whoever locked it outside of one. The owner's handle is kept in a
** uservalue, so that one that ended is still there to be looked at. A mutex that somebody waits for is on its owner's list
** as well: the end of the owner wakes them. It is alive for as long as that, for it is on the stacks of those who wait. */
#include "lua/mutex.h"

#include "lua/args.h"
#include "lua/cycle.h"
#include "lua/error.h"
#include "lua/handle.h"
#include "lua/park.h"
#include "lua/task.h"

enum { OWNER = 1 }; /* uservalue: the handle of the task that has locked it */
enum { SELF = 1 };

struct art_mutex {
  struct art_handle handle;
  struct art_waitlist queue;  /* empty unless locked */
  struct art_lua_task *owner; /* NULL: nobody, or who was in no task */
  struct art_mutex *next;     /* of the contended ones of its owner */
  bool locked;
};

const struct art_kind art_mutex_kind = {
    .name = "asyncrt.mutex", .size = sizeof(struct art_mutex), .index = ART_MUTEX_KIND};

static struct art_mutex *check(lua_State *L, const char *function) {
  return art_check_handle(L, 1, function, &art_mutex_kind);
}

static bool is_broken(const struct art_mutex *m) {
  return m->owner != NULL && m->owner->outcome != ART_OPEN;
}

int art_mutex_raise_broken(lua_State *L) {
  art_push_error(L, "broken", "the task that had locked the mutex ended without unlocking it");
  return lua_error(L);
}

/* --- the owner's list --------------------------------------------------------------------------------------------- */

static void enlist(struct art_mutex *m) {
  if (m->owner == NULL || art_waitlist_empty(&m->queue)) return;
  m->next = m->owner->contended;
  m->owner->contended = m;
}

/* Nothing if it is not listed. */
static void delist(struct art_mutex *m) {
  if (m->owner == NULL) return;
  for (struct art_mutex **at = &m->owner->contended; *at != NULL; at = &(*at)->next) {
    if (*at != m) continue;
    *at = m->next;
    return;
  }
}

void art_mutex_owner_ended(struct art_lua_task *t) {
  struct art_mutex *m;
  while ((m = t->contended) != NULL) {
    t->contended = m->next;
    art_waitlist_wake_all(&m->queue); /* woken without being the owner */
  }
}

/* --- locking ------------------------------------------------------------------------------------------------------ */

static void take(struct art_mutex *m, struct art_lua_task *owner) {
  m->locked = true;
  m->owner = owner;
}

/* [-0, +0, -] The running task has become the owner. */
static void keep_owner(lua_State *L, struct art_lua_task *t, int index) {
  art_push_task(L, t);
  lua_setiuservalue(L, index, OWNER);
}

/* To the next who waits. */
static void pass(struct art_mutex *m) {
  delist(m);
  struct art_waiter *next = art_waitlist_wake_one(&m->queue);
  take(m, next == NULL ? NULL : ART_CONTAINER(next, struct art_lua_task, parking.io.waiter));
  m->locked = next != NULL;
  enlist(m);
}

/* Also of a task that is killed after the mutex was handed to it. */
void art_mutex_abort(struct art_lua_task *t) {
  struct art_mutex *m = t->parking.io.with;
  if (art_waiter_waiting(&t->parking.io.waiter)) {
    art_waiter_leave(&t->parking.io.waiter);
    if (art_waitlist_empty(&m->queue)) delist(m);
  } else if (m->owner == t) {
    pass(m);
  }
}

struct art_lua_task *art_mutex_waited_owner(const struct art_lua_task *t) {
  const struct art_mutex *m = t->parking.io.with;
  return m->owner;
}

enum art_mutex_answer art_mutex_look(lua_State *L, struct art_lua_task *t, int index) {
  const struct art_mutex *m = lua_touserdata(L, index);
  if (art_waiter_waiting(&t->parking.io.waiter)) return ART_MUTEX_WAITS;
  if (m->owner != t) return ART_MUTEX_BROKEN;
  keep_owner(L, t, index);
  return ART_MUTEX_OWNED;
}

enum art_mutex_answer art_mutex_ask(lua_State *L, struct art_lua_task *t, int index, bool forced) {
  struct art_mutex *m = lua_touserdata(L, index);
  if (m->owner != NULL)
    art_check_no_cycle(L, &(struct art_closing){.t = t, .first = m->owner, .forced = forced},
                       index);
  if (is_broken(m)) return ART_MUTEX_BROKEN;
  if (!m->locked) {
    take(m, t);
    keep_owner(L, t, index);
    return ART_MUTEX_OWNED;
  }
  bool first = art_waitlist_empty(&m->queue);
  t->parking.io.waiter = (struct art_waiter){.waker = &t->core.waker};
  t->parking.io.with = m;
  art_waitlist_add(&m->queue, &t->parking.io.waiter);
  if (first) enlist(m);
  return ART_MUTEX_WAITS;
}

static const struct art_wait mutex_wait = {
    .what = "mutex", .abort = art_mutex_abort, .handle = SELF, .for_whom = art_mutex_waited_owner};

static int lock_k(lua_State *L, int status, lua_KContext ctx);

static int answer_lock(lua_State *L, struct art_lua_task *t, enum art_mutex_answer answer) {
  if (answer == ART_MUTEX_WAITS) return art_park(L, t, &mutex_wait, lock_k, (lua_KContext)t);
  return answer == ART_MUTEX_BROKEN ? art_mutex_raise_broken(L) : 1;
}

static int lock_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  return answer_lock(L, t, art_mutex_look(L, t, SELF));
}

static int lock(lua_State *L) {
  struct art_mutex *m = art_check_alone(L, "lock", &art_mutex_kind);
  struct art_lua_task *t = art_checkpoint_in(L, m->handle.state, "lock");
  if (m->owner == t) {
    art_push_error(L, "deadlock", "a task locks a mutex that it has locked already");
    return lua_error(L);
  }
  enum art_mutex_answer answer = art_mutex_ask(L, t, SELF, false);
  if (answer != ART_MUTEX_OWNED || art_executor_spend(t->core.executor))
    return answer_lock(L, t, answer);
  t->parking.io.waiter = (struct art_waiter){.waker = &t->core.waker};
  t->parking.io.with = m;
  return art_give_way(L, t, &mutex_wait, lock_k, (lua_KContext)t);
}

static int try_lock(lua_State *L) {
  struct art_mutex *m = check(L, "try_lock");
  lua_settop(L, SELF);
  if (is_broken(m)) return art_mutex_raise_broken(L);
  if (m->locked) {
    lua_pushnil(L);
    lua_pushliteral(L, "the mutex is locked");
    lua_pushliteral(L, "locked");
    return 3;
  }
  struct art_lua_task *t = art_acting(L);
  take(m, t);
  if (t != NULL) keep_owner(L, t, SELF);
  return 1;
}

/* --- unlocking ---------------------------------------------------------------------------------------------------- */

/* Has the caller locked it? A task that is killed runs its handlers of <close> after it was the running one. */
bool art_mutex_is_callers(lua_State *L, int index) {
  const struct art_mutex *m = lua_touserdata(L, index);
  if (!m->locked) return false;
  return m->owner == art_acting(L) || (m->owner != NULL && m->owner == art_lua_of(L)->killed);
}

void art_mutex_release(lua_State *L, int index) {
  pass(lua_touserdata(L, index));
  lua_pushnil(L);
  lua_setiuservalue(L, index, OWNER); /* the next one's own turn enters it */
}

static int unlock(lua_State *L) {
  struct art_mutex *m = art_check_alone(L, "unlock", &art_mutex_kind);
  if (!m->locked) return luaL_error(L, "'unlock' on a mutex that is not locked");
  if (!is_broken(m) && !art_mutex_is_callers(L, SELF))
    return luaL_error(L, "'unlock' on a mutex that somebody else has locked");
  art_mutex_release(L, SELF); /* a broken one is in use again */
  return 0;
}

/* local g <close> = m:lock(), unlocked before its block ends, may be somebody else's by now. */
static int mutex_close(lua_State *L) {
  check(L, "close");
  lua_settop(L, SELF);
  if (art_mutex_is_callers(L, SELF)) art_mutex_release(L, SELF);
  return 0;
}

/* --- the handle --------------------------------------------------------------------------------------------------- */

static int mutex(lua_State *L) {
  struct art_mutex *m = art_new_handle(L, &art_mutex_kind, 1);
  art_waitlist_init(&m->queue);
  return 1;
}

static int mutex_tostring(lua_State *L) {
  const struct art_mutex *m = check(L, "tostring");
  if (is_broken(m))
    lua_pushliteral(L, "mutex (broken)");
  else if (m->locked && m->owner != NULL)
    lua_pushfstring(L, "mutex (locked by task %I)", (LUAI_UACINT)m->owner->cancel.id);
  else
    lua_pushstring(L, m->locked ? "mutex (locked)" : "mutex (free)");
  return 1;
}

const luaL_Reg art_mutex_functions[] = {{"mutex", mutex}, {NULL, NULL}};
const luaL_Reg art_mutex_methods[] = {
    {"lock", lock}, {"try_lock", try_lock}, {"unlock", unlock}, {NULL, NULL}};
const luaL_Reg art_mutex_metamethods[] = {
    {"__close", mutex_close}, {"__tostring", mutex_tostring}, {NULL, NULL}};
