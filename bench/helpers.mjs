// What the benchmarks share: a folder that goes away, timed commands,
// interleaved rounds, medians and tables.

import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

export const folder = mkdtempSync(path.join(os.tmpdir(), "finegrain-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

export const inFolder = (name) => path.join(folder, name);

/** Runs a command. Its seconds are `cpu`, of all threads, and `wall`. Throws where it fails. */
export function timed(command) {
  const script = `TIMEFORMAT='%U %S %R'; time "$@"`;
  const options = { encoding: "utf8", maxBuffer: 2 ** 28 };
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script, "bash", ...command], options);
  if (status !== 0) throw new Error(`${command.join(" ")}\n${stderr.slice(0, 2000)}`);
  const times = stderr.trim().split("\n").at(-1);
  const [user, system, wall] = times.split(" ").map(Number);
  return { cpu: user + system, wall, stdout };
}

/** The command line that dist/ holds, as a command for `timed`. */
export const finegrain = (...args) => [
  process.execPath,
  path.join(import.meta.dirname, "../dist/cli/main.js"),
  "build",
  ...args,
];

export const frontendOnly = ["-Xclang", "-disable-llvm-passes", "-emit-llvm"];

/** clang's command that compiles one file at -O2. */
export function clang(source, output, ...flags) {
  const compiler = /\.(cc|cpp)$/.test(source) ? "clang++-22" : "clang-22";
  return [compiler, "-w", "-O2", "-fPIC", ...flags, "-c", source, "-o", output];
}

/** Runs commands whose time does not matter, one on each core. */
export async function runAll(commands) {
  const queue = [...commands];
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift())
      await promisify(execFile)(next[0], next.slice(1));
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, lane));
}

/** Unoptimised bitcode of each source, as clang -O2 would start from. */
export async function bitcodeOf(sources, ...flags) {
  const outputs = sources.map((source, i) => inFolder(`${path.basename(source)}-${i}.bc`));
  const command = (source, i) => clang(source, outputs[i], ...frontendOnly, ...flags);
  await runAll(sources.map(command));
  return outputs;
}

/**
 * Lets each contender run once in each round, so that what else the machine
 * does falls on all of them alike. Resolves to name and samples of each.
 */
export async function interleaved(contenders, rounds) {
  const samples = new Map(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [name, run] of Object.entries(contenders)) samples.get(name).push(await run(round));
  return samples;
}

export const median = (numbers) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** The median of a field of the samples, or of what a function takes from each. */
export const middle = (samples, field) =>
  median(samples.map(typeof field === "function" ? field : (sample) => sample[field]));

export function printMachine(rounds) {
  const load = os.loadavg()[0].toFixed(1);
  const cores = `${os.cpus()[0].model}, ${os.availableParallelism()} cores, load ${load}`;
  console.log(`${cores}, medians of ${rounds}`);
}

export function printTable(header, rows) {
  const line = (cells) => console.log(`| ${cells.join(" | ")} |`);
  line(header);
  console.log(`|${"---|".repeat(header.length)}`);
  for (const row of rows) line(row);
}
