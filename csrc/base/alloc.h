/* The one hook through which every allocation of the core passes. */
#ifndef ART_BASE_ALLOC_H
#define ART_BASE_ALLOC_H

#include <stddef.h>

#include "asyncrt.h"

/* Fills *a with the allocator of the config, or with malloc's if it names none. */
void art_allocator_init(struct art_allocator *a, const struct art_allocator *wanted);

/* Builds with ART_ALLOC_SITES say before each call of the hook where it comes from, for the
** test that fails every one of them. */
#ifdef ART_ALLOC_SITES
extern _Thread_local const char *art_alloc_site;
#define ART_STRING_(x) #x
#define ART_STRING(x) ART_STRING_(x)
#define ART_HERE() (art_alloc_site = __FILE__ ":" ART_STRING(__LINE__))
#else
#define ART_HERE() ((void)0)
#endif

/* Uninitialised memory, or NULL. */
#define art_alloc(a, size) (ART_HERE(), art_allocator_resize((a), NULL, 0, (size)))
/* NULL leaves the old block as it was. */
#define art_resize(a, block, old_size, size)                                                       \
  (ART_HERE(), art_allocator_resize((a), (block), (old_size), (size)))

void *art_allocator_resize(const struct art_allocator *a, void *block, size_t old_size,
                           size_t size);

/* NULL is fine. */
void art_free(const struct art_allocator *a, void *block, size_t size);

#endif
