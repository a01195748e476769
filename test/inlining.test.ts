/** Who is inlined where, among functions of several inputs, and what callers may know of the others. */

import { execFileSync } from "node:child_process";
import { type BuildOptions, build } from "../lib";
import { needsOf, run, Workspace } from "./helpers";
import { Random } from "./random";

const work = new Workspace();

async function buildUnits(inputs: string[], name: string, options: Partial<BuildOptions> = {}) {
  const output = work.path(name);
  const report = await build({ inputs, output, units: "function", cache: "off", ...options });
  expect(report.wholeModules).toEqual([]);
  return output;
}

const needsIn = async (...inputs: string[]) => needsOf(await buildUnits(inputs, "needs.a"));
const statusOf = async (...inputs: string[]) => run(await buildUnits(inputs, "program")).status;

/** The callers are in a file of their own. */
const caller = work.bitcode(
  "caller.c",
  "int callee(int); int caller(int x) { return callee(x) + 1; } int main(void) { return caller(4); }",
);

test("a small function of another input is inlined", async () => {
  const callee = work.bitcode("callee.c", "int callee(int x) { return 7 * x; }");
  expect(await needsIn(caller, callee)).toEqual({ caller: [], main: [], callee: [] });
  expect(await statusOf(caller, callee)).toBe(29);
});

describe("a large static", () => {
  const body = Array.from({ length: 200 }, (_, i) => `sink = x + ${i};`).join(" ");
  const needsWith = (result: string) => {
    const source = `
      extern volatile int sink; static int large(int x) { ${body} return x; }
      int caller(int x) { return ${result}; }`;
    return needsIn(work.bitcode("large.c", source));
  };
  const large = expect.stringMatching(/^large\.llvm\./);

  test("is inlined where it is called once", async () => {
    expect(await needsWith("large(x) + 1")).toEqual({ caller: ["sink"] });
  });

  test("is not where it is called twice", async () => {
    expect(await needsWith("large(x) + large(x + 1)")).toMatchObject({ caller: [large] });
  });

  test("is not where its only call is seldom made", async () => {
    const needs = await needsWith("__builtin_expect(x, 1) ? 1 : large(x)");
    expect(Object.keys(needs).sort()).toEqual(["caller", large]); // both in one unit
  });
});

describe("a weak function", () => {
  const weak = work.bitcode("weak.c", "__attribute__((weak)) int callee(int x) { return 7 * x; }");
  const strong = work.bitcode("strong.c", "int callee(int x) { return 9 * x; }");

  test("is not inlined", async () => {
    expect((await needsIn(caller, weak)).caller).toEqual(["callee"]);
    expect(await statusOf(caller, weak)).toBe(29);
  });

  test("gives way to a strong one, which is inlined", async () => {
    for (const inputs of [
      [caller, weak, strong],
      [strong, weak, caller],
    ]) {
      expect((await needsIn(...inputs)).caller).toEqual([]);
      expect(await statusOf(...inputs)).toBe(37);
    }
  });

  test("gives way within its own file too", async () => {
    const file = work.bitcode(
      "within.c",
      "__attribute__((weak)) int callee(int x) { return 7 * x; } int main(void) { return callee(4); }",
    );
    expect(await statusOf(file)).toBe(28);
    expect(await statusOf(file, strong)).toBe(36);
  });
});

test("with semantic interposition, exported functions are not inlined, and can be replaced", async () => {
  const source = `
    static int inner(int x) { return 2 * x; }
    __attribute__((visibility("hidden"))) int hidden(int x) { return 3 * x; }
    int exported(int x) { return 5 * x; }
    int all(int x) { return inner(x) + hidden(x) + exported(x); }`;
  const input = work.bitcode("interposed.c", source, ["-fsemantic-interposition"]);
  expect((await needsIn(input)).all).toEqual(["exported"]);
  const plain = work.bitcode("not-interposed.c", source);
  expect((await needsIn(plain)).all).toEqual([]);

  const library = await buildUnits([input], "libinterposed.so");
  const main = work.bitcode(
    "interposer.c",
    "int all(int); int exported(int x) { return 7 * x; } int main(void) { return all(1); }",
  );
  const link = { args: [library, `-rpath=${work.folder}`] };
  expect(run(await buildUnits([main], "interposer", { link })).status).toBe(2 + 3 + 7);
});

test("C++ inline functions of several inputs: one copy, inlined where that pays", async () => {
  const shared = `
    inline int small(int x) { return 3 * x; }
    __attribute__((noinline)) inline int large(int x) { static int calls; return x + calls++; }`;
  const inputs = [
    work.bitcode("one.cc", `${shared} int one(int x) { return small(x) + large(x); }`),
    work.bitcode(
      "two.cc",
      `${shared} int one(int); int main() { return small(1) + large(1) + one(2); }`,
    ),
  ];
  const archive = await buildUnits(inputs, "shared.a");
  expect(needsOf(archive).main).toEqual(["_Z5largei"]);
  const definitions = run("llvm-nm-22", ["--defined-only", archive]).stdout.match(/_Z5largei$/gm);
  expect(definitions).toHaveLength(1);
  expect(await statusOf(...inputs)).toBe(3 + 1 + (6 + 2 + 1));
});

describe("what a function's code proves is known to callers elsewhere", () => {
  const user = work.bitcode(
    "user.cc",
    `extern int state; int callee(int);
     int user() { int before = state; callee(1); return state - before; }`,
  );
  const callee = (specifiers: string, more = "") =>
    work.bitcode("proof.cc", `${specifiers} int callee(int x) { return 7 * x; } ${more}`);

  test.each([
    ["if it is exact", "__attribute__((noinline))", []],
    ["not if it is weak", "__attribute__((noinline, weak))", ["_Z6calleei", "state"]],
    // The copy that runs may be one that was optimised less.
    ["not if others define it too", "__attribute__((noinline)) inline", ["_Z6calleei", "state"]],
  ])("%s", async (_, specifiers, needs) => {
    const input = callee(specifiers, "int (*kept)(int) = callee;");
    expect((await needsIn(user, input))._Z4userv).toEqual(needs);
  });

  test("not that of a weak function which a strong one replaces", async () => {
    const strong = work.bitcode(
      "replaced.cc",
      `int state; int user(); __attribute__((noinline)) int callee(int x) { return state += x; }
       int main() { return user(); }`,
    );
    expect(await statusOf(callee("__attribute__((noinline, weak))"), user, strong)).toBe(1);
  });
});

describe("a cycle of calls through several inputs", () => {
  const names = ["a", "b", "c", "d", "e"];
  const inputs = names.map((name, i) => {
    const [next, far] = [names[(i + 1) % 5], names[(i + 3) % 5]];
    const filler = Array.from({ length: 4 * i }, (_, n) => `x = x * ${n + 3} + ${n};`).join(" ");
    return work.bitcode(
      `cycle-${name}.c`,
      `int ${next}(int), ${far}(int);
       static int last_${name}(int x) { return x < 100 ? ${far}(x + 40) : x; }
       int ${name}(int x) { if (x > 60) return last_${name}(x); ${filler} return ${next}(x + ${i + 5}); }`,
    );
  });
  const main = work.bitcode("cycle.c", "int a(int); int main(void) { return a(1) & 127; }");

  test("gives the same code whatever the order of the inputs", async () => {
    const random = new Random("order of inputs");
    const expected = members(await buildUnits(inputs, "cycle.a"));
    expect(expected.size).toBeGreaterThanOrEqual(5);
    for (let round = 0; round < 10; round++)
      expect(members(await buildUnits(random.shuffled(inputs), "cycle.a"))).toEqual(expected);
  });

  test("runs as clang's program does", async () => {
    const theirs = work.path("cycle-clang");
    execFileSync("clang-22", ["-O2", ...inputs, main, "-o", theirs]);
    expect(await statusOf(main, ...inputs)).toBe(run(theirs).status);
  });
});

/** The code of each member, by its name. */
function members(archive: string): Map<string, string> {
  const names = run("llvm-ar-22", ["t", archive]).stdout.split("\n").filter(Boolean);
  return new Map(
    names.map((name) => [name, execFileSync("llvm-ar-22", ["p", archive, name]).toString("hex")]),
  );
}
