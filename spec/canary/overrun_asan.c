/* canary: AddressSanitizer: heap-buffer-overflow */
#include <stdlib.h>
#include <string.h>

int main(void) {
  volatile size_t size = 16;
  char *block = malloc(size);
  memset(block, 0, size + 1);
  int value = block[0];
  free(block);
  return value;
}
