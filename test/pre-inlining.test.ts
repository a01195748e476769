/** The smallest functions are inlined before units are made of the others. */

import { readFileSync } from "node:fs";
import { type BuildOptions, build } from "../lib";
import { clang, needsOf, run, unitsOnly, Workspace } from "./helpers";

const work = new Workspace();
const cache = work.path("cache");

async function buildUnits(inputs: string[], options: Partial<BuildOptions> = {}) {
  const output = work.path("program");
  const report = await build({ inputs, output, units: "function", cache, ...options });
  expect(report.wholeModules).toEqual([]);
  return { report, output, bytes: readFileSync(output).toString("hex") };
}

test("a function that only hands on its arguments is no unit", async () => {
  const program = work.bitcode(
    "hands-on.cc",
    `template <class T> T &&pass(T &value) { return static_cast<T &&>(value); }
     struct Box { int held; int get() const { return held; } Box(int v) : held(pass(v)) {} };
     static int twice(int x) { return 2 * x; }
     int main(int argc, char **) { Box box(twice(argc)); return pass(box).get() + 40; }`,
  );
  const { report, output } = await buildUnits([program]);
  expect(report).toMatchObject({ units: 1, simplify: { lookups: 1 } });
  expect(run(output).status).toBe(42);
});

test.each([
  ["-O2", "first(second(third(x)))", 2],
  ["-Os", "first(second(third(x)))", 3],
  ["-Os", "first(second(x))", 2],
  ["-Oz", "first(second(x))", 3],
  ["-Oz", "first(x)", 2],
])("at %s two callers of %s are %i units", async (level, calls, units) => {
  const input = work.bitcode(
    "calls.c",
    `int first(int); int second(int); int third(int);
     static int calls(int x) { return ${calls}; }
     int one(int x) { return calls(x); } int two(int x) { return calls(x + 2); }`,
    [level],
  );
  const { report } = await buildUnits([input], { emit: "archive" });
  expect(report.simplify.lookups).toBe(units);
});

test("one that others may call is there for them", async () => {
  const one = work.bitcode(
    "one.c",
    "int add(int a, int b) { return a + b; } int one(int x) { return add(x, 1); }",
  );
  const two = work.bitcode(
    "two.c",
    "int add(int, int); int one(int); int main(int c, char **v) { return add(one(c), 3); }",
  );
  const { output } = await buildUnits([one, two], { emit: "executable" });
  expect(run(output).status).toBe(5);
});

describe("after an edit, units are those of a build without a cache:", () => {
  const source = (small: string, caller: string) =>
    `volatile int sink; int third(int);
     static int unused(int x) { return x - 7; }
     static int small(int x) { ${small} }
     __attribute__((noinline)) int first(int x) { sink = x; return small(x) + small(x + 1); }
     __attribute__((noinline)) int second(int x) { sink++; return small(x) * 3; }
     __attribute__((noinline)) int third(int x) { ${caller} }
     int keep(int x) { return x ? unused(x) : 0; }
     int main(int argc, char **argv) { return (first(argc) + second(argc) + third(argc)) & 127; }`;
  const large = Array.from({ length: 12 }, (_, i) => `sink ^= x * ${i + 3};`).join(" ");
  const plain = "return x + 5;";
  const edits = {
    "a constant in a small function": [plain, "return x;"],
    "one that was small is large": [`${large} return x;`, "return x;"],
    "one that was large is small": ["return x * 9;", "return x;"],
    "a call of a small one that nobody called": ["return x * 9;", "return unused(x);"],
    "no call of it any more": ["return x * 9;", "return x * 2;"],
    "it calls a large one": ["return x > 100 ? x : third(x);", "return x * 2;"],
    "it calls itself": ["return x > 100 ? x : small(x * 3);", "return x * 2;"],
    "what it was at first": ["return x + 4;", "return x;"],
  };

  const inputOf = (small: string, caller: string) => {
    return {
      name: "edited.bc",
      bytes: readFileSync(work.bitcode("edited.c", source(small, caller))),
    };
  };
  const outputOf = async (input: { name: string; bytes: Uint8Array }, options = {}) => {
    return buildUnits([], { inputs: [input], emit: "archive", ...options });
  };

  test.each(Object.entries(edits))("%s", async (_, [small, caller]) => {
    const input = inputOf(small!, caller!);
    await outputOf(inputOf("return x + 4;", "return x;"));
    const edited = await outputOf(input);
    expect(edited.bytes).toBe((await outputOf(input, { cache: "off" })).bytes);
    expect(edited.bytes).toBe((await outputOf(input, unitsOnly)).bytes);
  });

  test("its callers are done again, and nobody else", async () => {
    await outputOf(inputOf("return x + 4;", "return x;"));
    const { report } = await outputOf(inputOf("return x + 31;", "return x;"));
    expect(report.simplify.lookups - report.simplify.hits).toBe(2);
  });
});

test("where small functions call each other in a circle, their order means nothing", async () => {
  const functions = [
    "int odd(int x) { return x && even(x - 1); }",
    "int even(int x) { return !x || odd(x - 1); }",
    "static int ask(int x) { return odd(x); }",
    "int user(int x) { return ask(x) + 2; }",
  ];
  const declarations = "int odd(int); int even(int); static int ask(int);";
  const orders = [functions, functions.toReversed()];
  const [first, second] = orders.map((order, i) =>
    work.bitcode(`circle${i}.c`, `${declarations} ${order.join(" ")}`),
  );
  const main = work.bitcode(
    "main.c",
    "int user(int); int main(int c, char **v) { return user(c + 6); }",
  );
  const { output } = await buildUnits([first!, main], { emit: "executable" });
  expect(run(output).status).toBe(3);
  const { report } = await buildUnits([second!, main], { emit: "executable" });
  expect(report.cache).toMatchObject({ misses: 0 });
  expect(report.simplify.hits).toBe(report.simplify.lookups);
});

test("calls may be nested deeper than any stack", async () => {
  const depth = 20_000;
  const links = Array.from(
    { length: depth },
    (_, i) => `define internal i32 @f${i}(i32 %x) { %r = call i32 @f${i + 1}(i32 %x) ret i32 %r }`,
  );
  const end = `define internal i32 @f${depth}(i32 %x) { ret i32 %x }
               define i32 @main(i32 %n) { %r = call i32 @f0(i32 %n) ret i32 %r }`;
  const { output } = await buildUnits([work.write("deep.ll", `${links.join("\n")}\n${end}`)], {
    cache: "off",
  });
  expect(run(output).status).toBe(1);
});

describe("is not inlined:", () => {
  const needs = async (attribute: string, flags: string[] = []) => {
    const source = `${attribute} int small(int x) { return x + 1; } int caller(int x) { return small(x); }`;
    const { output } = await buildUnits([work.bitcode("not.c", source, flags)], {
      emit: "archive",
    });
    return needsOf(output).caller;
  };

  test.each(["weak", "noinline", "noinline, optnone"])("%s", async (attribute) => {
    expect(await needs(`__attribute__((${attribute}))`)).toEqual(["small"]);
  });

  test("one that may be replaced at run time", async () => {
    expect(await needs("", ["-fsemantic-interposition"])).toEqual(["small"]);
  });

  test("into one that is not to be optimised", async () => {
    const source = `static int small(int x) { return x + 1; }
                    __attribute__((noinline, optnone)) int caller(int x) { return small(x); }`;
    const { output } = await buildUnits([work.bitcode("into.c", source)], { emit: "archive" });
    expect(Object.keys(needsOf(output))).toContainEqual(expect.stringMatching(/^small\.llvm\./));
  });

  test("one whose calls are watched", async () => {
    const source = `#include <stdio.h>
      #define QUIET __attribute__((no_instrument_function))
      static int entered;
      QUIET void __cyg_profile_func_enter(void *self, void *caller) { entered++; }
      QUIET void __cyg_profile_func_exit(void *self, void *caller) {}
      static int small(int x) { return x + 1; }
      int caller(int x) { return small(x) + small(x + 2); }
      int main(int argc, char **argv) { int sum = caller(argc); return !printf("%d %d\\n", sum, entered); }`;
    const flags = ["-finstrument-functions"];
    const { output } = await buildUnits([work.bitcode("watched.c", source, flags)]);
    const expected = work.path("watched");
    clang(["-O2", ...flags, work.path("watched.c"), "-o", expected]);
    expect(run(output).stdout).toBe(run(expected).stdout);
  });
});

test("a small function that is not sound is refused", async () => {
  const broken = work.write(
    "broken.ll",
    `define internal i32 @small(i32 %x) { %a = add i32 %b, 1
       %b = add i32 %x, 1
       ret i32 %a }
     define i32 @main() { %r = call i32 @small(i32 1) ret i32 %r }`,
  );
  await expect(buildUnits([broken])).rejects.toMatchObject({
    code: "INVALID_INPUT",
    input: expect.stringContaining("broken.ll"),
    message: expect.stringMatching(/small.*dominate/s),
  });
});
