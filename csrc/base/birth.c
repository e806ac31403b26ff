#include "base/birth.h"

#include <sys/mman.h>
#include <unistd.h>

#define PAGE_SIZE 4096

#ifdef MADV_WIPEONFORK

static char *new_page(void) {
  char *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return NULL;
  if (madvise(page, PAGE_SIZE, MADV_WIPEONFORK) < 0) {
    munmap(page, PAGE_SIZE);
    return NULL;
  }
  *page = 1;
  return page;
}

#else

static char *new_page(void) {
  return NULL;
}

#endif

void art_birth_init(struct art_birth *b) {
  b->pid = (int)getpid();
  b->page = new_page();
}

void art_birth_destroy(struct art_birth *b) {
  if (b->page != NULL) munmap(b->page, PAGE_SIZE);
}

bool art_birth_is_here(const struct art_birth *b) {
  return b->page != NULL ? *b->page == 1 : b->pid == (int)getpid();
}
