/** SQLite as function units: it works as clang's does, and an edit costs what it changed. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { type BuildOptions, build } from "../lib";
import { clangAsync, digest, exportsOf, run, Workspace } from "./helpers";

const work = new Workspace();
const shipped = path.dirname(require.resolve("better-sqlite3/deps/sqlite3/sqlite3.c"));
const fixtures = path.join(__dirname, "fixtures/sqlite");
const original = readFileSync(path.join(shipped, "sqlite3.c"), "utf8");
const features = ["FTS5", "MATH_FUNCTIONS", "RTREE"].map((name) => `-DSQLITE_ENABLE_${name}`);
const cache = work.path("cache");

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
const bitcodeOf = (variant: string) => work.path(`${variant}.bc`);
const inputs = [bitcodeOf("original")];
const ours = work.path("ours.so");
const theirs = work.path("theirs.so");

function buildLibrary(options: Partial<BuildOptions> = {}) {
  const common = { inputs, output: ours, cache, units: "function", codegenOnly: true } as const;
  return build({ ...common, link: { args: ["-lm"] }, ...options });
}

beforeAll(async () => {
  const compile = async ([name, source]: [string, string]) => {
    const file = work.write(`${name}.c`, source);
    const flags = ["-O2", "-fPIC", "-emit-llvm", "-c", ...features];
    await clangAsync([...flags, file, "-o", bitcodeOf(name)]);
  };
  await Promise.all(Object.entries(variants).map(compile));
  await clangAsync(["-shared", "-lm", ...inputs, "-o", theirs]);
}, 600_000);

let expected: string;
test("a library of function units is built", async () => {
  const { units, wholeModules, cache } = await buildLibrary();
  expect(wholeModules).toEqual([]);
  expect(units).toBeGreaterThan(1500);
  expect(cache).toMatchObject({ lookups: units, hits: 0, misses: units, bad: 0, errors: 0 });
  expected = digest(ours);
});

test("it exports what clang's does", () => {
  expect(exportsOf(ours)).toEqual(exportsOf(theirs));
});

test("it runs SQL as clang's does", async () => {
  const outputs = await Promise.all([theirs, ours].map(runScript));
  expect(outputs[0]).toMatchObject({ status: 0, stdout: expect.stringContaining("\n10000|") });
  expect(outputs[1]).toEqual(outputs[0]);
});

async function runScript(library: string) {
  const program = `${library}.driver`;
  const driver = path.join(fixtures, "driver.c");
  const link = [library, `-Wl,-rpath,${work.folder}`];
  await clangAsync([`-I${shipped}`, driver, ...link, "-o", program]);
  return run(program, [path.join(fixtures, "script.sql"), `${library}.database`]);
}

test.each([1, 2, 4])("warm on %d threads: all hits, the same bytes", async (threads) => {
  const { cache } = await buildLibrary({ threads });
  expect(cache).toMatchObject({ misses: 0, addedBytes: 0 });
  expect(digest(ours)).toBe(expected);
});

test("without a cache on 4 threads: the same bytes", async () => {
  await buildLibrary({ threads: 4, cache: "off" });
  expect(digest(ours)).toBe(expected);
});

test.each([
  ["additions", 4],
  ["constant", 1],
  ["swapped functions and a static local", 2], // the local's function, and the data
])("%s: at most %d misses", async (variant, atMost) => {
  const options = { inputs: [bitcodeOf(variant)], output: work.path("edited.so") };
  const { cache } = await buildLibrary(options);
  expect(cache.misses).toBeLessThanOrEqual(atMost);
});
