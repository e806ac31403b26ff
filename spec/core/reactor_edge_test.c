/* The reactor around its operations: waiting and being notified, counts, many sources, nesting,
** running out of descriptors or memory, choice of the backend. */
#include "reactor_fixture.h"

#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "drivers/backend.h"

/* --- waiting ---------------------------------------------------------------------------------- */

static void *notify(void *arg) {
  (void)arg;
  if (write(reactor.notify_fd, &(uint64_t){1}, 8) != 8)
    abort(); /* cmocka knows its own thread only */
  return NULL;
}

static void a_notify_from_another_thread_ends_a_wait(void **state) {
  pthread_t thread;
  (void)state;
  for (int i = 0; i < 3; i++) {
    assert_int_equal(pthread_create(&thread, NULL, notify, NULL), 0);
    assert_int_equal(art_reactor_wait(&reactor, ART_NEVER), 0);
    pthread_join(thread, NULL);
  }
}

static void a_notify_before_the_wait_is_kept(void **state) {
  (void)state;
  for (int i = 0; i < 1000; i++) notify(NULL);
  assert_int_equal(art_reactor_wait(&reactor, ART_NEVER), 0);
}

static void notifies_do_not_pile_up(void **state) {
  (void)state;
  for (int i = 0; i < 10000; i++) { /* more than a pipe holds */
    notify(NULL);
    assert_int_equal(art_reactor_wait(&reactor, ART_NEVER), 0);
  }
}

static void a_wait_ends_at_its_timeout(void **state) {
  (void)state;
  assert_int_equal(art_reactor_wait(&reactor, 0), 0);
  assert_int_equal(art_reactor_wait(&reactor, 1), 0);
  assert_int_equal(art_reactor_wait(&reactor, 1500000), 0);
}

static void milliseconds_are_rounded_up(void **state) {
  (void)state;
  assert_int_equal(art_timeout_ms(0), 0);
  assert_int_equal(art_timeout_ms(1), 1);
  assert_int_equal(art_timeout_ms(1000000), 1);
  assert_int_equal(art_timeout_ms(1000001), 2);
  assert_int_equal(art_timeout_ms(ART_NEVER), -1);
  assert_int_equal(art_timeout_ms(ART_NEVER - 1), INT_MAX);
}

/* From here on the kernel answers epoll_pwait2 with err. */
static void forbid_epoll_pwait2(int err) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(2);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(2);
}

static void assert_waits_without_epoll_pwait2(int err) {
  int status;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    forbid_epoll_pwait2(err);
    _exit(art_reactor_wait(&reactor, 1) == 0 ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_not_equal(WEXITSTATUS(status), 1); /* 2: no filters on this system */
}

static void an_old_kernel_waits_in_milliseconds(void **state) {
  (void)state;
  assert_waits_without_epoll_pwait2(ENOSYS);
  assert_waits_without_epoll_pwait2(EPERM);
}

/* --- counts ----------------------------------------------------------------------------------- */

static void pending_operations_are_counted(void **state) {
  struct pair p;
  struct trial in, out;
  char byte = 'x', buf[8];
  (void)state;
  open_pair(&p);
  assert_int_equal(perform(&p.a, ART_OP_SEND, &byte, 1), 1);
  assert_int_equal(reactor.pending, 0);
  assert_int_equal(submit(&in, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  fill(&p.a);
  assert_int_equal(submit(&out, &p.a, ART_OP_SEND, &byte, 1), 0);
  assert_int_equal(reactor.pending, 2);
  assert_int_equal(reactor.holding, 0); /* only a peer can complete them */
  art_reactor_cancel(&reactor, &p.a, &in.op);
  assert_int_equal(reactor.pending, 1);
  drain(&p.b);
  finish(&out);
  assert_int_equal(reactor.pending, 0);
  close_pair(&p);
}

/* A listener whose queue is full lets a connect wait. */
static void a_connect_under_way_is_held(void **state) {
  struct art_source listener, s;
  struct trial t;
  (void)state;
  struct sockaddr_in at = open_listener(&listener);
  assert_int_equal(listen(listener.fd, 0), 0);
  int first = connect_blocking(at);
  art_source_init(&s, open_tcp());
  assert_int_equal(submit(&t, &s, ART_OP_CONNECT, &at, sizeof at), 0);
  settle();
  assert_int_equal(reactor.holding, 1);
  art_reactor_cancel(&reactor, &s, &t.op);
  assert_int_equal(reactor.holding, 0);
  assert_int_equal(submit(&t, &s, ART_OP_CONNECT, &at, sizeof at), 0);
  assert_int_equal(reactor.holding, 1);
  art_reactor_forget(&reactor, &s);
  assert_int_equal(t.op.result, -ECANCELED);
  assert_int_equal(reactor.holding, 0);
  close_source(&s);
  close(first);
  close_source(&listener);
}

static void a_completed_operation_is_not_woken_again(void **state) {
  struct pair p;
  struct trial t;
  char buf[8];
  (void)state;
  open_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  assert_int_equal(send(p.b.fd, "a", 1, 0), 1);
  assert_int_equal(finish(&t), 1);
  assert_int_equal(send(p.b.fd, "b", 1, 0), 1);
  settle();
  assert_int_equal(t.wakes, 1);
  assert_int_equal(t.op.result, 1);
  assert_int_equal(p.a.slot, 0); /* poll is not asked about it: the next wait would end at once */
  assert_int_equal(perform(&p.a, ART_OP_RECV, buf, sizeof buf), 1);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  art_reactor_cancel(&reactor, &p.a, &t.op);
  assert_int_equal(p.a.slot, 0);
  close_pair(&p);
}

/* --- many ------------------------------------------------------------------------------------- */

#define MANY 1000

static void raise_descriptor_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= 2 * MANY + 100) return;
  limit.rlim_cur = 2 * MANY + 100;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) skip();
}

static void a_thousand_sources_wait_at_once(void **state) {
  static struct pair pairs[MANY];
  static struct trial trials[MANY];
  static char bytes[MANY];
  unsigned completed = 0;
  (void)state;
  raise_descriptor_limit();
  for (int i = 0; i < MANY; i++) {
    open_pair(&pairs[i]);
    assert_int_equal(submit(&trials[i], &pairs[i].a, ART_OP_RECV, &bytes[i], 1), 0);
  }
  for (int i = 0; i < MANY; i += 2) assert_int_equal(send(pairs[i].b.fd, "x", 1, 0), 1);
  for (int i = 1; i < MANY; i += 4) art_reactor_cancel(&reactor, &pairs[i].a, &trials[i].op);
  while (completed < MANY / 2) {
    int n = art_reactor_wait(&reactor, ART_NEVER);
    assert_true(n >= 0);
    completed += (unsigned)n;
  }
  for (int i = 0; i < MANY; i++) assert_int_equal(trials[i].wakes, i % 2 == 0);
  assert_int_equal(reactor.pending, MANY / 4);
  for (int i = 0; i < MANY; i++) close_pair(&pairs[i]);
}

/* --- nesting ---------------------------------------------------------------------------------- */

static void the_reactor_nests_in_other_loops(void **state) {
  struct pair p;
  struct trial t;
  struct epoll_event event = {.events = EPOLLIN};
  char buf[8];
  (void)state;
  if (reactor.fd < 0) return; /* promised by a backend with a descriptor only */
  struct pollfd inner = {.fd = reactor.fd, .events = POLLIN};
  int outer = epoll_create1(EPOLL_CLOEXEC);
  assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, reactor.fd, &event), 0);
  open_pair(&p);
  assert_int_equal(submit(&t, &p.a, ART_OP_RECV, buf, sizeof buf), 0);
  settle();
  assert_int_equal(epoll_wait(outer, &event, 1, 0), 0);
  assert_int_equal(poll(&inner, 1, 0), 0);
  assert_int_equal(send(p.b.fd, "abc", 3, 0), 3);
  assert_int_equal(epoll_wait(outer, &event, 1, -1), 1);
  assert_int_equal(poll(&inner, 1, -1), 1);
  assert_int_equal(art_reactor_wait(&reactor, 0), 1);
  assert_int_equal(epoll_wait(outer, &event, 1, 0), 0);
  notify(NULL);
  assert_int_equal(epoll_wait(outer, &event, 1, -1), 1);
  settle();
  assert_int_equal(poll(&inner, 1, 0), 0);
  close(outer);
  close_pair(&p);
}

/* --- running out ------------------------------------------------------------------------------ */

static void accept_reports_that_descriptors_ran_out(void **state) {
  struct art_source listener;
  struct trial t;
  struct rlimit limit;
  (void)state;
  struct sockaddr_in at = open_listener(&listener);
  assert_int_equal(submit(&t, &listener, ART_OP_ACCEPT, NULL, 0), 0);
  int peer = connect_blocking(at);
  getrlimit(RLIMIT_NOFILE, &limit);
  struct rlimit none = {.rlim_cur = (rlim_t)lowest_free_fd(), .rlim_max = limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  ssize_t later = finish(&t);
  ssize_t again = perform(&listener, ART_OP_ACCEPT, NULL, 0);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_int_equal(later, -EMFILE);
  assert_int_equal(again, -EMFILE);
  int fd = (int)perform(&listener, ART_OP_ACCEPT, NULL, 0); /* the connection is still there */
  assert_true(fd >= 0);
  close(fd);
  close(peer);
  close_source(&listener);
}

static unsigned allowed; /* allocations that will still succeed */

static void *scarce(void *ud, void *block, size_t old_size, size_t size) {
  (void)ud, (void)old_size;
  if (size == 0) {
    free(block);
    return NULL;
  }
  if (allowed == 0) return NULL;
  allowed--;
  return realloc(block, size);
}

static void no_memory_is_an_error_and_leaves_nothing(void **state) {
  struct art_allocator a = {.resize = scarce};
  struct art_reactor r;
  int before = lowest_free_fd(), err = -ENOMEM;
  (void)state;
  for (unsigned n = 0; err != 0; n++) {
    allowed = n;
    err = art_reactor_open(&r, &a, backend_name);
    if (err == 0) break;
    assert_int_equal(err, -ENOMEM);
    assert_int_equal(lowest_free_fd(), before);
  }
  art_reactor_close(&r);
}

static void a_submit_without_memory_can_be_repeated(void **state) {
  enum { COUNT = 40 };
  static struct pair pairs[COUNT];
  static struct trial trials[COUNT];
  char byte;
  (void)state;
  reactor.allocator.resize = scarce;
  for (int i = 0; i < COUNT; i++) {
    open_pair(&pairs[i]);
    allowed = 0;
    int status = submit(&trials[i], &pairs[i].a, ART_OP_RECV, &byte, 1);
    allowed = 1;
    if (status == -ENOMEM) status = submit(&trials[i], &pairs[i].a, ART_OP_RECV, &byte, 1);
    assert_int_equal(status, 0);
    assert_int_equal(reactor.pending, i + 1);
  }
  for (int i = 0; i < COUNT; i++) close_pair(&pairs[i]);
}

static void backends_are_chosen_by_name(void **state) {
  struct art_allocator a;
  struct art_reactor r;
  (void)state;
  art_allocator_init(&a, NULL);
  assert_string_equal(reactor.backend->name, backend_name);
  assert_int_equal(art_reactor_open(&r, &a, "no such"), -EINVAL);
  assert_int_equal(art_reactor_open(&r, &a, "auto"), 0);
  art_reactor_close(&r);
  assert_int_equal(art_reactor_open(&r, &a, NULL), 0);
  art_reactor_close(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_REACTOR(a_notify_from_another_thread_ends_a_wait),
      ON_REACTOR(a_notify_before_the_wait_is_kept),
      ON_REACTOR(notifies_do_not_pile_up),
      ON_REACTOR(a_wait_ends_at_its_timeout),
      ON_REACTOR(milliseconds_are_rounded_up),
      ON_REACTOR(an_old_kernel_waits_in_milliseconds),
      ON_REACTOR(pending_operations_are_counted),
      ON_REACTOR(a_connect_under_way_is_held),
      ON_REACTOR(a_completed_operation_is_not_woken_again),
      ON_REACTOR(a_thousand_sources_wait_at_once),
      ON_REACTOR(the_reactor_nests_in_other_loops),
      ON_REACTOR(accept_reports_that_descriptors_ran_out),
      ON_REACTOR(no_memory_is_an_error_and_leaves_nothing),
      ON_REACTOR(a_submit_without_memory_can_be_repeated),
      ON_REACTOR(backends_are_chosen_by_name),
  };
  int failed = 0;
  while (next_backend()) failed += cmocka_run_group_tests_name(backend_name, tests, NULL, NULL);
  return failed;
}
