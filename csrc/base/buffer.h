/* Buffer: bytes that have come and were not taken yet. They lie in one piece: data[first .. last). */
#ifndef ART_BASE_BUFFER_H
#define ART_BASE_BUFFER_H

#include "base/alloc.h"

/* Zeroed is empty, without memory. */
struct art_buffer {
  char *data;
  size_t first, last, room;
};

static inline size_t art_buffer_length(const struct art_buffer *b) {
  return b->last - b->first;
}

static inline const char *art_buffer_bytes(const struct art_buffer *b) {
  return b->data + b->first;
}

/* Makes room for at least n more bytes at data + last. An empty buffer that is far larger gives the rest back. 0 or
** -ENOMEM, the bytes stay. */
int art_buffer_reserve(struct art_buffer *b, const struct art_allocator *a, size_t n);

/* n bytes have been written at data + last. */
static inline void art_buffer_add(struct art_buffer *b, size_t n) {
  b->last += n;
}

/* The first n bytes are done with. */
static inline void art_buffer_take(struct art_buffer *b, size_t n) {
  b->first += n;
  if (b->first == b->last) b->first = b->last = 0;
}

void art_buffer_free(struct art_buffer *b, const struct art_allocator *a);

#endif
