/* canary: LeakSanitizer: detected memory leaks */
#include <stdlib.h>

int main(void) {
  char *volatile lost = malloc(16);
  lost[0] = 1;
  lost = NULL;
  return 0;
}
