/** Functions that are simplified together with their only caller: what this saves, and what it must not change. */

import { readFileSync } from "node:fs";
import { type BuildOptions, build, type Level } from "../lib";
import { costOf as buildCost, clang, needsOf, run, Workspace } from "./helpers";

const work = new Workspace();
let folders = 0;

type Sources = Record<string, string>;

const inputsOf = (sources: Sources, flags: string[] = []) =>
  Object.entries(sources).map(([name, text]) => ({
    name,
    bytes: readFileSync(work.bitcode(name, text, flags)),
  }));

const costOf = (cache: string, sources: Sources, options: Partial<BuildOptions> = {}) =>
  buildCost({ inputs: inputsOf(sources), output: work.path("program"), cache, ...options });

async function costOfEdit(before: Sources, after: Sources, options: Partial<BuildOptions> = {}) {
  const cache = work.path(`cache-${folders++}`);
  await costOf(cache, before, options);
  return costOf(cache, after, options);
}

/** What clang's own -O2 prints, and finegrain's functions at all levels. */
async function expectAsClang(sources: Sources, flags: string[] = []) {
  const theirs = work.path("theirs");
  const link = { args: ["-lstdc++", "-lm"] };
  const inputs = inputsOf(sources, flags);
  const files = Object.keys(sources).map((name) => work.path(name));
  clang(["-O2", ...flags, ...files, "-o", theirs, ...link.args]);
  const expected = run(theirs);
  for (const level of ["O1", "O2", "O3", "Os", "Oz"] satisfies Level[]) {
    const output = work.path("ours");
    await build({ inputs, output, units: "function", cache: "off", level, link });
    expect(run(output)).toMatchObject({ status: expected.status, stdout: expected.stdout });
  }
}

/** More than one block, so that it is a unit. */
const loop = (callee: string) => `{ for (int i = 0; i < 3; i++) x ^= ${callee} + i; return x; }`;

/** Five functions, of which two are simplified with `top`. */
const chain = {
  "chain.c": `
    static int inner(int x) ${loop("x * 3")}
    static int middle(int x) ${loop("inner(x)")}
    int top(int x) ${loop("middle(x)")}
    int other(int x) ${loop("x * 7")}
    int main(int argc, char **argv) { return (top(argc) ^ other(argc)) & 127; }`,
};

const replacing = (sources: Sources, before: string | RegExp, after: string): Sources =>
  Object.fromEntries(
    Object.entries(sources).map(([name, text]) => [name, text.replace(before, after)]),
  );

describe("a function that nobody else calls", () => {
  test("is no step of its own, nor are those that only it calls", async () => {
    expect(await costOf(work.path(`cache-${folders++}`), chain)).toEqual({
      simplified: 3,
      emitted: 3,
    });
    await expectAsClang(chain);
  });

  test("costs its caller when it is edited, and nobody else", async () => {
    const after = replacing(chain, "x * 3", "x * 5");
    expect(await costOfEdit(chain, after)).toEqual({ simplified: 1, emitted: 1 });
  });

  test.each([
    ["a second caller", replacing(chain, "x * 7", "inner(x) * 7")],
    ["an address", replacing(chain, "int other", "int (*address)(int) = inner; int other")],
    ["a name that others see", replacing(chain, "static int inner", "int inner")],
    [
      "noinline",
      replacing(chain, "static int inner", "static __attribute__((noinline)) int inner"),
    ],
  ])("and then gets %s: it becomes a step", async (_, after) => {
    expect((await costOf(work.path(`cache-${folders++}`), after)).simplified).toBe(4);
    await costOfEdit(chain, after);
    await costOfEdit(after, chain);
    await expectAsClang(after);
  });

  test("is one in another input, and called across", async () => {
    const { "chain.c": text } = replacing(
      chain,
      "static int inner(int x)",
      "inline int inner(int x)",
    );
    const sources = {
      "header.cc": text!,
      "user.cc": `inline int inner(int x) ${loop("x * 3")}
        int user(int x) { return inner(x); }`,
    };
    expect((await costOf(work.path(`cache-${folders++}`), sources)).simplified).toBe(5);
  });
});

describe("one that is not inlined after all", () => {
  const statements = Array.from({ length: 24 }, (_, i) => `sink = x + ${i};`).join(" ");
  const sources = (kind: string) => ({
    "rare.cc": `extern volatile int sink;
      ${kind} int rare(int x) { ${statements} return x * 3; }
      int head(int x) { return __builtin_expect(x < 100, 1) ? x : rare(x); }`,
    "main.cc": `extern "C" int printf(const char *, ...);
      int head(int); volatile int sink;
      int main(int argc, char **) { return !printf("%d %d\\n", head(argc), head(argc + 200)); }`,
  });

  test.each(["static", "inline"])(
    "%s: it stays callable from where its caller is inlined",
    async (kind) => {
      expect((await costOf(work.path(`cache-${folders++}`), sources(kind))).simplified).toBe(2);
      const output = work.path("needs.a");
      await build({ inputs: inputsOf(sources(kind)), output, units: "function", cache: "off" });
      expect(needsOf(output).main).toContainEqual(expect.stringContaining("4rarei"));
      await expectAsClang(sources(kind));
    },
  );

  test("into a function whose code is elsewhere", async () => {
    const { "rare.cc": rare, "main.cc": main } = sources("static");
    const inputs = {
      "rare.c":
        rare!.replace("int head", "extern inline __attribute__((gnu_inline)) int head") +
        " int caller(int x) { return head(x); }",
      "head.c": "int head(int x) { return x < 100 ? x : x * 3; }",
      "main.c": main!
        .replace('"C" int printf', "int printf")
        .replace(/\bhead\(argc\b/g, "caller(argc")
        .replace(" head(int)", " head(int), caller(int)")
        .replace("char **)", "char **argv)"),
    };
    await expectAsClang(inputs);
    const output = work.path("elsewhere.a");
    await build({ inputs: inputsOf(inputs).slice(0, 1), output, units: "function", cache: "off" });
    expect(Object.keys(needsOf(output))).not.toContain("head");
  });

  test("into a function that is not to be optimised", async () => {
    await expectAsClang(replacing(chain, "int top", "__attribute__((noinline, optnone)) int top"));
  });
});

describe("what a function has beside its code moves with it", () => {
  const main = "int main(int argc, char **argv) { return head(argc + 3) & 127; }";
  test.each([
    [
      "structures by value, and returned",
      `struct large { int values[9]; }; struct pair { long a, b; };
       static struct pair sum(struct large l, struct pair p)
       { for (int i = 0; i < 9; i++) { p.a += l.values[i]; p.b ^= l.values[i]; } return p; }
       int head(int x) { struct large l; for (int i = 0; i < 9; i++) l.values[i] = x * i;
         struct pair p = sum(l, (struct pair){x, 7}); return (int)(p.a ^ p.b); }`,
    ],
    [
      "static variables, tables and strings",
      `static int count(int x) { static int calls; static const char *names[] = {"one", "three"};
         for (const char *p = names[++calls & 1]; *p; p++) x += *p; return x; }
       int head(int x) { for (int i = 0; i < 5; i++) x ^= count(x); return x; }`,
    ],
    [
      "labels whose addresses are taken",
      `static int machine(int x) { static void *const ops[] = {&&add, &&twice, &&end}; int i = 0;
         goto *ops[x % 2]; add: x += 3; if (++i < 4) goto *ops[x % 3]; return x;
         twice: x *= 2; if (++i < 4) goto *ops[x % 3]; end: return x; }
       int head(int x) { return machine(x) + 1; }`,
    ],
    [
      "a call of itself, and of its caller",
      `int head(int); static int back(int x) { return x < 2 ? x : head(x - 1) + 1; }
       static int self(int x) { return x < 3 ? 1 : self(x - 1) + self(x - 2) + back(x - 3); }
       int head(int x) { return x < 1 ? 5 : self(x) + back(x / 2); }`,
    ],
    [
      "variable arguments",
      `#include <stdarg.h>
       static int sum(int n, ...) { va_list list; va_start(list, n); int s = 0;
         for (int i = 0; i < n; i++) s += va_arg(list, int); va_end(list); return s; }
       int head(int x) { return sum(3, x, x * 2, 7); }`,
    ],
    [
      "the processor that it is for",
      `__attribute__((target("avx2"))) static int wide(const int *v) { int s = 0;
         for (int i = 0; i < 64; i++) s += v[i] * i; return s; }
       int head(int x) { int v[64]; for (int i = 0; i < 64; i++) v[i] = x + i;
         return __builtin_cpu_supports("avx2") ? wide(v) : 0; }`,
    ],
    [
      "the default rounding, next to code that watches it",
      `#include <fenv.h>
       static double third(double x) { for (int i = 0; i < 4; i++) x /= 3; return x; }
       #pragma STDC FENV_ACCESS ON
       int head(int x) { fesetround(FE_UPWARD); double d = third(x); fesetround(FE_TONEAREST); return d > 0.0493; }`,
    ],
  ])("%s", async (_, text) => {
    await expectAsClang({ "beside.c": `${text} ${main}` });
  });

  test("exceptions and cleaning up", async () => {
    await expectAsClang({
      "throws.cc": `extern "C" int puts(const char *);
        struct Guard { ~Guard() { puts("left"); } };
        static void thrower(int x) { for (int i = 0; i < x; i++) if (i == 2) throw x; }
        static int catcher(int x) { try { Guard g; thrower(x); } catch (int y) { return y + 1; } return 0; }
        int main(int argc, char **) { return catcher(argc) + catcher(argc + 4); }`,
    });
  });
});

describe("what decides who is simplified with whom is compared with the build before", () => {
  /** In IR, since a compiler drops an inline function that a file does not call. */
  const body = Array.from({ length: 60 }, (_, i) => `store volatile i32 ${i}, ptr @sink`).join(
    "\n",
  );
  const rare = `define linkonce_odr i32 @rare(i32 %x) { ${body}\n ret i32 %x }\n`;
  const declared = "declare i32 @rare(i32)\n";
  const sink = "@sink = external global i32\n";
  const head = `define i32 @head(i32 %x) { %c = icmp slt i32 %x, 100
    br i1 %c, label %a, label %b, !prof !{!"branch_weights", i32 2000, i32 1}
    a: ret i32 %x
    b: %r = call i32 @rare(i32 %x)
    ret i32 %r }\n`;
  const other = "define i32 @other(i32 %x) { ret i32 %x }\n";

  test("the file that a function is in", async () => {
    const files = (first: string, second: string) =>
      [first, second].map((text, i) => ({ name: `${i}.ll`, bytes: Buffer.from(sink + text) }));
    const together = files(head + rare, other);
    const apart = files(head + declared, rare + other);
    const costs = async (cache: string, inputs: ReturnType<typeof files>) => {
      const output = work.path("moved.a");
      const { simplify } = await build({ inputs, output, units: "function", cache });
      const bytes = readFileSync(output);
      await build({ inputs, output, units: "function", cache: "off" });
      expect(bytes.equals(readFileSync(output))).toBe(true);
      return simplify.lookups - simplify.hits;
    };
    for (const [before, after, counts] of [
      [together, apart, [2, 2]],
      [apart, together, [3, 1]],
    ] as const) {
      const cache = work.path(`cache-${folders++}`);
      expect([await costs(cache, before), await costs(cache, after)]).toEqual(counts);
    }
  });
});
