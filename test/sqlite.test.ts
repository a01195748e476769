/** SQLite as function units: it works as clang's does, and an edit costs what it changed. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { type BuildOptions, build } from "../lib";
import { clangAsync, digest, exportsOf, type RunResult, run, Workspace } from "./helpers";

const work = new Workspace();
const shipped = path.dirname(require.resolve("better-sqlite3/deps/sqlite3/sqlite3.c"));
const fixtures = path.join(__dirname, "fixtures/sqlite");
const original = readFileSync(path.join(shipped, "sqlite3.c"), "utf8");
const features = ["FTS5", "MATH_FUNCTIONS", "RTREE"].map((name) => `-DSQLITE_ENABLE_${name}`);

/** No edit may shift lines: SQLite's error messages tell its own. */
function edited(...edits: [before: string, after: string][]): string {
  return edits.reduce((text, [before, after]) => {
    expect(text.indexOf(before)).toBe(text.lastIndexOf(before));
    expect(text).toContain(before);
    return text.replace(before, () => after);
  }, original);
}

/** From its first line to the brace that closes it. */
function functionIn(text: string, firstLine: string): string {
  const start = text.indexOf(`\n${firstLine}`) + 1;
  expect(start).toBeGreaterThan(0);
  return text.slice(start, text.indexOf("\n}\n", start) + 3);
}

const sleep = "SQLITE_API int sqlite3_sleep(int ms){";
const versionNumber = "int sqlite3_libversion_number(void){";
const sleepBody = functionIn(original, sleep);
const codesBody = functionIn(
  original,
  "SQLITE_API int sqlite3_extended_result_codes(sqlite3 *db, int onoff){",
);

const variants: Record<string, string> = {
  original,
  additions: edited([
    sleep,
    `struct fgPair { int a; double b; }; void fgFill(struct fgPair *p) { p->b = p->a * 0.3; }
     double fgAdd(struct fgPair *p) { puts("a new string"); fgFill(p); return p->a + p->b; }
     ${sleep}`.replaceAll("\n", " "),
  ]),
  constant: edited(["1000*ms)/1000", "1000*ms)/1001"]),
  "swapped functions and a static local": edited(
    [sleepBody, "<first>"],
    [codesBody, sleepBody],
    ["<first>", codesBody],
    [versionNumber, `${versionNumber} static int n; n++;`],
  ),
};

/** What the bitcode is, how clang makes it, and how finegrain goes on from there. */
const kinds = {
  optimised: { flags: [], options: { codegenOnly: true } },
  unoptimised: { flags: ["-Xclang", "-disable-llvm-passes"], options: { level: "O2" } },
} as const;
type Kind = keyof typeof kinds;

const bitcodeOf = (kind: Kind, variant: string) => work.path(`${kind} ${variant}.bc`);
const theirs = work.path("theirs.so");

let expectedRun: RunResult;

async function compile(kind: Kind, [name, source]: [string, string]): Promise<void> {
  const file = work.write(`${kind} ${name}.c`, source);
  const flags = ["-O2", "-fPIC", "-emit-llvm", "-c", ...features, ...kinds[kind].flags];
  await clangAsync([...flags, file, "-o", bitcodeOf(kind, name)]);
}

beforeAll(async () => {
  for (const kind of ["optimised", "unoptimised"] as const)
    await Promise.all(Object.entries(variants).map((variant) => compile(kind, variant)));
  await clangAsync(["-shared", "-lm", bitcodeOf("optimised", "original"), "-o", theirs]);
  expectedRun = await runScript(theirs);
}, 600_000);

async function runScript(library: string): Promise<RunResult> {
  const program = `${library}.driver`;
  const driver = path.join(fixtures, "driver.c");
  const link = [library, `-Wl,-rpath,${work.folder}`];
  await clangAsync([`-I${shipped}`, driver, ...link, "-o", program]);
  return run(program, [path.join(fixtures, "script.sql"), `${library}.database`]);
}

describe.each<Kind>(["optimised", "unoptimised"])("from %s bitcode", (kind) => {
  const ours = work.path(`${kind}.so`);
  const cache = work.path(`${kind} cache`);
  const inputs = [bitcodeOf(kind, "original")];
  const buildLibrary = (options: Partial<BuildOptions> = {}) => {
    const common = { ...kinds[kind].options, inputs, output: ours, cache };
    return build({ ...common, units: "function", link: { args: ["-lm"] }, ...options });
  };

  let expected: string;
  test("a library of function units is built", async () => {
    const { units, wholeModules, cache } = await buildLibrary();
    expect(wholeModules).toEqual([]);
    expect(units).toBeGreaterThan(1500);
    const { lookups } = cache;
    expect(cache).toMatchObject({ hits: 0, misses: lookups, bad: 0, errors: 0 });
    expect(lookups).toBeGreaterThan(1500);
    expected = digest(ours);
  }, 600_000);

  test("it exports what clang's does", () => {
    expect(exportsOf(ours)).toEqual(exportsOf(theirs));
  });

  test("it runs SQL as clang's does", async () => {
    expect(expectedRun).toMatchObject({ status: 0, stdout: expect.stringContaining("\n10000|") });
    expect(await runScript(ours)).toEqual(expectedRun);
  });

  test.each([1, 2, 4])("warm on %d threads: all hits, the same bytes", async (threads) => {
    const { cache, simplify } = await buildLibrary({ threads });
    expect(cache).toMatchObject({ misses: 0, addedBytes: 0 });
    expect(simplify.hits).toBe(simplify.lookups);
    expect(digest(ours)).toBe(expected);
  });

  test("without a cache on 4 threads: the same bytes", async () => {
    await buildLibrary({ threads: 4, cache: "off" });
    expect(digest(ours)).toBe(expected);
  }, 600_000);

  test.each([
    ["additions", 4],
    ["constant", 1],
    ["swapped functions and a static local", 2], // the local's function, and the data
  ])("%s: at most %d misses", async (variant, atMost) => {
    const options = { inputs: [bitcodeOf(kind, variant)], output: work.path("edited.so") };
    const { cache, simplify } = await buildLibrary(options);
    expect(cache.misses).toBeLessThanOrEqual(atMost);
    expect(simplify.lookups - simplify.hits).toBeLessThanOrEqual(atMost);
  });
});
