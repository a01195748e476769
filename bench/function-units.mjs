// What function units cost and save on sqlite3.c: against llc on the same
// bitcode, in the same run. Usage: node bench/function-units.mjs [rounds]

import { createRequire } from "node:module";
import {
  clang,
  finegrain,
  inFolder,
  interleaved,
  middle,
  printMachine,
  printTable,
  timed,
} from "./helpers.mjs";

const rounds = Number(process.argv[2] ?? 5);
const require = createRequire(import.meta.url);

const bitcode = inFolder("sqlite3.bc");
timed(clang(require.resolve("better-sqlite3/deps/sqlite3/sqlite3.c"), bitcode, "-emit-llvm"));

const warm = inFolder("warm");
const output = inFolder("sqlite3.so");
const build = (cache, threads) => {
  const args = [bitcode, "-o", output, "--units", "function", "--codegen-only", "--json"];
  const sample = timed(finegrain(...args, "--cache", cache, "--threads", String(threads)));
  return { ...sample, report: JSON.parse(sample.stdout) };
};
build(warm, 2);

const llc = ["llc-22", "-O2", "-relocation-model=pic", "-filetype=obj"];
const samples = await interleaved(
  {
    "llc -O2": () => timed([...llc, bitcode, "-o", inFolder("sqlite3.o")]),
    "finegrain, cold, 1 thread": () => build("off", 1),
    "finegrain, cold, 2 threads": () => build("off", 2),
    "finegrain, all hits (whole process)": () => build(warm, 2),
  },
  rounds,
);

const warmSamples = samples.get("finegrain, all hits (whole process)");
if (warmSamples.some(({ report }) => report.cache.misses > 0))
  throw new Error("a warm build missed");
const phase = (name) => middle(warmSamples, ({ report }) => report.phases[name]);
const base = samples.get("llc -O2");
const figures = (seconds, field) => [
  seconds.toFixed(2),
  (seconds / middle(base, field)).toFixed(3),
];

printMachine(rounds);
printTable(
  ["", "CPU s", "÷ llc", "wall s", "÷ llc"],
  [
    ...[...samples].map(([name, of]) => [
      name,
      ...figures(middle(of, "cpu"), "cpu"),
      ...figures(middle(of, "wall"), "wall"),
    ]),
    ["finegrain, all hits (build() alone)", "–", "–", ...figures(phase("total") / 1000, "wall")],
  ],
);
console.log("\nThe phases of build(), all hits, in milliseconds:");
for (const name of Object.keys(warmSamples[0].report.phases))
  console.log(`  ${name.padEnd(8)} ${phase(name).toFixed(1).padStart(7)}`);
