/* A finaliser does this, so nothing here may fail, and nothing allocates. All handles that the runtime anchors are still
** there: collecting the runtime has brought them back for this one time. */
#include "lua/orphan.h"

#include "lua/error.h"
#include "lua/mutex.h"
#include "lua/scope.h"
#include "lua/task.h"
#include "lua/unobserved.h"

static void orphan_task(lua_State *L, struct art_lua_task *t, int anchors) {
  if (t->wait != NULL && t->wait->abort != NULL && !t->wait->socket) t->wait->abort(t);
  t->parking.ended.busy_ns = 0;
  t->cancel.cause = ART_COLLECTED;
  t->flags &= (uint16_t)~ART_STARTED; /* what is kept is a reason, no error */
  lua_rawgeti(L, anchors, t->cancel.slot);
  art_push_reason(L, &t->cancel, anchors);
  lua_setiuservalue(L, -2, ART_TASK_VALUE); /* its coroutine was there */
  lua_pop(L, 1);
  t->outcome = ART_CANCELLED;
  t->scope = NULL;
  t->rt = NULL;
  t->co = NULL;
  art_task_end(&t->core);
  art_mutex_owner_ended(t);
  art_waitlist_wake_all(&t->awaiters);
}

static struct art_lua_task *pop(struct art_list *tasks) {
  struct art_list *n = art_list_pop(tasks);
  return n == NULL ? NULL : ART_CONTAINER(n, struct art_lua_task, sibling);
}

/* They have ended; there is nobody left to tell of them. */
static void forget(struct art_list *ended) {
  struct art_lua_task *t;
  while ((t = pop(ended)) != NULL) t->rt = NULL;
}

static void orphan_scope(lua_State *L, struct art_scope *s, int anchors) {
  struct art_lua_task *t;
  while ((t = pop(&s->children)) != NULL) orphan_task(L, t, anchors);
  forget(&s->failures);
  art_unobserved_free(s->rt, &s->unobserved);
  if (s->first != NULL) s->first->rt = NULL;
  if (s->handle != NULL) s->handle->scope = NULL;
  art_scope_end(s);
}

void art_orphan_all(lua_State *L, struct art_lua_runtime *rt, int anchors) {
  for (struct art_scope *s = art_scope_innermost(rt->root), *next; s != NULL; s = next) {
    next = s->parent;
    orphan_scope(L, s, anchors);
    if (next != NULL) next = art_scope_innermost(next);
  }
  forget(&rt->reports);
  art_unobserved_close(L, rt, anchors);
}
