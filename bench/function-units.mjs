// What function units cost and save on sqlite3.c: against llc on the same
// bitcode, in the same run. Usage: node bench/function-units.mjs [rounds]

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const rounds = Number(process.argv[2] ?? 5);
const require = createRequire(import.meta.url);
const root = path.join(import.meta.dirname, "..");
const folder = mkdtempSync(path.join(os.tmpdir(), "finegrain-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const bitcode = path.join(folder, "sqlite3.bc");
const source = require.resolve("better-sqlite3/deps/sqlite3/sqlite3.c");
execFileSync("clang-22", ["-O2", "-fPIC", "-emit-llvm", "-c", source, "-o", bitcode]);

/** Runs a command and returns its seconds: `cpu` of all threads, and `wall`. */
function timed(command) {
  const script = `TIMEFORMAT='%U %S %R'; time "$@"`;
  const words = execFileSync("bash", ["-c", `(${script}) 2>&1 >/dev/null`, "bash", ...command])
    .toString()
    .trim()
    .split(/\s+/)
    .map(Number);
  const [user, system, wall] = words.slice(-3);
  return { cpu: user + system, wall };
}

const finegrain = (cache, threads) => [
  process.execPath,
  path.join(root, "dist/cli/main.js"),
  ...["build", bitcode, "-o", path.join(folder, "sqlite3.so"), "--units", "function"],
  ...["--codegen-only", "--cache", cache, "--threads", String(threads)],
];
const warm = path.join(folder, "warm");
timed(finegrain(warm, 2));

const llc = ["llc-22", "-O2", "-relocation-model=pic", "-filetype=obj"];
const contenders = {
  "llc -O2": [...llc, bitcode, "-o", path.join(folder, "sqlite3.o")],
  "finegrain, cold, 1 thread": finegrain("off", 1),
  "finegrain, cold, 2 threads": finegrain("off", 2),
  "finegrain, all hits (whole process)": finegrain(warm, 2),
};

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const samples = new Map(Object.keys(contenders).map((name) => [name, []]));
const { build } = await import("finegrain");
const inProcess = [];
for (let round = 0; round < rounds; round++) {
  for (const [name, command] of Object.entries(contenders)) samples.get(name).push(timed(command));
  const options = { inputs: [bitcode], output: path.join(folder, "sqlite3.so"), cache: warm };
  const report = await build({ ...options, units: "function", codegenOnly: true, threads: 2 });
  if (report.cache.misses > 0) throw new Error("a warm build missed");
  inProcess.push(report.phases);
}

const middle = (name, key) => median(samples.get(name).map((sample) => sample[key]));
const base = { cpu: middle("llc -O2", "cpu"), wall: middle("llc -O2", "wall") };
const row = (name, cpu, wall) => {
  const show = (value, against) => `${value.toFixed(2)} | ${(value / against).toFixed(3)}`;
  console.log(
    `| ${name} | ${cpu === undefined ? "– | –" : show(cpu, base.cpu)} | ${show(wall, base.wall)} |`,
  );
};
console.log(`${os.cpus()[0].model}, ${os.availableParallelism()} cores, medians of ${rounds}`);
console.log("| | CPU s | ÷ llc | wall s | ÷ llc |\n|---|---|---|---|---|");
for (const name of samples.keys()) row(name, middle(name, "cpu"), middle(name, "wall"));
row(
  "finegrain, all hits (build() alone)",
  undefined,
  median(inProcess.map(({ total }) => total)) / 1000,
);
console.log("\nThe phases of build(), all hits, in milliseconds:");
for (const phase of Object.keys(inProcess[0]))
  console.log(
    `  ${phase.padEnd(8)} ${median(inProcess.map((phases) => phases[phase]))
      .toFixed(1)
      .padStart(7)}`,
  );
