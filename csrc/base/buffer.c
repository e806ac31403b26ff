/* Buffer. Bytes are moved to the front only when at least as many were taken before them, so that moving costs no more
** than taking did. */
#include "base/buffer.h"

#include <errno.h>
#include <string.h>

#define FAR_LARGER 4 /* times what is asked for */

void art_buffer_free(struct art_buffer *b, const struct art_allocator *a) {
  art_free(a, b->data, b->room);
  *b = (struct art_buffer){.data = NULL};
}

static int move(struct art_buffer *b, const struct art_allocator *a, size_t room) {
  size_t length = art_buffer_length(b);
  char *data = art_alloc(a, room);
  if (data == NULL) return -ENOMEM;
  if (length > 0) memcpy(data, b->data + b->first, length);
  art_free(a, b->data, b->room);
  *b = (struct art_buffer){.data = data, .last = length, .room = room};
  return 0;
}

int art_buffer_reserve(struct art_buffer *b, const struct art_allocator *a, size_t n) {
  size_t length = art_buffer_length(b);
  if (length == 0 && b->room / FAR_LARGER > n) art_buffer_free(b, a);
  if (b->room - b->last >= n) return 0;
  if (b->room - length < n || b->first < length)
    return move(b, a, length < n ? length + n : 2 * length);
  memmove(b->data, b->data + b->first, length);
  b->first = 0;
  b->last = length;
  return 0;
}
