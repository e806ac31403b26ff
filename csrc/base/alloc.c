/* The allocator hook. Without one in the config, blocks come from realloc. */
#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

#ifdef ART_ALLOC_SITES
_Thread_local const char *art_alloc_site;
#endif

static void *libc_resize(void *ud, void *block, size_t old_size, size_t new_size) {
  (void)ud, (void)old_size;
  if (new_size != 0) return realloc(block, new_size);
  free(block); /* realloc(block, 0) may or may not free */
  return NULL;
}

void art_allocator_init(struct art_allocator *a, const struct art_allocator *wanted) {
  if (wanted != NULL && wanted->resize != NULL)
    *a = *wanted;
  else
    *a = (struct art_allocator){.resize = libc_resize};
}

void *art_allocator_resize(const struct art_allocator *a, void *block, size_t old_size,
                           size_t size) {
  assert(size != 0); /* would free the block and look like a failure */
  return a->resize(a->ud, block, old_size, size);
}

void art_free(const struct art_allocator *a, void *block, size_t size) {
  if (block != NULL) a->resize(a->ud, block, size, 0);
}
