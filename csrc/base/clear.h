/* Clearing structs of some hundred bytes where it counts: what compilers make of a memset of such a size on x86-64 takes
** 30 cycles to begin. */
#ifndef ART_BASE_CLEAR_H
#define ART_BASE_CLEAR_H

#include <stddef.h>
#include <string.h>

static inline void art_clear(void *block, size_t size) {
  char *at = block;
  for (; size >= 16; size -= 16, at += 16) {
    memset(at, 0, 16);
    __asm__ volatile("" : : "r"(at) : "memory"); /* lest it be seen for what it is */
  }
  memset(at, 0, size);
}

#endif
