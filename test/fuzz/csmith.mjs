// Random C programs: built by clang -O2 and by finegrain as function units,
// they must print the same checksum.
//
// usage: node csmith.mjs COUNT [FIRST_SEED [LEVELS]]
// LEVELS are those that each program is built at, such as O1,O2,O3,Os. Without
// them each is built at two, in turn.

import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { build } from "../../dist/index.js";
import { tryAll } from "./farm.mjs";

const exec = promisify(execFile);
const secondsToRun = 2;

const sizes = [
  "--max-funcs 4 --max-block-size 3 --max-block-depth 3",
  "--max-funcs 8 --max-block-size 2 --max-block-depth 3 --float",
  "--max-funcs 6 --max-block-size 3 --max-block-depth 2 --builtins --disable-builtin-kinds x86",
];
// What csmith prints checksums of floats with is of older C.
const lax = ["-Wno-incompatible-pointer-types"];
const given = process.argv[4]?.split(",");
const inTurn = ["O0", "O1", "O2", "O3", "Os"];
const levelsOf = (seed) => given ?? [0, 2].map((step) => inTurn[(seed + step) % inTurn.length]);

async function attempt(seed, folder) {
  const file = (name) => path.join(folder, name);
  const [source, unoptimised, optimised] = ["a.c", "a.bc", "a.opt.bc"].map(file);
  const clang = (...args) => exec("clang-22", ["-w", ...lax, "-O2", "-fPIC", ...args]);

  const generator = ["--quiet", "--concise", "--seed", `${seed}`, "--output", source];
  const size = sizes[seed % sizes.length].split(" ");
  await exec("csmith", [...generator, ...size], { cwd: folder }); // it leaves a file there
  const frontendOnly = ["-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c"];
  await clang("-I/usr/include/csmith", ...frontendOnly, source, "-o", unoptimised);
  const clangOutput = async (...flags) => {
    await clang(...flags, unoptimised, "-o", file("theirs"));
    return outputOf(file("theirs"), secondsToRun);
  };
  const expected = await clangOutput();
  if (expected === "timeout") return "skipped: runs too long";

  // Else most of a program is inlined into main.
  const inlining = seed % 2 ? [] : ["-fno-inline"];
  const toOptimised = ["-emit-llvm", "-c", source, "-o", optimised];
  await clang("-I/usr/include/csmith", ...inlining, ...toOptimised);
  for (const options of [
    ...levelsOf(seed).map((level) => ({ inputs: [unoptimised], level })),
    { inputs: [optimised], codegenOnly: true },
  ]) {
    const output = file("ours");
    const report = await build({ ...options, output, units: "function", cache: "off" });
    const actual = await outputOf(output, 10 * secondsToRun); // -O0 is slower
    if (actual === expected && report.wholeModules.length === 0) continue;
    // Some programs with floats have no defined output.
    if ((await clangOutput("-O0")) !== expected) return "skipped: clang -O0 and -O2 differ";
    throw new Error(JSON.stringify({ options, report, expected, actual }));
  }
  return "passed";
}

/** What a program prints, and how it ends where that is no success. */
async function outputOf(program, seconds) {
  try {
    const { stdout } = await exec(program, { timeout: seconds * 1000 });
    return stdout;
  } catch (error) {
    return error.killed ? "timeout" : `${error.stdout}ended by ${error.signal ?? error.code}`;
  }
}

await tryAll(import.meta.filename, attempt);
