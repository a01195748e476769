// A C++ project, re2 with the part of abseil that it uses, from unoptimised
// bitcode at -O2: file after file into one cache, all at once, and one file
// alone, against clang on the same bitcode.
// Usage: node bench/cpp-project.mjs [--rounds N] [--file SOURCE]

import { mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";
import { build } from "finegrain";
import {
  bitcodeOf,
  clang,
  inFolder,
  interleaved,
  middle,
  printMachine,
  printTable,
  timed,
} from "./helpers.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    file: { type: "string", default: "re2/re2.cc" },
  },
});
const rounds = Number(values.rounds);
const package_ = path.dirname(createRequire(import.meta.url).resolve("re2/package.json"));
const includes = ["re2", "abseil-cpp"].map((name) => `-I${path.join(package_, "vendor", name)}`);
const flags = ["-std=c++20", "-DNDEBUG", ...includes];

/** Those that the package itself is built from on Linux. */
function sources() {
  const gyp = readFileSync(path.join(package_, "binding.gyp"), "utf8");
  return [...gyp.matchAll(/"(vendor\/[^"]+\.cc)"/g)]
    .map(([, file]) => path.join(package_, file))
    .filter((file) => !/win32|_win\.cc/.test(file));
}

/** Like `timed`, for what runs in this process: Node is not started for each file. */
async function inProcess(work) {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  const reports = await work();
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / 1e6, wall: (performance.now() - wall) / 1e3, reports };
}

async function oneByOne(work) {
  const results = [];
  for (const [index, input] of inputs.entries()) results.push(await work(input, index));
  return results;
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

async function clangOneByOne() {
  const samples = await oneByOne((input, i) => timed(clang(input, inFolder(`${i}.o`))));
  return { cpu: sum(samples.map(({ cpu }) => cpu)), wall: sum(samples.map(({ wall }) => wall)) };
}

/** A new folder each time: files are slow to make where others have just been deleted. */
let cache;
const common = { units: "function", level: "O2", threads: 2 };
const buildEach = () =>
  inProcess(() =>
    oneByOne((input, i) =>
      build({ ...common, inputs: [input], output: inFolder(`${i}.a`), cache }),
    ),
  );
function fresh(work) {
  cache = mkdtempSync(inFolder("cache-"));
  return work();
}
const libraries = ["-lstdc++", "-lm"];
const together = inFolder("together.so");
const buildTogether = () =>
  inProcess(async () => [
    await build({ ...common, inputs, output: together, cache, link: { args: libraries } }),
  ]);

const files = sources();
const inputs = await bitcodeOf(files, ...flags);
const single = inputs[files.findIndex((file) => file.endsWith(values.file))];
const buildSingle = (threads) =>
  inProcess(async () => [
    await build({
      ...common,
      inputs: [single],
      output: inFolder("single.a"),
      cache: "off",
      threads,
    }),
  ]);

const contenders = {
  "clang, file by file": clangOneByOne,
  "finegrain, file by file, one cache": () => fresh(buildEach),
  "the same again, all hits": buildEach,
  "finegrain, all files in one build": () => fresh(buildTogether),
  [`clang, ${values.file} alone`]: () => timed(clang(single, inFolder("single.o"))),
  [`finegrain, ${values.file} alone, 1 thread`]: () => buildSingle(1),
  [`finegrain, ${values.file} alone, 2 threads`]: () => buildSingle(2),
};
const samples = await interleaved(contenders, rounds);

/** Libraries of all three, and a program that puts each to use. */
async function verify() {
  const [theirs, apart] = ["theirs.so", "apart.so"].map(inFolder);
  const all = (ending) => inputs.map((_, i) => inFolder(`${i}${ending}`));
  const link = ["clang++-22", "-shared", "-Wl,--whole-archive"];
  timed([...link, ...all(".o"), "-Wl,--no-whole-archive", "-o", theirs]);
  timed([...link, ...all(".a"), "-Wl,--no-whole-archive", "-o", apart]);
  const driver = path.join(import.meta.dirname, "workloads/regex.cc");
  const outputs = [theirs, apart, together].map((library) => {
    const program = `${library}.program`;
    timed(["clang++-22", "-w", "-O2", ...flags, driver, library, "-o", program]);
    return timed([program]).stdout;
  });
  if (!outputs[0].includes("missing ): (unclosed")) throw new Error(outputs[0]);
  if (outputs.some((output) => output !== outputs[0])) throw new Error(outputs.join("\n"));
}

/** Units, and how many were simplified and emitted. */
function workOf([{ reports }]) {
  if (!reports) return ["–", "–", "–"];
  const total = (count) => sum(reports.map(count));
  const units = total((report) => report.units);
  if (reports[0].cache.url === "off") return [units, "all", "all"];
  const simplified = total(({ simplify }) => simplify.lookups - simplify.hits);
  return [units, simplified, total(({ cache }) => cache.misses)];
}

await verify();
printMachine(rounds);
console.log(`${files.length} files. What was built does the same as clang's.`);
const start = (command) => timed(command).cpu.toFixed(3);
const library = path.join(import.meta.dirname, "../dist/index.js");
console.log(
  `A process starts in ${start(["clang++-22", "-x", "c", "-c", "/dev/null", "-o", "/dev/null"])} s`,
  `(clang, with nothing to compile), ${start([process.execPath, library])} s (Node with finegrain,`,
  "not in the figures): CPU time.\n",
);
printTable(
  ["", "CPU s", "÷ clang", "wall s", "÷ clang", "units", "simplified", "emitted"],
  [...samples].map(([name, of]) => {
    const base = samples.get(
      name.includes("alone") ? `clang, ${values.file} alone` : "clang, file by file",
    );
    const figures = ["cpu", "wall"].flatMap((field) => [
      middle(of, field).toFixed(2),
      (middle(of, field) / middle(base, field)).toFixed(3),
    ]);
    return [name, ...figures, ...workOf(of)];
  }),
);
