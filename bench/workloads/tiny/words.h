// What main.c and words.c share.

enum { limit = 1000 };

static inline int clamp(int number) { return number < limit ? number : limit; }

int lengthOf(const char *text);
int sumOf(const char *text);
