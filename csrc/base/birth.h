/* Birth: are we still in the process in which something was made, or in a child of fork? Asked at every turn, so where the
** kernel can (Linux), a page that a fork wipes answers without a system call. */
#ifndef ART_BASE_BIRTH_H
#define ART_BASE_BIRTH_H

#include <stdbool.h>
#include <stddef.h>

struct art_birth {
  int pid;
  char *
      page; /* its first byte is 1 in the process that made it, 0 in a child; NULL: there is none, ask for the pid */
};

/* Cannot fail. */
void art_birth_init(struct art_birth *b);
void art_birth_destroy(struct art_birth *b);

bool art_birth_is_here(const struct art_birth *b);

/* The same of its page, where it is asked after every poll and a system call would cost too much: true if there is none. */
static inline bool art_birth_seems_here(const volatile char *page) {
  return page == NULL || *page == 1;
}

#endif
