/* How scopes end: what the body's end means, and which of several errors comes out. The same for scopes, blocks,
** timeouts, shields and task bodies. */
#ifndef ART_LUA_ENDING_H
#define ART_LUA_ENDING_H

#include <lua.h>
#include <stdbool.h>

struct art_lua_task;
struct art_scope;

/* The body has ended; with an error (on top) unless 'ok'. A failure cancels the children. */
void art_body_ended(lua_State *L, struct art_scope *s, bool ok);

/* [-0, +(0|1), -] All children have ended. True: the scope raises, and pushes what. The body's error is at 'error' if
** it ended with one. What loses is added to the winner's list of suppressed errors, or goes to on_error. Raises nothing,
** lest a scope without its boundary stay behind. */
bool art_scope_failed(lua_State *L, struct art_scope *s, int error);

/* [-2, +0, -] Error and task (or nil) on top: for on_error, after this turn. */
void art_report(lua_State *L);

/* [-0, +0, -] The Lua state is being closed, its userdata is at 'state': failures that no runtime came to tell of go to
** stderr. Runs no Lua. */
void art_tell_at_close(lua_State *L, int state);

/* For the uservalues of those names. */
int art_note_report(lua_State *L);
int art_note_misuse(lua_State *L);

/* Has 't' scopes of its own open inside 's', other than that of its children? NULL: inside the task. */
bool art_has_leftovers(const struct art_lua_task *t, const struct art_scope *s);

/* Cancels those. False while their children run; else they are ended. 'misuse': that is reported, for it was a block
** without <close>. */
bool art_close_leftovers(lua_State *L, struct art_lua_task *t, const struct art_scope *s,
                         bool misuse);

/* [-0, +0, -] The children are done: ends the scope and its handle. The anchor table is at 'anchors'; works without
** upvalue. */
void art_end_scope(lua_State *L, struct art_scope *s, int anchors);

/* [-0, +0, -] Ends the scope without its owner's doing: the failures it has learnt of go to on_error. */
void art_abandon_scope(lua_State *L, struct art_scope *s, int anchors);

/* [-0, +0, -] There was no memory to end properly: ends what scopes the task has without, failures go to on_error. */
void art_abandon_scopes(lua_State *L, struct art_lua_task *t, int anchors);

#endif
