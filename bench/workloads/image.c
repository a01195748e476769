// Calls the functions of a made-up image and prints a checksum of their results.
// usage: image COUNT STEP TIMES

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

typedef int Function(int);

int main(int count, char **arguments) {
  if (count < 4)
    return 2;
  int functions = atoi(arguments[1]), step = atoi(arguments[2]);
  int times = atoi(arguments[3]);
  Function **called = calloc(functions, sizeof *called);
  for (int i = 0; i < functions; i += step) {
    char name[32];
    snprintf(name, sizeof name, "julia_f_%d", i);
    called[i] = (Function *)dlsym(RTLD_DEFAULT, name);
    if (!called[i])
      return 1;
  }
  unsigned sum = 0;
  for (int x = 0; x < times; x++)
    for (int i = 0; i < functions; i += step)
      sum = sum * 31 + (unsigned)called[i](x);
  printf("%u\n", sum);
  return 0;
}
