#include <stdio.h>

int main(void) {
  puts("hi from main-pkg");
  return 0;
}
