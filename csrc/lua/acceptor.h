/* Acceptor: somebody who wants a connection from a listener: a task in its accept, or a case of a select. One at a time
** has the turn and asks the kernel, the others queue. Once a connection has come it is the acceptor's, whatever becomes
** of the listener. */
#ifndef ART_LUA_ACCEPTOR_H
#define ART_LUA_ACCEPTOR_H

#include "lua/address.h"
#include "lua/socket.h"

struct art_acceptor;

struct art_listener {
  struct art_socket socket;
  struct art_op op;              /* of who has the turn */
  struct art_timer pause;        /* armed while nothing can be accepted */
  struct art_acceptor *holder;   /* who has the turn */
  struct art_waitlist acceptors; /* who want it; empty unless somebody has it */
  dev_t device;                  /* of a path: what we made there, */
  ino_t inode;                   /* 0 otherwise; */
  pid_t pid;                     /* and who made it */
};

enum art_acceptance {
  ART_ACCEPT_IDLE,
  ART_ACCEPT_QUEUED, /* for its turn; no more in the queue: it has come */
  ART_ACCEPT_ASKED,  /* the kernel */
  ART_ACCEPT_SHORT,  /* of descriptors or memory: when the pause is over it asks again */
  ART_ACCEPT_ENDED   /* there is a result */
};

/* A Lua object without a finaliser; uservalue 1 is the stream that is to be the connection. */
struct art_acceptor {
  struct art_waiter waiter;      /* for the turn */
  struct art_waker waker;        /* woken by what it waits for, */
  struct art_waker *owner;       /* it wakes its owner, who is to look at it */
  struct art_listener *listener; /* NULL: it is idle or has ended */
  struct art_address peer;
  enum art_acceptance state;
  int result; /* a descriptor or -errno; -ECANCELED: the listener was closed */
};

/* [-0, +1, m] An idle one. */
struct art_acceptor *art_new_acceptor(lua_State *L);

/* Begins to wait for a connection, in a task of the listener's runtime. */
void art_acceptor_begin(struct art_acceptor *a, struct art_listener *l, struct art_waker *owner);

/* Goes on as far as it can without waiting, for 't', which runs: not at all if that is cancelled. Has it ended? */
bool art_acceptor_look(struct art_acceptor *a, const struct art_lua_task *t);

/* Gives up: takes no connection, passes the turn on. A connection that has come is closed. */
void art_acceptor_leave(struct art_acceptor *a);

/* [-0, +n, m] It has ended, and is idle after this: the stream, or nil, message, code; the listener is at 'listener', the
** acceptor at 'self'. */
int art_acceptor_answer(lua_State *L, struct art_lua_task *t, int listener, int self);

/* The listener is being closed. */
void art_listener_send_away(struct art_listener *l);

/* Is there a connection, or nothing to wait for? */
bool art_listener_is_ready(struct art_listener *l);

#endif
