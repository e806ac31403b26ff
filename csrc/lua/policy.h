/* Policy: what is done about code that does not suspend. A scope has one, or none; scopes opened inside have it too, and
** so have the tasks spawned there and what they spawn. */
#ifndef ART_LUA_POLICY_H
#define ART_LUA_POLICY_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct art_lua_runtime;
struct art_lua_task;

struct art_policy {
  struct art_policy *next; /* of the runtime's: equal ones are one */
  uint64_t slice_ns;       /* after that others have their turn; 0: it may go on */
  uint64_t slow_ns;        /* after that it is reported; 0: never */
  bool kill;               /* at the end of a slice the task is cancelled instead */
  bool untrusted;          /* no critical functions, nothing detached, shields last a slice */
  bool closing;            /* at the end of a slice it is stopped, whatever it does */
};

/* The one that is the same as 'wanted' but for 'next', kept until the runtime goes; NULL if that asks for nothing. Raises
** for want of memory or of a timer. */
const struct art_policy *art_policy_keep(lua_State *L, struct art_lua_runtime *rt,
                                         struct art_policy wanted);

/* The same, NULL also if it cannot be had, with a negative error. */
const struct art_policy *art_policy_find(struct art_lua_runtime *rt, struct art_policy wanted,
                                         int *err);

/* The policy of what runs in 't' now, or NULL. */
const struct art_policy *art_policy_of(const struct art_lua_task *t);

/* Everything of the runtime that has no policy gets this one. */
void art_policy_spread(struct art_lua_runtime *rt, const struct art_policy *p);

void art_policy_free_all(struct art_lua_runtime *rt);

/* Raises in code that is not trusted. */
void art_check_trusted(lua_State *L, const struct art_lua_task *t, const char *function);

/* [-0, +0, m] Those options of the table at 'arg' that it has, into *p. Code that is not trusted may only ask for less. */
void art_policy_slice(lua_State *L, int arg, const char *function, struct art_policy *p);
void art_policy_hog(lua_State *L, int arg, const char *function, struct art_policy *p);
void art_policy_untrusted(lua_State *L, int arg, const char *function, struct art_policy *p);
void art_policy_slow(lua_State *L, int arg, const char *function, struct art_policy *p);

#endif
