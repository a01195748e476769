// Templates of the standard library: maps, vectors, sorting, strings, variants,
// pointers and functions. Prints a checksum of each part.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <queue>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

struct Random {
  uint64_t state;
  uint32_t operator()() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 33);
  }
};

uint64_t mix(uint64_t sum, uint64_t value) { return (sum ^ value) * 1099511628211u; }

std::string wordOf(uint32_t number) {
  std::string word;
  for (; number; number /= 26)
    word += static_cast<char>('a' + number % 26);
  return word;
}

uint64_t orderedMap() {
  Random random{1};
  std::map<std::string, std::vector<uint32_t>> places;
  for (uint32_t i = 0; i < 1000000; i++)
    places[wordOf(random() % 40000)].push_back(i);
  uint64_t sum = 0;
  for (const auto &[word, list] : places)
    sum = mix(sum, word.size() + std::accumulate(list.begin(), list.end(), uint64_t{0}));
  for (auto at = places.begin(); at != places.end();)
    at = at->second.size() % 2 ? places.erase(at) : std::next(at);
  return mix(sum, places.size());
}

uint64_t hashMap() {
  Random random{2};
  std::unordered_map<uint64_t, std::pair<uint32_t, std::string>> entries;
  for (uint32_t i = 0; i < 5000000; i++) {
    auto &[count, text] = entries[random() % 150000];
    if (++count % 4 == 1)
      text = std::to_string(i);
  }
  uint64_t sum = 0;
  for (uint64_t key = 0; key < 150000; key++)
    if (auto found = entries.find(key); found != entries.end())
      sum = mix(sum, found->second.first + found->second.second.size());
  return sum;
}

struct Person {
  std::string name;
  uint32_t age;
  double height;
};

uint64_t sorting() {
  Random random{3};
  std::vector<Person> people;
  for (int i = 0; i < 600000; i++)
    people.push_back({wordOf(random() % 5000), random() % 90, random() % 1000 / 500.0});
  std::sort(people.begin(), people.end(), [](const Person &a, const Person &b) {
    return std::tie(a.age, a.name, a.height) < std::tie(b.age, b.name, b.height);
  });
  std::stable_sort(people.begin(), people.end(),
                   [](const auto &a, const auto &b) { return a.height < b.height; });
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> queue;
  uint64_t sum = 0;
  for (const auto &person : people) {
    queue.push(person.age * 7919 + static_cast<uint32_t>(person.name.size()));
    if (queue.size() > 1000) {
      sum = mix(sum, queue.top());
      queue.pop();
    }
  }
  return sum;
}

struct Push {
  double number;
};
struct Operate {
  char operation;
};
struct Jump {
  size_t to;
  uint32_t times;
};
struct Name {
  std::string text;
};
using Instruction = std::variant<Push, Operate, Jump, Name>;

struct Machine {
  std::vector<double> stack;
  std::map<std::string, double> variables;
  size_t at = 0;
  uint32_t taken = 0;

  double pop() {
    double top = stack.back();
    stack.pop_back();
    return top;
  }
  void operator()(const Push &push) { stack.push_back(push.number); }
  void operator()(const Operate &operate) {
    double b = pop(), a = pop();
    stack.push_back(operate.operation == '+' ? a + b : a * b / 2);
  }
  void operator()(const Jump &jump) {
    if (taken++ < jump.times)
      at = jump.to - 1;
  }
  void operator()(const Name &name) { variables[name.text] += pop(); }
};

uint64_t variants() {
  const std::vector<Instruction> program{
      Push{1.5},     Push{2.25}, Operate{'+'},          Push{0.5},       Operate{'*'},
      Name{"total"}, Push{3},    Name{"another total"}, Jump{0, 8000000}};
  Machine machine;
  for (; machine.at < program.size(); machine.at++)
    std::visit(machine, program[machine.at]);
  uint64_t sum = 0;
  for (const auto &[name, value] : machine.variables)
    sum = mix(sum, static_cast<uint64_t>(value * 4) + name.size());
  return sum;
}

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Box : Shape {
  double a, b;
  Box(double a, double b) : a(a), b(b) {}
  double area() const override { return a * b; }
};
struct Group : Shape {
  std::vector<std::shared_ptr<Shape>> parts;
  double area() const override {
    return std::accumulate(parts.begin(), parts.end(), 0.0,
                           [](double sum, const auto &part) { return sum + part->area(); });
  }
};

uint64_t shapes() {
  Random random{5};
  std::vector<std::shared_ptr<Shape>> all;
  for (int i = 0; i < 300000; i++) {
    if (i % 10 || i == 0) {
      all.push_back(std::make_shared<Box>(random() % 16, random() % 16));
      continue;
    }
    auto group = std::make_shared<Group>();
    for (int part = 0; part < 6; part++)
      group->parts.push_back(all[all.size() - 1 - part]);
    all.push_back(std::move(group));
  }
  const std::vector<std::function<double(double)>> steps{
      [](double x) { return x + 1; }, [&](double x) { return x * 0.9999 + all.size() % 2; }};
  double sum = 0;
  for (size_t round = 0; round < 20; round++)
    for (size_t i = 0; i < all.size(); i++)
      sum = steps[i % 2](sum) + all[i]->area() / 1024;
  return static_cast<uint64_t>(sum * 1024);
}

uint64_t text() {
  Random random{6};
  std::ostringstream out;
  for (int i = 0; i < 1000000; i++)
    out << wordOf(random() % 700 + 1) << ' ' << random() % 100 << '\n';
  std::istringstream in(out.str());
  std::unordered_map<std::string, int> counts;
  std::string word;
  for (int number; in >> word >> number;)
    counts[word] += number;
  std::vector<std::pair<std::string, int>> list(counts.begin(), counts.end());
  std::sort(list.begin(), list.end());
  uint64_t sum = 0;
  for (const auto &[name, count] : list)
    sum = mix(sum, name.size() * 1000003 + count);
  return sum;
}

} // namespace

int main() {
  const std::pair<const char *, uint64_t (*)()> parts[] = {
      {"ordered map", orderedMap}, {"hash map", hashMap}, {"sorting", sorting},
      {"variants", variants},      {"shapes", shapes},    {"text", text}};
  for (const auto &[name, part] : parts)
    std::printf("%s %016llx\n", name, static_cast<unsigned long long>(part()));
}
