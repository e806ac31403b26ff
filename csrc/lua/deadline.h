/* Deadlines: what async.after and async.at give, for select. There is a timer only while a select waits. */
#ifndef ART_LUA_DEADLINE_H
#define ART_LUA_DEADLINE_H

#include <lauxlib.h>
#include <stdint.h>

extern const struct art_kind art_deadline_kind;

struct art_deadline;

/* When it is; one that was made while no runtime ran counts from the first time that it is asked. */
uint64_t art_deadline_ns(struct art_deadline *d, uint64_t now_ns);

extern const luaL_Reg art_deadline_functions[]; /* after, at */
extern const luaL_Reg art_deadline_metamethods[];

#endif
