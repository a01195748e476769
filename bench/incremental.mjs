// Incremental -O2 from unoptimised bitcode, on sqlite3.c: cold builds against
// clang on the same bitcode, and what edits of the C source cost, all in the
// same rounds. Usage: node bench/incremental.mjs [rounds]

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import {
  clang,
  finegrain,
  frontendOnly,
  inFolder,
  interleaved,
  middle,
  printMachine,
  printTable,
  runAll,
  timed,
} from "./helpers.mjs";

const rounds = Number(process.argv[2] ?? 5);
const require = createRequire(import.meta.url);
const original = readFileSync(require.resolve("better-sqlite3/deps/sqlite3/sqlite3.c"), "utf8");

/** Replaces the first `before` from a line on. No edit may shift lines: assertions tell theirs. */
function edited(line, before, after) {
  const start = original.indexOf(before, original.indexOf(`\n${line}`));
  if (!original.includes(`\n${line}`) || start < 0) throw new Error(`nothing to edit in ${line}`);
  return original.slice(0, start) + after + original.slice(start + before.length);
}

const sleep = "SQLITE_API int sqlite3_sleep(int ms){";
const edits = {
  "no change": original,
  "a constant in a called leaf": edited(
    "SQLITE_PRIVATE u8 sqlite3GetVarint(const unsigned char *p, u64 *v){",
    "return 2;",
    "return 3;",
  ),
  "a constant in sqlite3VdbeExec": edited(
    "SQLITE_PRIVATE int sqlite3VdbeExec(\n",
    "u32 colCacheCtr = 0;",
    "u32 colCacheCtr = 1;",
  ),
  "a new function and a call of it": edited(
    sleep,
    sleep,
    `int fg_twice(int ms){ return 2*ms+puts("a new string"); } ${sleep} ms = fg_twice(ms);`,
  ),
  "an inlined leaf used everywhere": edited(
    "SQLITE_PRIVATE int sqlite3Strlen30(const char *z){",
    "0x3fffffff",
    "0x1fffffff",
  ),
};

/** As in a build, an edit does not rename the file: bitcode tells its name. */
const inputOf = (name) => inFolder(`${name}/sqlite3.bc`);
await runAll(
  Object.entries(edits).map(([name, text]) => {
    mkdirSync(inFolder(name));
    writeFileSync(inFolder(`${name}/sqlite3.c`), text);
    const compile = clang("sqlite3.c", "sqlite3.bc", ...frontendOnly);
    return ["env", "-C", inFolder(name), ...compile];
  }),
);
const bitcode = inputOf("no change");

const output = inFolder("sqlite3.so");
function build(input, cache, threads = 2) {
  const args = [input, "-o", output, "--units", "function", "-O2", "--json"];
  const sample = timed(finegrain(...args, "--cache", cache, "--threads", String(threads)));
  return { ...sample, report: JSON.parse(sample.stdout) };
}

const empty = inFolder("empty");
function buildCold(threads) {
  rmSync(empty, { recursive: true, force: true });
  return build(bitcode, empty, threads);
}

const warm = inFolder("warm");
build(bitcode, warm);
/** Each edit starts from the cache of the original alone. */
function buildEdit(name) {
  rmSync(empty, { recursive: true, force: true });
  // Entries are written beside their place and renamed, so links do not share changes.
  execFileSync("cp", ["-al", warm, empty]);
  return build(inputOf(name), empty);
}

for (const name of Object.keys(edits)) {
  buildEdit(name);
  const incremental = readFileSync(output);
  build(inputOf(name), "off");
  if (!incremental.equals(readFileSync(output)))
    throw new Error(`${name}: the incremental build is not the cold one`);
}

const coldOn2 = "cold, 2 threads, cache off";
const samples = await interleaved(
  {
    "clang -O2 -c": () => timed(clang(bitcode, inFolder("sqlite3.o"))),
    "cold, 1 thread, cache off": () => build(bitcode, "off", 1),
    [coldOn2]: () => build(bitcode, "off", 2),
    "cold, 1 thread, cache empty": () => buildCold(1),
    "cold, 2 threads, cache empty": () => buildCold(2),
    ...Object.fromEntries(Object.keys(edits).map((name) => [name, () => buildEdit(name)])),
  },
  rounds,
);

const clangs = samples.get("clang -O2 -c");
const ours = [...samples].filter(([, [{ report }]]) => report);
printMachine(rounds);
console.log("Whole processes, Node's start included:\n");
printTable(
  ["", "CPU s", "÷ clang", "wall s", "÷ clang", "÷ cold on 2 threads", "simplified", "emitted"],
  [...samples].map(([name, of]) => {
    const { report } = of[0];
    const ratio = (field, to) => (middle(of, field) / middle(to, field)).toFixed(3);
    return [
      name,
      ...["cpu", "wall"].flatMap((field) => [middle(of, field).toFixed(2), ratio(field, clangs)]),
      report ? ratio("wall", samples.get(coldOn2)) : "–",
      ...(report ? workOf(report) : ["–", "–"]),
    ];
  }),
);

/** Without a cache there are no look-ups to count. */
function workOf({ units, cache, simplify }) {
  if (cache.url === "off") return ["all", `all ${units}`];
  return [simplify.lookups - simplify.hits, cache.misses];
}

const phases = Object.keys(ours[0][1][0].report.phases);
console.log("\nThe phases of build(), in milliseconds:\n");
printTable(
  ["", ...phases, "÷ cold on 2 threads"],
  ours.map(([name, of]) => {
    const time = (phase, from = of) => middle(from, ({ report }) => report.phases[phase]);
    const ratio = time("total") / time("total", samples.get(coldOn2));
    return [name, ...phases.map((phase) => time(phase).toFixed(1)), ratio.toFixed(3)];
  }),
);
