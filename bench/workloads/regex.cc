// Matches made-up text with regular expressions of every engine of re2. Prints
// how often each was found.

#include <cstdio>
#include <re2/re2.h>
#include <re2/set.h>
#include <string>
#include <vector>

static std::string madeUpText() {
  static const char *const words[] = {"alpha",
                                      "Beta42",
                                      "gamma@mail.org",
                                      "2024-05-17",
                                      "x=y+1",
                                      "(nested)",
                                      "\xce\xb3\xce\xb5\xce\xb9\xce\xb1"};
  std::string text;
  unsigned state = 7;
  for (int i = 0; i < 20000; i++) {
    state = state * 1664525u + 1013904223u;
    text += words[(state >> 20) % 7];
    text += (state >> 28) == 3 ? '\n' : ' ';
  }
  return text;
}

/** So that it takes about a second. */
static const int repeats = 60;

int main() {
  const char *const patterns[] = {
      "(\\w+)@(\\w+)\\.org", "(\\d{4})-(\\d\\d)-(\\d\\d)", "(?i)b(e|x)ta\\d+",    "\\p{Greek}+",
      "(?m)^(\\S+) .*$",     "(a|ab)(c|bcd)?(p|l)*",       "\\bx=(.*?)\\+(\\d+)", "[^\\s()]+\\)",
  };
  const std::string text = madeUpText();
  RE2::Set set(RE2::DefaultOptions, RE2::UNANCHORED);
  for (const char *pattern : patterns) {
    RE2 expression(pattern);
    int count = 0, length = 0, replacements = 0;
    for (int i = 0; i < repeats; i++) {
      absl::string_view rest = text, group;
      while (RE2::FindAndConsume(&rest, expression, &group)) {
        count++;
        length += static_cast<int>(group.size());
      }
      std::string replaced = text;
      replacements += RE2::GlobalReplace(&replaced, expression, "<\\0>");
    }
    std::printf("%s: %d of %d, %d replaced, %d, %s\n", pattern, count, length, replacements,
                expression.ProgramSize(), expression.ok() ? "good" : "bad");
    set.Add(pattern, nullptr);
  }
  std::vector<int> matching;
  bool isCompiled = set.Compile();
  std::printf("%d %d", isCompiled, set.Match(text, &matching));
  for (int index : matching)
    std::printf(" %d", index);
  std::printf("\n%s\n", RE2("(unclosed").error().c_str());
}
