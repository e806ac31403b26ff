/* Subscription: a channel whose oldest message gives way when it is full, so that a sender never waits for it. What
** broadcast and watch are made of. */
#ifndef ART_LUA_SUBSCRIPTION_H
#define ART_LUA_SUBSCRIPTION_H

#include <lauxlib.h>

extern const struct art_kind art_subscription_kind;

extern const luaL_Reg art_subscription_functions[]; /* subscription, publish */
extern const luaL_Reg art_subscription_methods[];
extern const luaL_Reg art_subscription_metamethods[];

#endif
