#include "lua/errno.h"

#include <errno.h>
#include <string.h>

#define NAME(e)                                                                                    \
  { e, #e }

static const struct {
  int err;
  const char *name;
} names[] = {NAME(E2BIG),        NAME(EACCES),      NAME(EADDRINUSE),   NAME(EADDRNOTAVAIL),
             NAME(EAFNOSUPPORT), NAME(EAGAIN),      NAME(EALREADY),     NAME(EBADF),
             NAME(EBUSY),        NAME(ECANCELED),   NAME(ECHILD),       NAME(ECONNABORTED),
             NAME(ECONNREFUSED), NAME(ECONNRESET),  NAME(EDEADLK),      NAME(EDESTADDRREQ),
             NAME(EEXIST),       NAME(EFAULT),      NAME(EFBIG),        NAME(EHOSTDOWN),
             NAME(EHOSTUNREACH), NAME(EINPROGRESS), NAME(EINTR),        NAME(EINVAL),
             NAME(EIO),          NAME(EISCONN),     NAME(EISDIR),       NAME(ELOOP),
             NAME(EMFILE),       NAME(EMSGSIZE),    NAME(ENAMETOOLONG), NAME(ENETDOWN),
             NAME(ENETRESET),    NAME(ENETUNREACH), NAME(ENFILE),       NAME(ENOBUFS),
             NAME(ENODEV),       NAME(ENOENT),      NAME(ENOMEM),       NAME(ENOSPC),
             NAME(ENOSYS),       NAME(ENOTCONN),    NAME(ENOTDIR),      NAME(ENOTEMPTY),
             NAME(ENOTSOCK),     NAME(ENOTSUP),     NAME(EPERM),        NAME(EPIPE),
             NAME(EPROTO),       NAME(EPROTOTYPE),  NAME(EROFS),        NAME(ESHUTDOWN),
             NAME(ESRCH),        NAME(ETIMEDOUT),   NAME(EXDEV),        NAME(EPROTONOSUPPORT)};

const char *art_errno_name(int err) {
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].err == err) return names[i].name;
  return "EUNKNOWN";
}

int art_push_failure(lua_State *L, int err, const char *what) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", what, strerror(err));
  lua_pushstring(L, art_errno_name(err));
  return 3;
}
