/* What everyone who waits leaves behind: how to be polled again. */
#ifndef ART_BASE_WAKER_H
#define ART_BASE_WAKER_H

/* Embedded in whoever waits. A wake is a hint: the woken looks again at what it waited for.
** Drivers and wait lists call it on the runtime's thread; it only queues, never runs user code,
** so it may be called in the middle of a walk. */
struct art_waker {
  void (*wake)(struct art_waker *self);
};

static inline void art_wake(struct art_waker *waker) {
  waker->wake(waker);
}

#endif
