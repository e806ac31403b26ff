/* Event: something that has happened, or not yet. */
#ifndef ART_LUA_EVENT_H
#define ART_LUA_EVENT_H

#include <lauxlib.h>
#include <stdbool.h>

struct art_waitlist;

/* The event is a handle that was checked. */
bool art_event_is_set(const void *event);

/* Who waits until it is set. */
struct art_waitlist *art_event_waiters(void *event);

extern const struct art_kind art_event_kind;
extern const luaL_Reg art_event_functions[]; /* event */
extern const luaL_Reg art_event_methods[];
extern const luaL_Reg art_event_metamethods[];

#endif
