#include "executor/runtime.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "executor/spawn.h"
#include "executor/turn.h"

#define POOL_THREADS 4
#define POOL_IDLE_NS (10 * 1000000000ull)

static int init(struct art_runtime *rt, const struct art_config *config) {
  int err = art_reactor_open(&rt->reactor, &rt->allocator, config->driver);
  if (err < 0) return err;
  rt->inbox = art_inbox_new(&rt->allocator, rt->reactor.notify_fd);
  if (rt->inbox == NULL) {
    art_reactor_close(&rt->reactor);
    return -ENOMEM;
  }
  art_clock_init(&rt->clock, config->clock);
  art_wheel_init(&rt->wheel, 0);
  art_wheel_init(&rt->outer_wheel, 0);
  rt->outer_origin_ns = art_monotonic_ns();
  rt->pool = NULL;
  art_executor_init(&rt->executor, rt->inbox);
  if (config->seeded) {
    art_executor_seed(&rt->executor, config->seed);
    rt->reactor.random = art_random_seed(~config->seed);
  }
  art_list_init(&rt->owned);
  rt->timer_fd = -1;
  art_birth_init(&rt->birth);
  rt->frame = NULL;
  rt->advanced = false;
  rt->holds = 0;
  rt->entered = false;
  return 0;
}

struct art_runtime *art_runtime_new(const struct art_config *config) {
  static const struct art_config defaults = {.clock = ART_CLOCK_REAL};
  if (config == NULL) config = &defaults;
  struct art_allocator a;
  art_allocator_init(&a, &config->allocator);
  struct art_runtime *rt = art_alloc(&a, sizeof *rt);
  if (rt == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  rt->allocator = a;
  int err = init(rt, config);
  if (err == 0) return rt;
  art_free(&a, rt, sizeof *rt);
  errno = -err;
  return NULL;
}

/* Wakers elsewhere may outlive us: the inbox is closed, not freed; first of all, because what it still delivers may
** spawn. In a child of fork the inbox's descriptors are the parent's too, closing our copies of them is all that
** happens. */
void art_runtime_close(struct art_runtime *rt) {
  art_inbox_close(rt->inbox);
  art_runtime_cancel_owned(rt);
  if (rt->pool != NULL) art_pool_close(rt->pool);
  art_inbox_unref(rt->inbox);
  if (rt->timer_fd >= 0) close(rt->timer_fd);
  art_reactor_close(&rt->reactor);
  art_birth_destroy(&rt->birth);
  struct art_allocator a = rt->allocator;
  art_free(&a, rt, sizeof *rt);
}

bool art_runtime_is_ours(const struct art_runtime *rt) {
  return art_birth_is_here(&rt->birth);
}

int art_runtime_enter(struct art_runtime *rt) {
  if (rt->entered) return -EBUSY;
  if (!art_runtime_is_ours(rt)) return -ECHILD;
  rt->entered = true;
  rt->executor.exposed = false;
  art_inbox_awake(rt->inbox);
  return 0;
}

void art_runtime_leave(struct art_runtime *rt) {
  rt->entered = false;
  art_runtime_expose(rt);
}

int art_runtime_set_pace(struct art_runtime *rt, double pace) {
  if (rt->clock.kind != ART_CLOCK_REAL || !(pace >= 0 && pace < INFINITY)) return -EINVAL;
  art_clock_set_pace(&rt->clock, pace);
  if (!rt->entered) art_runtime_expose(rt);
  return 0;
}

unsigned art_runtime_ready(const struct art_runtime *rt) {
  return rt->executor.queued + rt->executor.deferred_count;
}

uint64_t art_runtime_now_ns(const struct art_runtime *rt) {
  return art_clock_now(&rt->clock);
}

struct art_wheel *art_runtime_outer_wheel(struct art_runtime *rt) {
  return rt->clock.kind == ART_CLOCK_VIRTUAL ? &rt->wheel : &rt->outer_wheel;
}

uint64_t art_runtime_outer_now_ns(const struct art_runtime *rt) {
  if (rt->clock.kind == ART_CLOCK_VIRTUAL) return art_clock_now(&rt->clock);
  return art_monotonic_ns() - rt->outer_origin_ns;
}

int art_runtime_submit_job(struct art_runtime *rt, struct art_job *job) {
  if (rt->pool == NULL)
    rt->pool = art_pool_new(&rt->allocator, rt->inbox, POOL_THREADS, POOL_IDLE_NS);
  return rt->pool == NULL ? -ENOMEM : art_pool_submit(rt->pool, job);
}
