/* Names to addresses, off the loop: getaddrinfo blocks for as long as it likes. The lookup is a block that its job and
** its waiter hold together: who lets go last frees it, so a cancelled lookup finishes detached. */
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>

#include "lua/address.h"
#include "lua/args.h"
#include "lua/block.h"
#include "lua/connect.h"
#include "lua/errno.h"
#include "lua/error.h"
#include "lua/park.h"

const struct art_kind art_lookup_kind = {
    .name = "asyncrt.lookup", .size = sizeof(struct art_block_handle), .index = ART_LOOKUP_KIND};

enum { HOST = 1, LOOKUP }; /* on the stack of a resolve */

struct lookup {
  struct art_block block;
  struct art_job job;
  struct art_allocator allocator;
  atomic_uint holders;     /* the job and the handle */
  struct art_waker *waker; /* NULL: nobody waits. The runtime's thread only, as 'done' */
  bool done;
  int error, system_error; /* getaddrinfo's; errno, if that is what it says */
  struct addrinfo *found;
  size_t size; /* of this block */
  char host[];
};

/* --- the job ------------------------------------------------------------------------------------------------------- */

static struct lookup *of(struct art_job *job) {
  return ART_CONTAINER(job, struct lookup, job);
}

/* Any thread. */
static void let_go(struct lookup *l) {
  if (atomic_fetch_sub_explicit(&l->holders, 1, memory_order_acq_rel) > 1) return;
  struct art_allocator a = l->allocator;
  if (l->found != NULL) freeaddrinfo(l->found);
  art_free(&a, l, l->size);
}

static void run(struct art_job *job) {
  struct lookup *l = of(job);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
  l->error = getaddrinfo(l->host, NULL, &hints, &l->found);
  if (l->error == EAI_SYSTEM) l->system_error = errno;
}

static void complete(struct art_job *job) {
  struct lookup *l = of(job);
  l->done = true;
  if (l->waker != NULL) art_wake(l->waker);
  let_go(l);
}

static void drop(struct art_job *job) {
  let_go(of(job));
}

/* The handle's. */
static void destroy(struct art_block *b) {
  struct lookup *l = ART_CONTAINER(b, struct lookup, block);
  l->waker = NULL;
  let_go(l);
}

static struct lookup *new_lookup(const struct art_allocator *a, const char *host, size_t length) {
  size_t size = sizeof(struct lookup) + length + 1;
  struct lookup *l = art_alloc(a, size);
  if (l == NULL) return NULL;
  memset(l, 0, size);
  l->block.destroy = destroy;
  l->job.run = run;
  l->job.complete = complete;
  l->job.drop = drop;
  l->allocator = *a;
  l->size = size;
  atomic_init(&l->holders, 2);
  memcpy(l->host, host, length);
  return l;
}

/* --- what came of it ------------------------------------------------------------------------------------------------ */

static const struct {
  int error;
  const char *code;
} codes[] = {
    {EAI_AGAIN, "eai_again"},       {EAI_BADFLAGS, "eai_badflags"},
    {EAI_FAIL, "eai_fail"},         {EAI_FAMILY, "eai_family"},
    {EAI_MEMORY, "eai_memory"},     {EAI_NONAME, "eai_noname"},
    {EAI_SERVICE, "eai_service"},   {EAI_SOCKTYPE, "eai_socktype"},
    {EAI_OVERFLOW, "eai_overflow"},
#ifdef EAI_NODATA
    {EAI_NODATA, "eai_nodata"},     {EAI_ADDRFAMILY, "eai_addrfamily"},
#endif
};

static const char *code_of(int error) {
  for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++)
    if (codes[i].error == error) return codes[i].code;
  return "eai_unknown";
}

static int push_lookup_failure(lua_State *L, const struct lookup *l) {
  const char *what = lua_pushfstring(L, "lookup %s", lua_tostring(L, HOST));
  if (l->error == EAI_SYSTEM) return art_push_failure(L, l->system_error, what);
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", what, gai_strerror(l->error));
  lua_pushstring(L, code_of(l->error));
  return 3;
}

/* {"::1", "127.0.0.1"}, in the order of preference that the system gave them */
static int push_addresses(lua_State *L, const struct lookup *l) {
  if (l->error != 0) return push_lookup_failure(L, l);
  lua_newtable(L);
  lua_Integer n = 0;
  for (const struct addrinfo *i = l->found; i != NULL; i = i->ai_next) {
    struct art_address a = {.size = i->ai_addrlen};
    if (a.size > sizeof a.to) continue;
    memcpy(&a.to, i->ai_addr, a.size);
    art_push_address(L, &a);
    lua_pop(L, 1);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

/* --- waiting for it -------------------------------------------------------------------------------------------------- */

static void abort_lookup(struct art_lua_task *t) {
  struct lookup *l = t->parking.io.with;
  l->waker = NULL;
}

static const struct art_wait lookup_wait = {
    .what = "lookup", .abort = abort_lookup, .socket = true, .handle = HOST};

static int resolve_k(lua_State *L, int status, lua_KContext ctx) {
  struct art_lua_task *t = (struct art_lua_task *)ctx;
  struct lookup *l = ART_CONTAINER(art_block_at(L, LOOKUP), struct lookup, block);
  (void)status;
  if (art_take_abort(t)) return art_raise_cancelled(L, t);
  if (!l->done) return art_park(L, t, &lookup_wait, resolve_k, ctx);
  return push_addresses(L, l);
}

/* resolve(host): a list of literal addresses */
static int resolve(lua_State *L) {
  size_t length;
  const char *host = art_check_string(L, HOST, "resolve", &length);
  if (strlen(host) != length) return art_arg_error(L, HOST, "resolve", "host contains zeros");
  struct art_lua_task *t = art_checkpoint(L, "resolve");
  lua_settop(L, HOST);
  art_push_handle(L, &art_lookup_kind);
  struct lookup *l = new_lookup(&t->rt->core->allocator, host, length);
  if (l == NULL) return art_no_memory(L);
  art_give_block(L, &l->block);
  l->waker = &t->core.waker;
  int err = art_runtime_submit_job(t->rt->core, &l->job);
  if (err < 0) let_go(l); /* for the job, which will not be */
  if (err == -ENOMEM) return art_no_memory(L);
  if (err < 0) return art_push_failure(L, -err, lua_pushfstring(L, "lookup %s", host));
  t->parking.io.with = l;
  return art_park(L, t, &lookup_wait, resolve_k, (lua_KContext)t);
}

static int lookup_gc(lua_State *L) {
  art_check_block(L, 1, "__gc", &art_lookup_kind, false);
  art_finalise_block(L);
  return 0;
}

/* is_address(host): does it need no lookup? */
static int is_address(lua_State *L) {
  struct art_address a;
  size_t length;
  const char *host = art_check_string(L, 1, "is_address", &length);
  lua_pushboolean(L, art_address_parse(&a, host, length, 0) == 0);
  return 1;
}

const luaL_Reg art_resolve_functions[] = {
    {"is_address", is_address}, {"resolve", resolve}, {NULL, NULL}};
const luaL_Reg art_lookup_metamethods[] = {{"__gc", lookup_gc}, {NULL, NULL}};
