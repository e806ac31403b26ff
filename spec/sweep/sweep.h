/* What the sweeps share: an allocator that refuses the k-th request, and the books that must balance after it.
** A run is told apart by scenario, mode and k; whatever ends the process says which one it was. */
#ifndef ART_SPEC_SWEEP_H
#define ART_SPEC_SWEEP_H

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asyncrt.h"
#include "base/alloc.h"

/* Of the sanitizers' runtime. Not every clang comes with the headers that declare them, and clang compiles this too. */
void __sanitizer_set_death_callback(void (*callback)(void));
void __sanitizer_set_report_fd(void *fd);

/* Where an allocation comes from. base/alloc.h declares it in builds for the sweep alone; others compile this too. */
extern _Thread_local const char *art_alloc_site;

#define WATCHDOG_SECONDS 60
#define MAX_SITES 256
#define MAX_FDS 64

/* Lua answers a refusal with a full collection and asks again; only a second refusal is a failure to it. */
enum mode {
  RESTLESS, /* nothing is refused, but Lua collects all the time: what is not anchored goes */
  HICCUP,  /* one request is refused: Lua collects in the middle of whatever it does, and goes on */
  ONCE,    /* one allocation fails */
  FOR_EVER /* and all that follow */
};

static const char *const mode_names[] = {"with a restless collector", "one request", "once",
                                         "for ever"};

/* Where the hook of the core was refused something. */
struct site {
  const char *text; /* file:line */
  unsigned refusals;
};

static struct {
  pthread_mutex_t lock; /* pool threads allocate too */
  bool armed;
  enum mode mode;
  long k;               /* the request that is refused, from 0 on */
  long requests;        /* since it was armed */
  long refusals;        /* since it was armed */
  bool lua_asks_again;  /* the last request was Lua's and refused */
  long long core_bytes; /* held by the core */
  long long lua_bytes;  /* held by Lua */
  struct site sites[MAX_SITES];
  const char *scenario;
  int console; /* the real stderr */
  unsigned passed, failed;
} sweep = {.lock = PTHREAD_MUTEX_INITIALIZER, .console = 2, .scenario = "none"};

/* --- the allocator ------------------------------------------------------------------------------------------ */

static bool refuses(bool is_lua) {
  bool second_try = sweep.lua_asks_again && is_lua;
  sweep.lua_asks_again = false;
  if (!sweep.armed || sweep.mode == RESTLESS) return false;
  if (second_try && sweep.mode == ONCE) return true; /* not a request of its own */
  long n = sweep.requests++;
  bool refused = sweep.mode == FOR_EVER ? n >= sweep.k : n == sweep.k;
  if (!refused) return false;
  sweep.refusals++;
  sweep.lua_asks_again = is_lua;
  return true;
}

static void *resize(void *block, size_t old_size, size_t new_size, bool is_lua) {
  void *result = NULL;
  pthread_mutex_lock(&sweep.lock);
  if (new_size == 0) {
    free(block);
  } else if (!refuses(is_lua)) {
    result = realloc(block, new_size);
  }
  if (new_size == 0 || result != NULL) {
    long long *bytes = is_lua ? &sweep.lua_bytes : &sweep.core_bytes;
    *bytes += (long long)new_size - (block == NULL ? 0 : (long long)old_size);
  }
  pthread_mutex_unlock(&sweep.lock);
  return result;
}

static void note_site(const char *site) {
  for (struct site *s = sweep.sites; s < sweep.sites + MAX_SITES; s++) {
    if (s->text != NULL && strcmp(s->text, site) != 0) continue;
    s->text = site;
    s->refusals++;
    return;
  }
}

/* The core's hook. */
static void *core_resize(void *ud, void *block, size_t old_size, size_t new_size) {
  (void)ud;
  const char *site = art_alloc_site;
  void *result = resize(block, old_size, new_size, false);
  if (new_size != 0 && result == NULL) note_site(site);
  return result;
}

/* --- a run -------------------------------------------------------------------------------------------------- */

static void say_which(void) {
  dprintf(sweep.console, "in scenario %s, k = %ld %s\n", sweep.scenario, sweep.k,
          mode_names[sweep.mode]);
}

static void on_signal(int signal_number) {
  dprintf(sweep.console, "%s: ", signal_number == SIGALRM ? "it hangs" : "abort");
  say_which();
  _exit(3);
}

static void watch_over(void) {
  __sanitizer_set_death_callback(say_which);
  signal(SIGALRM, on_signal);
  signal(SIGABRT, on_signal);
  signal(SIGPIPE, SIG_IGN);
}

static void begin_run(enum mode mode, long k) {
  sweep.mode = mode;
  sweep.k = k;
  sweep.requests = sweep.refusals = 0;
  sweep.lua_asks_again = false;
  sweep.core_bytes = sweep.lua_bytes = 0;
  alarm(WATCHDOG_SECONDS);
}

/* One bit a descriptor. */
static unsigned long long open_fds(void) {
  unsigned long long set = 0;
  for (int fd = 0; fd < MAX_FDS; fd++)
    if (fcntl(fd, F_GETFD) >= 0) set |= 1ull << fd;
  return set;
}

/* Says what is wrong with this run, if anything is. */
static bool complain(const char *format, const char *detail) {
  dprintf(sweep.console, "FAILED: ");
  dprintf(sweep.console, format, detail);
  dprintf(sweep.console, "\n    ");
  say_which();
  return false;
}

/* Threads of the pool may outlive the runtime for a moment, with what they hold. */
static void await_threads(void) {
  for (int i = 0; i < 5000 && __atomic_load_n(&sweep.core_bytes, __ATOMIC_ACQUIRE) != 0; i++)
    usleep(1000);
}

static bool books_balance(unsigned long long fds_before) {
  char text[64];
  bool fine = true;
  await_threads();
  if (sweep.core_bytes != 0 || sweep.lua_bytes != 0) {
    snprintf(text, sizeof text, "%lld of the core, %lld of Lua", sweep.core_bytes, sweep.lua_bytes);
    fine = complain("bytes leaked: %s", text);
  }
  if (open_fds() != fds_before) fine = complain("%s", "a descriptor leaked");
  return fine;
}

/* Runs with k = 0, 1, 2, ... until one comes to its end without a refusal. run is false if something was wrong. */
static long sweep_mode(enum mode mode, bool (*run)(void *scenario, enum mode mode, long k),
                       void *scenario) {
  unsigned wrong = 0;
  for (long k = 0;; k++) {
    if (!run(scenario, mode, k) && ++wrong == 5) break; /* more say no more */
    if (sweep.refusals > 0) continue;
    if (wrong == 0) sweep.passed++;
    if (wrong != 0) sweep.failed++;
    return k;
  }
  dprintf(sweep.console, "and so on\n");
  sweep.failed++;
  return -1;
}

/* --- call sites --------------------------------------------------------------------------------------------- */

/* A call over several lines is known by its last. */
static bool was_refused(const char *file, long line) {
  for (struct site *s = sweep.sites; s < sweep.sites + MAX_SITES && s->text != NULL; s++) {
    const char *colon = strrchr(s->text, ':');
    long at = strtol(colon + 1, NULL, 10);
    bool same_file = strlen(file) == (size_t)(colon - s->text) &&
                     strncmp(file, s->text, (size_t)(colon - s->text)) == 0;
    if (same_file && at >= line && at <= line + 3) return true;
  }
  return false;
}

static void check_site(char *grepped, const char *const *excused) {
  char *file = strtok(grepped, ":"), *line = strtok(NULL, ":"), *code = strtok(NULL, "\n");
  if (file == NULL || line == NULL || code == NULL) return;
  code += strspn(code, " ");
  if (was_refused(file, strtol(line, NULL, 10))) {
    sweep.passed++;
    return;
  }
  for (; *excused != NULL; excused += 2) {
    if (strcmp(excused[0], file) != 0) continue;
    printf("note: %s:%s never failed: %s\n", file, line, excused[1]);
    return;
  }
  printf("note: %s:%s never failed, and no reason is known: %s\n", file, line, code);
  sweep.failed++;
}

/* Every call of the hook in the files that the pattern matches must have been refused once. 'excused' are pairs of a
** file and the reason, up to a NULL. */
static void check_sites(const char *files, const char *const *excused) {
  char command[256], line[512];
  snprintf(command, sizeof command, "grep -n 'art_alloc(\\|art_resize(' /dev/null %s", files);
  FILE *sites = popen(command, "r");
  unsigned n = 0;
  while (fgets(line, sizeof line, sites) != NULL) {
    n++;
    check_site(line, excused);
  }
  if (pclose(sites) != 0 || n == 0) sweep.failed++; /* not run where the sources are */
}

static int finish(void) {
  fflush(stdout);
  printf("%u passed, %u failed\n", sweep.passed, sweep.failed);
  return sweep.failed > 0;
}

#endif
