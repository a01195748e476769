/** What is linked from function units is what is linked from whole modules. */

import { type BuildOptions, build, Image } from "../lib";
import { run, Workspace } from "./helpers";

const work = new Workspace();
const folderOf = (name: string) => work.path(name);

function buildUnits(options: Omit<BuildOptions, "units">) {
  return build({ cache: "off", ...options, units: "function" });
}

async function runUnits(inputs: string[], options: Partial<BuildOptions> = {}) {
  const output = work.path("program");
  const report = await buildUnits({ inputs, output, ...options });
  return { report, ...run(output) };
}

/** Symbols as nm tells them, those of other files left out: "T name". */
function symbols(file: string): string[] {
  const { stdout } = run("llvm-nm-22", ["--defined-only", file]);
  return stdout.split("\n").map((line) => line.slice(line.indexOf(" ") + 1));
}

test("inputs with statics of the same names do not mix them up", async () => {
  const source = (name: string, start: number) => `
    static int state = ${start}; static const int table[90] = {${start}, 2};
    __attribute__((noinline)) static int step(int x) { return state += x; }
    int (*${name}_pointer(void))(int) { return step; }
    int ${name}(int x) { static int count = ${start}; return step(x) + table[x] + count++; }`;
  const inputs = [
    work.bitcode("left.c", source("left", 1)),
    work.bitcode("right.c", source("right", 100)),
    work.bitcode(
      "both.c",
      `int left(int), right(int), (*left_pointer(void))(int), (*right_pointer(void))(int);
       int printf(const char *, ...);
       int main(void) { return !printf("%d %d %d %d %d\\n", left(1), right(1), left(0), right(0),
         left_pointer() == right_pointer()); }`,
    ),
  ];
  expect(await runUnits(inputs)).toMatchObject({ stdout: "5 203 5 302 0\n", status: 0 });
});

test("one content given twice runs twice", async () => {
  const twin = work.bitcode(
    "twin.c",
    `int puts(const char *); static int count;
     __attribute__((noinline)) static void tell(void) { if (++count == 1) puts("constructed"); }
     __attribute__((constructor)) static void construct(void) { tell(); }`,
  );
  const main = work.bitcode("main.c", "int main(void) { return 0; }");
  const { stdout } = await runUnits([twin, main, twin]);
  expect(stdout).toBe("constructed\nconstructed\n");
});

test("what several inputs define alike is there once", async () => {
  const shared = `
    template <class T> __attribute__((noinline)) T twice(T x) { static int calls; return x + x + calls++; }
    inline int &counter() { static int count; return count; }
    struct Base { virtual int get() { return 1; } virtual ~Base() {} };
    __attribute__((weak, noinline)) int weak() { return ++counter(); }`;
  const inputs = [
    work.bitcode("a.cc", `${shared} int a() { Base b; return twice(weak()) + b.get(); }`),
    work.bitcode(
      "b.cc",
      `${shared} int a(); int main() { Base *b = new Base; int n = a() + twice(weak()) + b->get();
         delete b; return n; }`,
    ),
  ];
  const { status } = await runUnits(inputs, { link: { args: ["-lstdc++"] } });
  expect(status).toBe(2 + 1 + (2 * 2 + 1) + 1);
  const defined = symbols(work.path("program"));
  for (const name of ["_Z5twiceIiET_S0_", "_Z4weakv", "_ZZ7countervE5count", "_ZTV4Base"])
    expect(defined.filter((symbol) => symbol.endsWith(` ${name}`))).toHaveLength(1);
});

test("equal bodies are compiled once, and each has its name and address", async () => {
  const names = Array.from({ length: 20 }, (_, i) => `same${i}`);
  const source = `
    ${names.map((name) => `int ${name}(int x) { return 7 * x + 3; }`).join("\n")}
    int (*all[])(int) = {${names.join()}};
    int main(void) {
      int sum = 0;
      for (int i = 0; i < 20; i++) {
        sum += all[i](1);
        for (int j = 0; j < i; j++) if (all[i] == all[j]) return 1;
      }
      return sum;
    }`;
  const cache = folderOf("same-cache");
  const { report, status } = await runUnits([work.bitcode("same.c", source)], { cache });
  expect(status).toBe(200);
  expect(report).toMatchObject({ units: 22, cache: { misses: 22 } });
  // For two bodies the simplified one and the code; the data; and four memories.
  expect(report.cache.stores[0]!.misses).toBeLessThanOrEqual(9);
  const defined = symbols(work.path("program"));
  expect(names.filter((name) => defined.includes(`T ${name}`))).toEqual(names);
});

const whole: [why: RegExp, source: string, flags: string[]][] = [
  [/^it has debug information$/, "int main(void) { return 42; }", ["-g"]],
  [
    /^module-level assembly names the internal symbol 'hidden'$/,
    `__attribute__((used)) static int hidden = 42; extern int seen;
     __asm__(".globl seen\\n.set seen, hidden");
     int main(void) { return seen; }`,
    [],
  ],
  [
    /^inline assembly names the internal symbol 'hidden'$/,
    `__attribute__((used)) static int hidden(void) { return 42; }
     int main(void) { int x; __asm__("call hidden" : "=a"(x) : : "rcx", "rdx", "rsi", "rdi",
       "r8", "r9", "r10", "r11", "cc", "memory"); return x; }`,
    ["-mno-red-zone"],
  ],
];

test.each(whole)("stays whole: %s", async (why, source, flags) => {
  if (process.arch !== "x64" && source.includes("call"))
    return console.warn("not run: the assembly is x86's");
  const input = work.bitcode("whole.c", source, flags);
  const { report, status } = await runUnits([input]);
  expect(report).toMatchObject({ units: 1, wholeModules: [{ name: input }] });
  expect(report.wholeModules[0]!.reason).toMatch(why);
  expect(status).toBe(42);
});

test("debug information is valid", async () => {
  const source =
    "int twice(int x) {\n  return 2 * x;\n}\n\nint main(void) {\n  return twice(21);\n}";
  const input = work.bitcode("lines.c", source, ["-g"]);
  const output = work.path("program");
  expect((await runUnits([input])).status).toBe(42);
  expect(run("llvm-dwarfdump-22", ["--verify", output])).toMatchObject({ status: 0 });
  const { stdout } = run("llvm-symbolizer-22", ["-p", "--obj", output, "main", "twice"]);
  expect(stdout).toMatch(/^main at \S*\/lines\.c:[56]:.*\s+twice at \S*\/lines\.c:[12]:/);
});

test("an image lists what that of whole modules lists", async () => {
  const inputs = [
    work.bitcode(
      "image.c",
      `void *slot, *other = &slot; static void *hidden; int small;
       static int inner(int x) { return x + small; }
       int outer(int x) { hidden = &x; return inner(x); }
       void **address(void) { return &slot; }`,
    ),
    work.bitcode(
      "more.cc",
      "int *third; int more() { return *third; } inline int no() { return 1; }",
    ),
  ];
  const listed = [];
  for (const units of ["module", "function"] as const) {
    const output = work.path(`image-${units}.so`);
    await build({ inputs, output, emit: "image", units, cache: "off" });
    const image = Image.open(output);
    image.writeSlot("slot", 42n);
    expect([image.readSlot("slot"), image.readSlot("third")]).toEqual([42n, 0n]);
    expect(image.functionPointer("outer")).not.toBe(image.functionPointer("address"));
    listed.push([image.functionNames, image.slotNames]);
    image.close();
  }
  expect(listed[0]).toEqual([
    ["outer", "address", "_Z4morev"],
    ["slot", "other", "third"],
  ]);
  expect(listed[1]).toEqual(listed[0]);
});
