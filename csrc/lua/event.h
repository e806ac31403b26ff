/* Event: something that has happened, or not yet. */
#ifndef ART_LUA_EVENT_H
#define ART_LUA_EVENT_H

#include <lauxlib.h>

extern const char *const art_event_name;
extern const luaL_Reg art_event_functions[]; /* event */
extern const luaL_Reg art_event_methods[];
extern const luaL_Reg art_event_metamethods[];

#endif
