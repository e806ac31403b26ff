/* Ticker: interrupts its own thread every so often, by a timer of the kernel's and a signal (SIGURG, which does nothing
** to whoever does not ask for it). Ticks are not counted where they could not be delivered in time: several are one. */
#ifndef ART_DRIVERS_TICKER_H
#define ART_DRIVERS_TICKER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct art_ticker {
  void (*tick)(struct art_ticker *); /* runs in the signal handler: async-signal-safe calls only */
  timer_t timer;
  uint64_t period_ns; /* 0: there is no timer */
  volatile bool armed;
};

void art_ticker_init(struct art_ticker *t, void (*tick)(struct art_ticker *));

/* A timer of that period for the calling thread, which all other calls are for, instead of the one there was; stopped. Short
** periods are of the monotonic clock; from 4 ms on it is the processor time of the thread, of which a thread that waits
** has none. Unblocks the signal. 0 or -errno; after an error what there was goes on. */
int art_ticker_set(struct art_ticker *t, uint64_t period_ns);

/* A system call each; stop may be called in the tick, too. Nothing without a timer. */
void art_ticker_start(struct art_ticker *t);
void art_ticker_stop(struct art_ticker *t);

/* How much processor time the calling thread has used. A system call. */
uint64_t art_ticker_used_ns(void);

/* 'ours': this is the process that it was set in. From here on no tick comes. */
void art_ticker_destroy(struct art_ticker *t, bool ours);

#endif
