/* Inbox. A stack rather than a queue: one word is its whole state, and there is no moment at which
** a pusher that lost its time slice hides the nodes behind it. Only the owner takes, and always
** everything; a pusher never looks into the head it found, so a node that left and came back
** between its load and its swap (ABA) does no harm.
**
**   NULL   -push->  node      -push-> node ... -deliver-> NULL
**   NULL   -sleep-> ASLEEP    -push-> node, and the pusher notifies
**   any    -close-> CLOSED    for good
*/
#include "base/inbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

struct art_inbox {
  _Atomic(struct art_inbox_node *) head;
  atomic_size_t refs;
  struct art_allocator allocator;
  pthread_mutex_t notify_lock; /* held around the write: close waits for one under way */
  int notify_fd;               /* under notify_lock; -1 once closed */
};

/* Never linked, only addresses that no node has. */
static struct art_inbox_node asleep, closed;
#define ASLEEP (&asleep)
#define CLOSED (&closed)

struct art_inbox *art_inbox_new(const struct art_allocator *a, int notify_fd) {
  struct art_inbox *in = art_alloc(a, sizeof *in);
  if (in == NULL) return NULL;
  if (pthread_mutex_init(&in->notify_lock, NULL) != 0) {
    art_free(a, in, sizeof *in);
    return NULL;
  }
  atomic_init(&in->head, NULL);
  atomic_init(&in->refs, 1);
  in->allocator = *a;
  in->notify_fd = notify_fd;
  return in;
}

struct art_inbox *art_inbox_ref(struct art_inbox *in) {
  /* relaxed: whoever refs holds a reference, or was given the inbox by someone who does */
  atomic_fetch_add_explicit(&in->refs, 1, memory_order_relaxed);
  return in;
}

void art_inbox_unref(struct art_inbox *in) {
  /* release: our uses of the inbox are over; acquire: the last one, which pairs with the releases
  ** of all others, frees only after them */
  if (atomic_fetch_sub_explicit(&in->refs, 1, memory_order_acq_rel) != 1) return;
  assert(art_inbox_empty(in));
  pthread_mutex_destroy(&in->notify_lock);
  struct art_allocator a = in->allocator;
  art_free(&a, in, sizeof *in);
}

unsigned art_inbox_refs(const struct art_inbox *in) {
  /* acquire: pairs with the release in unref; who has let go has pushed before, and we see it */
  return (unsigned)atomic_load_explicit(&in->refs, memory_order_acquire);
}

void art_inbox_notify(struct art_inbox *in) {
  const uint64_t one = 1;
  pthread_mutex_lock(&in->notify_lock);
  if (in->notify_fd >= 0) {
    while (write(in->notify_fd, &one, sizeof one) < 0 && errno == EINTR)
      ; /* EAGAIN is fine: a full counter or pipe is readable, which is all we want */
  }
  pthread_mutex_unlock(&in->notify_lock);
}

bool art_inbox_push(struct art_inbox *in, struct art_inbox_node *node) {
  struct art_inbox_node *head = atomic_load_explicit(&in->head, memory_order_relaxed);
  do {
    if (head == CLOSED) return false;
    node->next = head == ASLEEP ? NULL : head;
    /* release: what was written before the push; pairs with the acquire exchanges in deliver and
    ** close. Later pushes are read-modify-writes, so they carry our release on to the taker. */
  } while (!atomic_compare_exchange_weak_explicit(&in->head, &head, node, memory_order_release,
                                                  memory_order_relaxed));
  if (head == ASLEEP) art_inbox_notify(in); /* ours was the push that ended the sleep */
  return true;
}

/* Delivers a taken stack from its bottom. A node whose deliver was called may be on its way again,
** or gone. */
static unsigned deliver_all(struct art_inbox_node *newest) {
  struct art_inbox_node *oldest = NULL;
  while (newest != NULL) {
    struct art_inbox_node *below = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = below;
  }
  unsigned delivered = 0;
  while (oldest != NULL) {
    struct art_inbox_node *node = oldest;
    oldest = node->next;
    node->deliver(node);
    delivered++;
  }
  return delivered;
}

unsigned art_inbox_deliver(struct art_inbox *in) {
  struct art_inbox_node *head = atomic_load_explicit(&in->head, memory_order_relaxed);
  if (head == NULL || head == CLOSED) return 0; /* only we close: it cannot become CLOSED now */
  /* acquire: pairs with the release in push */
  head = atomic_exchange_explicit(&in->head, NULL, memory_order_acquire);
  return head == ASLEEP ? 0 : deliver_all(head);
}

bool art_inbox_sleep(struct art_inbox *in) {
  struct art_inbox_node *head = NULL;
  /* relaxed: nothing is published; a push comes before, and we see its node, or finds ASLEEP */
  bool slept = atomic_compare_exchange_strong_explicit(&in->head, &head, ASLEEP,
                                                       memory_order_relaxed, memory_order_relaxed);
  return slept || head == ASLEEP;
}

void art_inbox_awake(struct art_inbox *in) {
  struct art_inbox_node *head = ASLEEP;
  /* relaxed: as in sleep. It fails if a push ended the sleep already, or if none was begun. */
  atomic_compare_exchange_strong_explicit(&in->head, &head, NULL, memory_order_relaxed,
                                          memory_order_relaxed);
}

bool art_inbox_empty(const struct art_inbox *in) {
  /* relaxed: deliver does the acquire */
  struct art_inbox_node *head = atomic_load_explicit(&in->head, memory_order_relaxed);
  return head == NULL || head == ASLEEP || head == CLOSED;
}

void art_inbox_close(struct art_inbox *in) {
  /* acquire: pairs with the release in push */
  struct art_inbox_node *head = atomic_exchange_explicit(&in->head, CLOSED, memory_order_acquire);
  pthread_mutex_lock(&in->notify_lock); /* a pusher may be between its push and its write */
  in->notify_fd = -1;
  pthread_mutex_unlock(&in->notify_lock);
  if (head != ASLEEP && head != CLOSED) deliver_all(head);
}
