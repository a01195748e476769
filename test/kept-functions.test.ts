/** What stays in the output of a build that inlines, and what goes. */

import { type BuildOptions, build, type Emit, Image, type Level } from "../lib";
import { clang, exportsOf, run, Workspace } from "./helpers";

const work = new Workspace();

async function buildUnits(inputs: string[], name: string, options: Partial<BuildOptions> = {}) {
  const output = work.path(name);
  await build({ inputs, output, units: "function", cache: "off", ...options });
  return output;
}

async function expectLikeClang(inputs: string[], args: string[] = []): Promise<void> {
  const theirs = work.path("clang");
  clang(["-O2", ...inputs, ...args, "-o", theirs]);
  const expected = run(theirs);
  expect(expected).toMatchObject({ stderr: "" });
  expect(run(await buildUnits(inputs, "program", { link: { args } }))).toEqual(expected);
}

/** All names that a file defines. */
const definedIn = (file: string) =>
  run("llvm-nm-22", ["--defined-only", "--format=just-symbols", file]).stdout.split("\n");

describe("a library of C and C++", () => {
  const shared = `
    inline int tiny(int x) { return x + 1; }
    __attribute__((noinline)) inline int both(int x) { return x ^ 21; }
    template <class T> T twice(T x) { return x + x; }
    struct Shape { virtual int sides() { return 0; } virtual ~Shape() {} };`;
  const inputs = [
    work.bitcode(
      "library.c",
      `static int inner(int x) { return x * 3; }
       static int unused(int x) { return inner(x); }
       static int alone(void) { return 5; }
       int outer(int x) { return inner(x) + 1; }
       __attribute__((visibility("hidden"))) int hidden(int x) { return x; }
       __attribute__((weak)) int weak(int x) { return inner(x); }
       int data = 3; static int state;
       __attribute__((constructor)) static void start(void) { state = data; }
       int other(int x) __attribute__((alias("outer")));
       int current(void) { return state + hidden(1) + alone(); }
       __attribute__((used)) static int kept(void) { return 1; }`,
    ),
    work.bitcode(
      "first.cc",
      `${shared} int first(int x) { return tiny(x) + both(x) + twice(x); }
       struct Square : Shape { int sides() override; };
       int Square::sides() { return 4; }`,
    ),
    work.bitcode(
      "second.cc",
      `${shared} template int twice<int>(int);
       Shape *second(int x) { return twice(x) + both(x) > 9 ? new Shape : nullptr; }`,
    ),
  ];
  const link = { args: ["-lstdc++"] };

  test("exports what clang's exports", async () => {
    const theirs = work.path("clang.so");
    clang(["-shared", "-O2", ...inputs, "-lstdc++", "-o", theirs]);
    for (const level of ["O1", "O2", "Oz"] as const) {
      const ours = await buildUnits(inputs, "library.so", { level, link });
      const names = exportsOf(ours);
      expect(names).toEqual(exportsOf(theirs));
      expect(names).toEqual(expect.arrayContaining(["T outer", "W weak", "W _Z5twiceIiET_S0_"]));
    }
  });

  test("has no code that nobody can call", async () => {
    const names = definedIn(await buildUnits(inputs, "library.o", { emit: "object" }));
    const gone = /^(inner|unused|alone|_Z4tinyi)\b/;
    expect(names.filter((name) => gone.test(name))).toEqual([]);
    expect(names.filter((name) => /^(kept|hidden|outer|other)\b/.test(name))).toHaveLength(4);
  });
});

test.each([
  [
    "constructors and destructors",
    `int puts(const char *);
     static void tell(const char *what) { puts(what); }
     __attribute__((constructor)) static void start(void) { tell("start"); }
     __attribute__((constructor(150))) static void early(void) { tell("early"); }
     __attribute__((destructor)) static void stop(void) { tell("stop"); }
     int main(void) { tell("main"); return 0; }`,
  ],
  [
    "aliases",
    `static int inner(int x) { return x + 1; }
     int strong(int x) { return inner(x) * 2; }
     extern int alias(int) __attribute__((alias("strong")));
     static int own(int) __attribute__((alias("inner")));
     int weak_alias(int) __attribute__((weak, alias("strong")));
     int main(void) { return alias(3) + own(1) + weak_alias(1); }`,
  ],
  [
    "ifuncs",
    `static int left(int x) { return x + 1; }
     static int right(int x) { return x * 9; }
     static int which(void) { return 1; }
     static int (*choose(void))(int) { return which() ? right : left; }
     int chosen(int) __attribute__((ifunc("choose")));
     int main(void) { return chosen(4) + left(1); }`,
  ],
  [
    "tables of functions",
    `static int a(int x) { return x + 1; } static int b(int x) { return a(x) * 2; }
     static int (*const table[])(int) = {a, b, a};
     static int (*changing)(int) = b;
     int main(int argc, char **argv) { int sum = changing(1); changing = a;
       for (int i = 0; i < 3; i++) sum += table[i](argc + i); return sum + changing(2); }`,
  ],
  [
    "what stands in a section of its own",
    `typedef int (*entry)(void);
     static int one(void) { return 1; } static int two(void) { return 20; }
     __attribute__((used, section("entries"))) static entry first = one;
     __attribute__((used, section("entries"))) static entry second = two;
     extern entry __start_entries[], __stop_entries[];
     int main(void) { int sum = 0;
       for (entry *e = __start_entries; e < __stop_entries; e++) sum += (*e)(); return sum; }`,
  ],
  [
    "what assembly calls",
    `__attribute__((noinline)) int named(int x) { return x + 41; }
     __asm__(".globl again\\n.set again, named");
     int again(int); int main(void) { return again(1); }`,
  ],
])("a program with %s does what clang's does", async (what, source) => {
  await expectLikeClang([work.bitcode(`${what}.c`, source)]);
});

describe("an inline function that two inputs define, and one of them must keep", () => {
  const inline = "inline int f(int x) { return x + 3; }";
  const pointer = (name: string) =>
    `__asm__(".pushsection .data\\n.globl ${name}\\n${name}: .quad _Z1fi\\n.popsection");`;
  const plain = work.bitcode("plain.cc", `${inline} int plain(int x) { return f(x); }`);
  test.each([
    ["is used", `__attribute__((used)) ${inline}`],
    ["has assembly beside it", `__attribute__((used)) ${inline} ${pointer("named")}`],
    [
      "is instantiated explicitly",
      "template <int N> int g(int x) { return x + N; } template int g<3>(int); " +
        "inline int f(int x) { return g<3>(x); }",
    ],
  ])("%s", async (what, source) => {
    const keeper = work.bitcode(`${what}.cc`, `${source} int keeper(int x) { return f(x); }`);
    const theirs = work.path("kept-clang.so");
    for (const inputs of [
      [plain, keeper],
      [keeper, plain],
    ]) {
      clang(["-shared", "-O2", ...inputs, "-o", theirs]);
      expect(exportsOf(await buildUnits(inputs, "kept.so"))).toEqual(exportsOf(theirs));
    }
  });

  test("and each has assembly of its own", async () => {
    const input = (name: string) =>
      work.bitcode(
        `${name}.cc`,
        `${inline} int use_${name}(int x) { return f(x); } ${pointer(name)}`,
      );
    const names = definedIn(await buildUnits([input("left"), input("right")], "assembly.so"));
    expect(names).toEqual(expect.arrayContaining(["left", "right", "_Z1fi"]));
  });
});

describe("every kind of output, at every level", () => {
  const main = work.bitcode(
    "kinds-main.c",
    "int triple(int); extern int calls; int main(void) { return triple(13) + calls; }",
  );
  const triple = work.bitcode(
    "kinds.c",
    `int calls; static int add(int x, int y) { calls++; return x + y; }
     int triple(int x) { return add(x, add(x, x)); }`,
  );
  const linked = (...args: string[]) => {
    const program = work.path("linked");
    clang([...args, "-o", program]);
    return run(program).status;
  };
  const levels: Level[] = ["O0", "O1", "O2", "O3", "Os", "Oz"];

  test.each(levels)("-%s", async (level) => {
    const output = (emit: Emit, name: string, inputs = [main, triple]) =>
      buildUnits(inputs, name, { level, emit });
    expect(run(await output("executable", "program")).status).toBe(41);
    expect(linked(await output("object", "program.o"))).toBe(41);
    expect(linked(await output("archive", "program.a"))).toBe(41);
    const library = await output("shared", "libkinds.so", [triple]);
    expect(linked(main, library, `-Wl,-rpath,${work.folder}`)).toBe(41);
    const image = Image.open(await output("image", "image.so", [triple]));
    expect(image.functionNames).toEqual(["triple"]);
    image.close();
  });
});

test("a module with debug information beside modules without", async () => {
  const there = work.bitcode(
    "there.c",
    "int back(int); int there(int x) { return back(x) + 1; } int more(int x) { return 2 * x; }",
    ["-g"],
  );
  const here = work.bitcode(
    "here.c",
    `int there(int), more(int); int back(int x) { return more(x) + 5; }
     int main(void) { return there(10) + more(3); }`,
  );
  for (const inputs of [
    [here, there],
    [there, here],
  ])
    await expectLikeClang(inputs);
});

test("prototypes that do not match are no reason to fail", async () => {
  const uses = work.bitcode(
    "old-style.c",
    `int plain(); long wide(); double real(); void *pointer(); struct pair { long a, b; }; struct pair both();
     extern int data(int), variable; int first();
     int main(int argc, char **argv) {
       if (argc > 5) return plain(1, 2, "x") + wide() + (int)real(1) + (int)both(1).a + data(3) + variable;
       if (argc > 4) return pointer("x", 1) != 0;
       return first(argc, 40); }`,
    ["-std=c89", "-w"],
  );
  const defines = work.bitcode(
    "new-style.c",
    `char *plain(char *x) { return x; } int wide(long a, double b) { return a + (int)b; }
     void real(int *x) { *x = 3; } int pointer(double x) { return (int)x; }
     int both(char *x) { return *x; } int data = 7; int variable(void) { return 3; }
     __attribute__((noinline)) int first(int a, int b) { return a + b; }`,
  );
  for (const level of ["O1", "O2", "O3"] as const)
    expect(run(await buildUnits([uses, defines], "mismatched", { level })).status).toBe(41);
});
