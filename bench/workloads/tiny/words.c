#include "words.h"

int lengthOf(const char *text) {
  int length = 0;
  while (text[length])
    length++;
  return clamp(length);
}

int sumOf(const char *text) {
  unsigned sum = 17;
  for (int i = 0; i < lengthOf(text); i++)
    sum = sum * 31 + (unsigned char)text[i];
  return clamp((int)(sum % 900));
}
