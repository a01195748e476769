/** What the source says of inlining and optimising is done, within inputs and across them. */

import { type BuildOptions, build, type Level } from "../lib";
import { clang, needsOf, run, Workspace } from "./helpers";

const work = new Workspace();

async function buildUnits(inputs: string[], name: string, options: Partial<BuildOptions> = {}) {
  const output = work.path(name);
  const report = await build({ inputs, output, units: "function", cache: "off", ...options });
  expect(report.wholeModules).toEqual([]);
  return output;
}

const levels: Level[] = ["O1", "O2", "O3", "Os", "Oz"];

const caller = work.bitcode(
  "caller.c",
  "int callee(int); int main(int argc, char **argv) { return callee(argc); }",
);

/** What main needs when this callee stands in another input. */
async function needsOfMain(callee: string, options: Partial<BuildOptions> = {}, flags?: string[]) {
  const input = work.bitcode("callee.c", callee, flags);
  return needsOf(await buildUnits([caller, input], "needs.a", options)).main;
}

/** Of about so many instructions, which keep their order. */
const statements = (count: number) =>
  Array.from({ length: count }, (_, i) => `x = x * ${i + 3} ^ (x >> ${(i % 7) + 1});`).join(" ");

describe.each(levels)("at -%s", (level) => {
  test("noinline is not inlined", async () => {
    const callee = "__attribute__((noinline)) int callee(int x) { return x + 1; }";
    expect(await needsOfMain(callee, { level })).toEqual(["callee"]);
  });

  test("always_inline is inlined, whatever its size", async () => {
    const callee = `__attribute__((always_inline)) inline int callee(int x) { ${statements(200)} return x; }
      int callee(int x);`;
    expect(await needsOfMain(callee, { level })).toEqual([]);
  });

  test("optnone code stays as it was written", async () => {
    const body = "(int x) { int sum = 0; for (int i = 0; i < 9; i++) sum += leaf(x); return sum; }";
    const input = work.bitcode(
      "optnone.c",
      `static int leaf(int x) { return x * 2; }
       __attribute__((noinline, optnone)) int written${body}
       int optimised${body}`,
    );
    const archive = await buildUnits([input], "optnone.a", { level });
    const needs = needsOf(archive);
    expect(Object.keys(needs)).toContainEqual(expect.stringMatching(/^leaf\.llvm\./));
    expect(needs.optimised).toEqual([]);
    expect(sizeOf(archive, "written")).toBeGreaterThan(sizeOf(archive, "optimised") * 1.5);
  });

  test("always_inline in circles", async () => {
    const inline = (signature: string, body: string) =>
      `__attribute__((always_inline)) inline ${signature} { ${body} }`;
    const input = work.bitcode(
      "circles.cc",
      `int ping(int);
       ${inline("int self(int n)", "return n < 2 ? 1 : n * self(n - 1);")}
       ${inline("int pong(int n)", "return n < 1 ? 5 : ping(n - 1) + 1;")}
       ${inline("int ping(int n)", "return n < 1 ? 7 : pong(n - 1) + 2;")}
       static ${inline("int own(int n)", "return n < 1 ? 0 : own(n - 1) + pong(n);")}
       int main(int argc, char **) { return self(argc + 3) + ping(argc + 2) + own(argc + 2); }`,
    );
    const theirs = work.path("circles-clang");
    clang(["-O2", input, "-o", theirs]);
    const ours = await buildUnits([input], "circles", { level });
    expect(run(ours).status).toBe(run(theirs).status);
  });

  // Such a function has no code of its own: its operand must be a constant.
  test("always_inline with an immediate operand", async () => {
    const input = work.bitcode(
      "immediate.c",
      `static inline __attribute__((always_inline)) int constant(int n) {
         int x; __asm__(".pushsection .rodata.%=,\\"a\\"; .long %c1; .popsection" : "=r"(x) : "i"(n), "0"(n));
         return x; }
       static inline __attribute__((always_inline)) int more(int n) { return constant(n + 1); }
       int main(void) { return constant(40) + more(1); }`,
    );
    expect(run(await buildUnits([input], "immediate", { level })).status).toBe(42);
  });
});

test("always_inline of another input", async () => {
  const header = "__attribute__((always_inline)) int callee(int x)";
  expect(await needsOfMain(`${header} { ${statements(150)} return x; }`)).toEqual([]);
});

test("where code is only generated, always_inline functions are called", async () => {
  const input = work.bitcode(
    "called.c",
    `static __attribute__((always_inline)) inline int always(int x) { return x + 40; }
     int main(int argc, char **argv) { return always(argc) + 1; }`,
  );
  expect(run(await buildUnits([input], "called", { codegenOnly: true })).status).toBe(42);
});

describe("inline functions of C", () => {
  test("without any other definition, small and always inlined", async () => {
    const input = work.bitcode(
      "c99.c",
      `inline int small(int x) { return x + 40; }
       inline __attribute__((always_inline)) int always(int x) { ${statements(150)} return x & 0; }
       int main(int argc, char **argv) { return small(argc) + always(argc) + 1; }`,
    );
    expect(run(await buildUnits([input], "c99")).status).toBe(42);
  });

  test("without any other definition, and not inlined: the linker says so, as for clang", async () => {
    const input = work.bitcode(
      "c99-lost.c",
      "__attribute__((noinline)) inline int lost(int x) { return x; } int main(void) { return lost(1); }",
    );
    await expect(buildUnits([input], "c99-lost")).rejects.toMatchObject({
      code: "LINK_FAILED",
      message: expect.stringContaining("undefined symbol: lost"),
    });
  });

  test("with a definition in another input: that one is called or this one inlined", async () => {
    const large = `{ ${statements(150)} return x == 12345 ? 1 : 20; }`;
    const inputs = [
      work.bitcode(
        "c99-user.c",
        `inline int small(int x) { return x + 20; } inline int large(int x) ${large}
         __attribute__((gnu_inline)) extern inline int gnu(int x) { return x + 1; }
         int main(int argc, char **argv) { return small(argc) + large(argc) + gnu(argc) - 1; }`,
      ),
      work.bitcode(
        "c99-home.c",
        `int small(int x) { return x + 20; } int large(int x) ${large} int gnu(int x) { return x + 1; }`,
      ),
    ];
    expect(needsOf(await buildUnits(inputs, "c99.a")).main).toEqual(["large"]);
    expect(run(await buildUnits(inputs, "c99-two")).status).toBe(42);
  });
});

test("a cold function is inlined only where it is tiny", async () => {
  const callee = (count: number) => `int callee(int x) { ${statements(count)} return x; }`;
  const cold = "__attribute__((cold))";
  expect(await needsOfMain(callee(8))).toEqual([]);
  expect(await needsOfMain(`${cold} ${callee(8)}`)).toEqual(["callee"]);
  expect(await needsOfMain(`${cold} ${callee(1)}`)).toEqual([]);
});

test("for size, less is inlined", async () => {
  const source = (count: number) => `int callee(int x) { ${statements(count)} return x; }`;
  const needsAt = async (count: number) => {
    const inlined = [];
    for (const level of ["O2", "Os", "Oz"] as const) {
      const needs = await needsOfMain(source(count), { level }, [`-${level}`]);
      if (needs!.length === 0) inlined.push(level);
    }
    return inlined;
  };
  expect(await needsAt(40)).toEqual([]);
  expect(await needsAt(9)).toEqual(["O2"]);
  expect(await needsAt(1)).toContain("Os");
});

test("functions compiled for size beside others", async () => {
  const body = (name: string) => `int ${name}(int x) { ${statements(4)} return x; }`;
  const input = work.bitcode(
    "sizes.c",
    `static ${body("leaf")}
     __attribute__((minsize)) int small(int x) { return leaf(x) + leaf(x + 1) + leaf(x + 2); }
     int fast(int x) { return leaf(x) + leaf(x + 1) + leaf(x + 2); }`,
  );
  const needs = needsOf(await buildUnits([input], "sizes.a"));
  expect(needs.fast).toEqual([]);
  expect(needs.small).toHaveLength(1);
});

function sizeOf(archive: string, name: string): number {
  const { stdout } = run("llvm-nm-22", ["-S", archive]);
  return Number.parseInt(new RegExp(`^\\S+ (\\S+) . ${name}$`, "m").exec(stdout)![1]!, 16);
}
