// Compresses a buffer of made-up text and numbers at two levels and gets it
// back. Prints sizes and a checksum of what was compressed. Any argument makes
// it short.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static size_t size = 96 << 20;

static unsigned next(unsigned *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

/** Words of a small vocabulary, some often and some seldom, and binary numbers.
 */
static void fill(unsigned char *data) {
  static const char letters[] = "etaoinshrdlucmfw";
  unsigned state = 12345;
  for (size_t at = 0; at + 32 <= size;) {
    unsigned word = next(&state), common = word % 5 ? word % 199 : word % 9973;
    if (word % 64 == 0) {
      memcpy(data + at, &word, sizeof word);
      at += sizeof word;
    }
    if (word % 16 == 1 && at > 100000 && at + 300 < size) {
      size_t length = 20 + next(&state) % 200;
      memcpy(data + at, data + at - 1000 - next(&state) % 99000, length);
      at += length;
    }
    for (unsigned rest = common * 2654435761u | 1u << 20; rest; rest >>= 5)
      data[at++] = letters[rest & 15];
    data[at++] = ' ';
  }
}

static void failIf(int isBad, const char *what) {
  if (!isBad)
    return;
  fprintf(stderr, "%s\n", what);
  exit(1);
}

int main(int count, char **arguments) {
  (void)arguments;
  if (count > 1)
    size = 1 << 20;
  size_t bound = ZSTD_compressBound(size);
  unsigned char *data = calloc(size, 1), *packed = malloc(bound);
  unsigned char *unpacked = malloc(size);
  failIf(!data || !packed || !unpacked, "no memory");
  fill(data);
  for (int level = 3; level <= 9; level += 6) {
    size_t length = ZSTD_compress(packed, bound, data, size, level);
    failIf(ZSTD_isError(length), ZSTD_getErrorName(length));
    unsigned long long checksum = 0;
    for (size_t i = 0; i < length; i++)
      checksum = (checksum ^ packed[i]) * 1099511628211u;
    printf("level %d: %zu bytes, %016llx\n", level, length, checksum);
    for (int times = 0; times < 5; times++)
      failIf(ZSTD_decompress(unpacked, size, packed, length) != size, "decompression failed");
    failIf(memcmp(data, unpacked, size) != 0, "the data came back changed");
  }
  return 0;
}
