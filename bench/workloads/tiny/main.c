// The smallest workload, for a short run that only tells whether all works.

#include "words.h"
#include <stdio.h>

static int twice(int number) { return 2 * number; }

int main(int count, char **arguments) {
  for (int i = 0; i < count && arguments[i]; i++)
    printf("%d\n", i ? twice(sumOf(arguments[i])) : lengthOf("a program"));
  return 0;
}
