/* Inbox: the one door through which other threads reach a runtime. A stack that anyone may push
** to and the owner takes whole. The head says in one word what matters: NULL (empty, owner
** awake), ASLEEP (empty, owner waits in the kernel and must be notified), CLOSED, or the last
** pushed node. So "is it asleep?" and "push" are one compare-and-swap, and no wake can fall
** between them. */
#ifndef ART_BASE_INBOX_H
#define ART_BASE_INBOX_H

#include <stdbool.h>

#include "base/alloc.h"

/* Embedded in what is sent. Not to be pushed again before it was delivered. */
struct art_inbox_node {
  struct art_inbox_node *next;
  void (*deliver)(struct art_inbox_node *self); /* called by the owner, on its thread */
};

struct art_inbox;

/* One reference, the owner's. notify_fd is written 8 bytes to (an eventfd or a pipe,
** non-blocking) when the owner sleeps; it stays the caller's. NULL: no memory. */
struct art_inbox *art_inbox_new(const struct art_allocator *a, int notify_fd);

/* Any thread. The inbox outlives its owner as long as someone may still push. */
struct art_inbox *art_inbox_ref(struct art_inbox *in);
void art_inbox_unref(struct art_inbox *in);

/* Owner. References there are right now: more than the owner knows of means that somebody
** elsewhere may push. */
unsigned art_inbox_refs(const struct art_inbox *in);

/* Any thread. False if the inbox is closed: the node is still the caller's. The caller's
** reference must last until this returns; the node may be delivered, and freed, before. */
bool art_inbox_push(struct art_inbox *in, struct art_inbox_node *node);

/* Any thread. Wakes the owner out of its sleep, the next one if it is awake, without sending
** anything. */
void art_inbox_notify(struct art_inbox *in);

/* Owner. Delivers what has arrived, in the order of its arrival; the number delivered. Also
** ends a sleep. */
unsigned art_inbox_deliver(struct art_inbox *in);

/* Owner. True if the inbox is empty and from now on every push notifies; false if something has
** arrived. */
bool art_inbox_sleep(struct art_inbox *in);

/* Owner. Back from sleep: pushes need not notify any more. */
void art_inbox_awake(struct art_inbox *in);

/* Owner. Is there anything to deliver? One relaxed load. */
bool art_inbox_empty(const struct art_inbox *in);

/* Owner. Delivers what is there; later pushes fail and notify_fd is not touched again. */
void art_inbox_close(struct art_inbox *in);

#endif
