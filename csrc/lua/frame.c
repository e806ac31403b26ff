#include "lua/frame.h"

#include "lua/error.h"
#include "lua/park.h"
#include "lua/task.h"

static struct art_frames *frames_of(struct art_waker *begin) {
  return ART_CONTAINER(begin, struct art_frames, begin);
}

static void begin(struct art_waker *self) {
  struct art_frames *f = frames_of(self);
  struct art_lua_runtime *rt = ART_CONTAINER(f, struct art_lua_runtime, frames);
  f->last_ns = art_runtime_now_ns(rt->core);
  art_waitlist_wake_all(&f->waiting);
}

void art_frames_init(struct art_lua_runtime *rt, uint64_t period_ns) {
  struct art_frames *f = &rt->frames;
  art_waitlist_init(&f->waiting);
  f->last_ns = ART_NEVER;
  f->period_ns = period_ns;
  f->begin.wake = begin;
  f->timer = (struct art_timer){.waker = &f->begin};
  rt->core->frame = &f->begin;
}

/* On a grid, so that a late frame makes no other one late. */
static void arm(struct art_lua_runtime *rt) {
  struct art_frames *f = &rt->frames;
  uint64_t now_ns = art_runtime_now_ns(rt->core);
  if (art_timer_armed(&f->timer) || f->period_ns >= ART_NEVER - now_ns) return;
  art_wheel_arm(&rt->core->wheel, &f->timer, now_ns + f->period_ns - now_ns % f->period_ns);
}

void art_frames_run(struct art_lua_runtime *rt) {
  if (!art_waitlist_empty(&rt->frames.waiting)) arm(rt);
}

void art_frames_tick(struct art_lua_runtime *rt) {
  if (art_timer_armed(&rt->frames.timer)) art_wheel_disarm(&rt->core->wheel, &rt->frames.timer);
}

static void leave(struct art_lua_task *t) {
  art_waiter_leave(&t->parking.frame.waiter);
}

static const struct art_wait frame_wait = {.what = "the next frame", .abort = leave};

static int next_frame_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (art_waiter_waiting(&t->parking.frame.waiter))
    return art_park(L, t, &frame_wait, next_frame_k, ctx);
  lua_pushnumber(L, (lua_Number)(t->rt->frames.last_ns - t->parking.frame.since_ns) / 1e9);
  return 1;
}

/* next_frame() -> seconds since the frame before; where there was none, since the call */
static int next_frame(lua_State *L) {
  struct art_lua_task *t = art_checkpoint(L, "next_frame");
  struct art_frames *f = &t->rt->frames;
  uint64_t last_ns = f->last_ns == ART_NEVER ? art_runtime_now_ns(t->rt->core) : f->last_ns;
  t->parking.frame.waiter = (struct art_waiter){.waker = &t->core.waker};
  t->parking.frame.since_ns = last_ns;
  art_waitlist_add(&f->waiting, &t->parking.frame.waiter);
  if (!t->rt->core->executor.ticking) arm(t->rt);
  return art_park(L, t, &frame_wait, next_frame_k, (lua_KContext)t);
}

const luaL_Reg art_frame_functions[] = {{"next_frame", next_frame}, {NULL, NULL}};
