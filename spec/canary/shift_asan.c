/* canary: runtime error: shift exponent 64 is too large */
#include <stdint.h>

int main(void) {
  volatile unsigned bits = 64;
  volatile uint64_t shifted = UINT64_C(1) << bits;
  (void)shifted;
  return 0;
}
