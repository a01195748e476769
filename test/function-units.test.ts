/** What an edit costs when functions are units: the functions that it changes. */

import { type BuildOptions, build, type SplitUnit, split } from "../lib";
import { clang, digest, Workspace } from "./helpers";

const work = new Workspace();

/** Statics, strings, tables of data, of labels and of functions, switches, static locals. */
const program = {
  types: "struct shape { int sides; const char *name; int (*area)(int); };",
  data: `
    static const int primes[100] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29};
    static int calls = 1;
    int level = 3;`,
  square: "static int square(int x) { calls++; return x * x; }",
  circle: "static int circle(int x) { return 3 * x * x; }",
  shapes: `static struct shape shapes[] = {{4, "square", square}, {0, "circle", circle}};`,
  area: "int area(int which, int x) { return shapes[which & 1].area(x); }",
  name: `const char *name(int which) { return which < 2 ? shapes[which].name : "no shape"; }`,
  prime: "int prime(int n) { return n < 100 ? primes[n] : -1; }",
  colour: `const char *colour(int n) {
    switch (n) {
      case 0: return "red"; case 1: return "green"; case 2: return "blue";
      case 3: return "cyan"; case 4: return "black"; default: return "white";
    } }`,
  decide: `int decide(int n) {
    switch (n) {
      case 1: return area(0, n); case 2: return area(1, 5); case 3: return prime(7);
      case 5: return level; case 6: return calls; case 9: return n - 40; default: return 0;
    } }`,
  count: "int count(void) { static int counter = 5; return counter++; }",
  steps: `int steps(int n) {
    static void *const labels[] = {&&add, &&twice, &&done};
    int sum = 0;
    next: goto *labels[n++ % 3];
    add: sum += 7; goto next;
    twice: sum *= 2; goto next;
    done: return sum + n; }`,
  second: "int second(void) { static int counter = 6; return counter += 2; }",
  say: `int puts(const char *); int say(int n) { return puts(n ? "yes" : "no") + puts(name(n)); }`,
  half: "double half(double x) { return x * 0.5 + 0.123; }",
  main: `int main(void) { say(1);
    return decide(2) + count() + steps(0) + (int)half(level) + colour(4)[0] + prime(3) + second(); }`,
};
type Program = Record<string, string>;

type Kind = "optimised" | "unoptimised";
type Edit = (before: Program) => Program;

const edits: [what: string, misses: number | Record<Kind, number>, edit: Edit][] = [
  ["nothing but the file's name", 0, (before) => before],
  [
    "a struct, two functions and a string",
    4,
    ({ types, ...rest }) => ({
      types: `${types} struct pair { int a; double b; };`,
      first: "static void fill(struct pair *p) { p->b = p->a * 0.3; }",
      second: `double total(struct pair *p); int puts(const char *);
        double total(struct pair *p) { puts("a new string"); fill(p); return p->a + p->b; }`,
      ...rest,
    }),
  ],
  ["a constant", 1, replacing("half", "0.123", "0.124")],
  ["a constant in a switch", 1, replacing("decide", "40", "41")],
  ["a string", 1, replacing("say", '"yes"', '"yeah"')],
  ["a string of the data", 1, replacing("shapes", '"circle"', '"sphere"')],
  ["a number of the data", 1, replacing("data", "29", "31")],
  ["a static local", 2, replacing("say", "{", "{ static int said; said++;")],
  ["a label", 1, replacing("steps", "sum += 7", "sum += 8")],
  ["a static's name", 0, renaming("square", "quadrat")],
  ["a static variable's name", 0, renaming("calls", "calls_so_far")],
  ["a static local's name", 0, renaming("counter", "n")],
  ["an exported function's name", 0, renaming("decide", "choose")],
  // Type-based alias analysis tells types by name.
  ["a type's name", 0, renaming("struct shape", "struct figure")],
  // The code generator knows the name, in the function and in its caller.
  ["a name to one with a meaning", 2, renaming("half", "ldexp")],
  ["the order of functions", 0, swapping("half", "colour")],
  ["the order of functions with data", 1, swapping("second", "count")],
];

function replacing(part: string, before: string, after: string) {
  return (program: Program) => ({ ...program, [part]: program[part]!.replace(before, after) });
}

function renaming(before: string, after: string) {
  const rename = ([part, text]: [string, string]) =>
    [part, text.replace(new RegExp(`(?<!")\\b${before}\\b(?!")`, "g"), after)] as const;
  return (program: Program) => Object.fromEntries(Object.entries(program).map(rename));
}

/** Puts parts where the next of them stood. */
function swapping(...parts: string[]) {
  const other = (name: string) =>
    parts.includes(name) ? parts[(parts.indexOf(name) + 1) % parts.length]! : name;
  return (program: Program) =>
    Object.fromEntries(Object.keys(program).map((name) => [other(name), program[other(name)]!]));
}

function bitcode(kind: Kind, name: string, source: Program): string {
  const text = Object.values(source).join("\n");
  // An inlined function spreads its edits over its callers.
  const noInlining = ["-fno-inline", "-fno-builtin-ldexp"];
  const flags = [...noInlining, "-Wno-incompatible-library-redeclaration"];
  if (kind === "unoptimised") return work.bitcode(`${name}.c`, text, flags);
  const output = work.path(`${name}.bc`);
  const file = work.write(`${name}.c`, text);
  clang(["-O2", "-fPIC", ...flags, "-emit-llvm", "-c", file, "-o", output]);
  return output;
}

describe.each<Kind>(["optimised", "unoptimised"])("%s bitcode", (kind) => {
  const cache = work.path(`cache-${kind}`);
  const library = (input: string, options: Partial<BuildOptions> = {}) => {
    const output = work.path("library.so");
    const codegenOnly = kind === "optimised";
    const common = { inputs: [input], output, cache, codegenOnly };
    return build({ ...common, units: "function", ...options });
  };
  const original = bitcode(kind, `original-${kind}`, program);

  beforeAll(async () => {
    const { units, wholeModules, cache } = await library(original);
    // Every function, and the data.
    expect({ units, wholeModules }).toEqual({ units: 14, wholeModules: [] });
    expect(cache).toMatchObject({ hits: 0, misses: 14 });
  });

  const costs = edits.map(
    ([what, misses, edit]) =>
      [what, typeof misses === "number" ? misses : misses[kind], edit] as const,
  );
  test.each(costs)("%s: at most %d misses", async (what, atMost, edit) => {
    const input = bitcode(kind, `${kind} ${what}`, edit(program));
    // Each edit starts from the original alone.
    const cache = work.path(`cache-${kind}-${what}`);
    await library(original, { cache });
    const { misses } = (await library(input, { cache })).cache;
    expect(misses).toBeLessThanOrEqual(atMost);
    expect(misses).toBeGreaterThanOrEqual(Math.min(atMost, 1));
  });
});

describe("keys", () => {
  const functions = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => {
      const n = from + i;
      return `int f${n}(int x) { static int s${n} = ${n}; return x * ${n} + s${n}++ + (x ? f(x) : 0); }`;
    }).join("\n");
  // Large enough to be split by several jobs.
  const large = work.bitcode("large.c", `int f(int);\n${functions(0, 900)}`);
  // Nothing is to be known of f: what is would rightly be in the keys of its callers.
  const f = "__attribute__((weak)) int f(int x) { return x; }";
  const small = work.bitcode("small.c", `${f}\n${functions(5000, 3)}`);
  const digests = (units: SplitUnit[]) => units.map(({ digest }) => digest);

  test.each([1, 2, 4])("on %d threads, beside other inputs: the same", async (threads) => {
    const cache = work.path(`keys-${threads}`);
    const output = work.path("large.a");
    const options = { cache, output, threads, units: "function" } as const;
    const alone = await build({ ...options, inputs: [large], threads: 2 });
    expect(alone).toMatchObject({ units: 901, cache: { misses: 901 } });
    const expected = digest(output);
    const { cache: counts } = await build({ ...options, inputs: [large] });
    expect(counts).toMatchObject({ hits: 901, misses: 0 });
    expect(digest(output)).toBe(expected);
    const beside = await build({ ...options, inputs: [small, large] });
    expect(beside.cache).toMatchObject({ hits: 901, misses: 5 });
  });

  test("split gives what build looks up", async () => {
    const cache = work.path("keys-split");
    const { cache: counts } = await build({
      inputs: [small],
      output: work.path("small.o"),
      cache,
      units: "function",
    });
    const units = await split(small, { units: "function" });
    expect(counts.lookups).toBe(units.length);
    expect(new Set(digests(units)).size).toBe(units.length);
  });
});
