/**
 * What an edit costs where functions are optimised one by one: those that it
 * changes, those that inline or know something of them, and nobody else.
 */

import { readFileSync } from "node:fs";
import { type BuildOptions, build, type Input } from "../lib";
import { costOf as buildCost, type Cost, run, Workspace } from "./helpers";

const work = new Workspace();
type Sources = Record<string, string>;

/** Three levels of calls; what is not to be inlined is too large, or says so. */
const program: Sources = {
  "main.c": `
    int top(int), side(int), reader(int); int printf(const char *, ...); extern int state;
    int main(int argc, char **argv) {
      return !printf("%d %d %d %d\\n", top(argc), side(argc), reader(argc), state); }`,
  "top.c": `
    int middle(int), pure(int); int state = 5;
    __attribute__((noinline)) int top(int x) { return middle(x) * 3 + 1; }
    __attribute__((noinline)) int side(int x) { return x + 8; }
    __attribute__((noinline)) int reader(int x) { int before = state; x = pure(x); return x + state - before; }`,
  "middle.c": `
    int leaf(int);
    __attribute__((noinline)) int middle(int x) { return leaf(x) ^ 9; }
    int other(int x) { return leaf(x + 1); }`,
  "leaf.c": `
    int leaf(int x) { return x * 5; }
    __attribute__((noinline)) int pure(int x) { return x - 2; }`,
};
const count = 8;

let folders = 0;
const compiled = new Map<string, Input>();

const inputsOf = (sources: Sources) =>
  Object.entries(sources).map(([name, text]) => {
    const key = `${name} ${text}`;
    if (!compiled.has(key))
      compiled.set(key, { name, bytes: readFileSync(work.bitcode(name, text)) });
    return compiled.get(key)!;
  });

const output = work.path("program");
const costOf = (cache: string, sources: Sources) =>
  buildCost({ inputs: inputsOf(sources), output, cache });

/** Builds the program, then with the edit, both through one store. */
async function costOfEdit(edit: (sources: Sources) => Sources, before = program) {
  const cache = work.path(`cache-${folders++}`);
  await costOf(cache, before);
  const cost = await costOf(cache, edit(before));
  const { stdout } = run(output);
  // What was there before is there still.
  expect(await costOf(cache, before)).toEqual({ simplified: 0, emitted: 0 });
  return { cost, stdout };
}

function replacing(file: string, before: string | RegExp, after: string) {
  return (sources: Sources) => {
    const text = sources[file]!.replace(before, after);
    expect(text).not.toBe(sources[file]);
    return { ...sources, [file]: text };
  };
}

test("the first build simplifies and emits each function once", async () => {
  const cost = await costOf(work.path("first"), program);
  expect(cost).toEqual({ simplified: count, emitted: count + 1 }); // and the data
  expect(run(output).stdout).toBe("37 9 -1 5\n");
});

const edits: [string, Cost, string, (sources: Sources) => Sources][] = [
  ["nothing", { simplified: 0, emitted: 0 }, "37 9 -1 5\n", (sources) => sources],
  [
    "a constant in a function that is not inlined",
    { simplified: 1, emitted: 1 },
    "37 10 -1 5\n",
    replacing("top.c", "x + 8", "x + 9"),
  ],
  [
    "a constant in an inlined leaf: its two callers too, not their callers",
    { simplified: 3, emitted: 3 },
    "46 9 -1 5\n",
    replacing("leaf.c", "x * 5", "x * 6"),
  ],
  [
    "a leaf that comes to the same code: none of its callers",
    { simplified: 1, emitted: 0 },
    "37 9 -1 5\n",
    replacing("leaf.c", "x * 5", "5 * x"),
  ],
  [
    "a pure function that now writes memory: its caller too, and all above it",
    { simplified: 3, emitted: 3 },
    "37 9 6 12\n",
    (sources) =>
      replacing(
        "leaf.c",
        "int x) { return x - 2",
        "int x) { extern int state; state += 7; return x - 2",
      )(sources),
  ],
  [
    "a call more",
    { simplified: 1, emitted: 1 },
    "37 -2 -1 5\n",
    replacing("top.c", "x + 8", "x + pure(x) - 2"),
  ],
  [
    "a call less: its caller learns that it reads no memory",
    { simplified: 2, emitted: 2 },
    "37 9 1 5\n",
    replacing("top.c", "x = pure(x);", ""),
  ],
  [
    "an initial value",
    { simplified: 0, emitted: 1 },
    "37 9 -1 6\n",
    replacing("top.c", "state = 5", "state = 6"),
  ],
  [
    "noinline: its callers too",
    { simplified: 3, emitted: 3 },
    "37 9 -1 5\n",
    replacing("leaf.c", "int leaf", "__attribute__((noinline)) int leaf"),
  ],
];

test.each(edits)("an edit of %s", async (_, cost, stdout, edit) => {
  expect(await costOfEdit(edit)).toEqual({ cost, stdout });
});

describe("names cost nothing", () => {
  const renaming = (before: string, after: string) => (sources: Sources) =>
    Object.fromEntries(
      Object.entries(sources).map(([name, text]) => [
        name,
        text.replace(new RegExp(`\\b${before}\\b`, "g"), after),
      ]),
    );
  const free = { simplified: 0, emitted: 0 };
  test.each([
    ["of an inlined function", renaming("leaf", "leaf_of_tree")],
    ["of a function that is not inlined", renaming("middle", "center")],
    ["of a function of which callers know something", renaming("pure", "clean")],
    ["of a variable", renaming("state", "mood")],
    ["of parameters", renaming("x", "number")],
    [
      "of files",
      ({ "leaf.c": leaf, "top.c": top, ...rest }: Sources) => ({
        "zweig.c": top!,
        ...rest,
        "blatt.c": leaf!,
      }),
    ],
  ])("%s", async (_, edit) => {
    expect((await costOfEdit(edit)).cost).toEqual(free);
  });

  test("of a static, and of a static in a cycle of calls", async () => {
    const cycle = {
      "main.c": `int step(int); static int own(int x) { return step(x) + 1; }
        int main(int argc, char **argv) { return own(argc) + own(2) > 100; }`,
      "step.c": `static int ping(int); static int pong(int x) { return ping(x / 2) * 5; }
        static int ping(int x) { return x < 2 ? x : pong(x - 1) + pong(x - 3); }
        int step(int x) { return ping(x) + pong(x); }`,
    };
    for (const edit of [renaming("own", "mine"), renaming("step", "schritt")])
      expect((await costOfEdit(edit, cycle)).cost).toEqual(free);
  });
});

describe("only what is due for inlining", () => {
  const stores = (n: number) => Array.from({ length: n }, (_, i) => `sink = x + ${i};`).join(" ");
  const large = (n: number) => ({
    "large.c": `volatile int sink; static int large(int x) { ${stores(n)} return x; }
      int main(void) { return large(0); }`,
  });
  // Its size decides whether the only call of a function is inlined.
  test.each([
    [1520, 1480],
    [1480, 1520],
  ])("a function of %d statements that now has %d: its caller too", async (before, after) => {
    const { cost } = await costOfEdit(() => large(after), large(before));
    expect(cost).toEqual({ simplified: 2, emitted: after > before ? 2 : 1 });
  });
});

describe("a new field of a struct", () => {
  const sources = (field: string) => ({
    "fields.c": `struct list { struct list *next; int value; ${field} };
      __attribute__((noinline)) int sum(struct list *l) { int x = 0; for (; l; l = l->next) x += l->value; return x; }
      __attribute__((noinline)) void set(struct list *l, int x) { l->value = x; l->next = 0; }
      int size(void) { return sizeof(struct list); }`,
    "main.c": "int size(void); int main(void) { return size(); }",
  });
  test("costs no code of those that do not use it", async () => {
    const { cost } = await costOfEdit(() => sources("long extra;"), sources(""));
    expect(cost).toEqual({ simplified: 2, emitted: 2 }); // size() and main()
  });
});

/** In a cycle of calls somebody comes before one that he calls, and the larger one comes last. */
describe("the order in a cycle of calls, after an edit that callers do not see", () => {
  const stores = (n: number) => Array.from({ length: n }, (_, i) => `sink = x + ${i};`).join(" ");
  const folded = Array.from({ length: 200 }, (_, i) => `int a${i} = x * ${i};`).join(" ");
  /** Of `small`, little is left. */
  const cycle = (n: number) => ({
    "cycle.c": `int small(int); volatile int sink;
      int large(int x) { ${stores(n)} return x < 1 ? 1 : small(x - 1); }
      int small(int x) { ${folded} return x < 1 ? 2 : large(x - 1); }
      int main(int argc, char **argv) { return large(argc); }`,
  });

  test.each([
    [60, 900],
    [900, 60],
  ])("a function of %d statements that now has %d", async (before, after) => {
    await costOfEdit(() => cycle(after), cycle(before));
  });

  /** Whoever comes behind its `step` knows that `local` stays what it is. */
  const file = (
    own: string,
    other: string,
    seed: number,
  ) => `int ${other}(int); extern volatile int sink;
    static int step(int x, const int *p) { ${stores(200)} x += *p + ${seed}; return x < 1 ? x : ${other}(x - 1); }
    int ${own}(int x) { int local = x; x = step(x, &local) + step(x + 1, &local); return x + local; }`;

  test("two functions of one name", async () => {
    const twins = (seed: number) => ({
      "a.c": file("one", "two", 1000),
      "b.c": file("two", "one", seed),
      "main.c": "volatile int sink; int one(int); int main(void) { return one(-9) & 127; }",
    });
    const cache = work.path(`cache-${folders++}`);
    for (let seed = 2000; seed < 2008; seed++) await costOf(cache, twins(seed));
  });
});

describe("every option that simplifying depends on is in its key", () => {
  const changes: [string, Partial<BuildOptions>][] = [
    ...(["O1", "O3", "Os", "Oz"] as const).map((level): [string, Partial<BuildOptions>] => [
      `level ${level}`,
      { level },
    ]),
    ["cpu", { cpu: "haswell" }],
    ["features", { features: "+avx2" }],
    ["target", { target: "x86_64-pc-linux-musl" }],
  ];
  test.each(changes)("%s", async (_, change) => {
    const cache = work.path(`options-${folders++}`);
    const inputs = inputsOf({ "options.c": "int f(int x) { return x; }" });
    const simplified = async (options: Partial<BuildOptions>) => {
      const output = work.path("options.a");
      const report = await build({ inputs, output, cache, units: "function", ...options });
      return report.simplify.lookups - report.simplify.hits;
    };
    expect(await simplified({})).toBe(1);
    expect(await simplified(change)).toBe(1);
    expect([await simplified({}), await simplified(change)]).toEqual([0, 0]);
  });
});
