// All that finegrain claims of its speed, measured in one run: npm run bench.
// Writes the figures as JSON, as plots, and into docs/benchmarks.md.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs, promisify } from "node:util";
import { machine } from "../dist/bench.js";
import { codegen } from "./codegen.mjs";
import { cold, contest } from "./contest.mjs";
import { writeDocument } from "./document.mjs";
import { editCurve } from "./edits.mjs";
import { growth } from "./growth.mjs";
import { jsonLines } from "./json.mjs";
import { perUnit } from "./per-unit.mjs";
import { writePlots } from "./plots.mjs";
import { project } from "./project.mjs";
import { runtime } from "./runtime.mjs";
import { sqlite, tiny, zstd } from "./workloads/c.mjs";
import { containers, leveldb, re2 } from "./workloads/cpp.mjs";
import { imageOf } from "./workloads/image.mjs";
import { rust } from "./workloads/rust.mjs";

const here = import.meta.dirname;
const root = path.join(here, "..");

const full = {
  workloads: { sqlite, zstd, leveldb, re2, rust, image: imageOf(200), containers },
  contests: ["sqlite", "zstd", "leveldb", "rust", "image"],
  runtime: ["sqlite", "zstd", "leveldb", "re2", "containers", "rust", "image"],
  single: "sqlite",
  project: { name: "re2", file: "re2/re2.cc" },
  edits: [1, 10, 100, 1000],
  growth: { image: [1000, 5000, 10_000, 50_000], module: [100, 500, 1000, 5000] },
  units: 200,
  coldRounds: 9,
  storeRounds: 15,
};

/** Tells only whether all works. */
const short = {
  workloads: { tiny, image: imageOf(10) },
  contests: ["tiny", "image"],
  runtime: ["tiny"],
  single: "tiny",
  project: { name: "tiny", file: "words.c" },
  edits: [1, 2],
  growth: { image: [5, 10], module: [5, 10] },
  units: 3,
  coldRounds: 1,
  storeRounds: 0,
};

const usage = `usage: npm run bench -- [options]
  --rounds N         how often everything is measured (default 3)
  --workloads LIST   instead of those that are measured otherwise: of ${Object.keys(full.workloads).join(", ")}
  --sections LIST    of contests, cold, codegen, project, edits, growth, perUnit, runtime, stores
  --short            tiny workloads, to see whether all works
  --out FOLDER       for everything that is written, docs/benchmarks.md too`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    workloads: { type: "string" },
    sections: { type: "string" },
    short: { type: "boolean" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(usage);
  process.exit();
}

const plan = values.short ? short : full;
const rounds = Number(values.rounds);
const chosen = (defaults) => values.workloads?.split(",") ?? defaults;
const isAsked = (list, name) => !list || list.split(",").includes(name);
/** Kept to the end: for minutes after many were deleted, ext4 is slow to make files. */
const work = mkdtempSync(path.join(os.tmpdir(), "finegrain-bench-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

const results = { machine: machine() };

/** One after the other. One that fails keeps none of the others from being measured. */
const sections = {
  async contests() {
    results.contests = [];
    const measureOne = async (bench, { name, title, edits }) => {
      const outcome = await contest(bench, {
        rounds,
        onProgress: progress(`${name}, builds`),
      });
      const whats = Object.entries(edits).map(([edit, { what }]) => ({ edit, what }));
      const about = { name, title, files: bench.files, edits: whats, machine: results.machine };
      results.contests.push({ ...about, ...outcome });
    };
    for (const name of chosen(plan.contests)) await withBench(name, measureOne, true);
  },
  cold: () =>
    withBench(plan.single, async (bench) => {
      const options = { rounds: plan.coldRounds, onProgress: progress("cold builds") };
      results.cold = { name: plan.single, ...(await cold(bench, options)) };
    }),
  codegen: () =>
    withBench(plan.single, async (bench) => {
      const options = { rounds, onProgress: progress("code generation") };
      results.codegen = { name: plan.single, ...(await codegen(bench, options)) };
    }),
  project: () =>
    withBench(plan.project.name, async (bench) => {
      const options = { ...plan.project, rounds, onProgress: progress("a project") };
      results.project = { name: plan.project.name, ...(await project(bench, options)) };
    }),
  edits: () =>
    withBench(plan.single, async (bench) => {
      const options = { counts: plan.edits, rounds, onProgress: progress("edits") };
      results.edits = { name: plan.single, ...(await editCurve(bench, options)) };
    }),
  async growth() {
    results.growth = [];
    for (const [kind, sizes] of Object.entries(plan.growth)) {
      const options = { sizes, work, rounds, onProgress: progress(`growth, ${kind}`) };
      results.growth.push(await growth(kind, options));
    }
  },
  perUnit: () =>
    withBench(plan.single, async ({ states }) => {
      const options = { count: plan.units, work: path.join(work, "units"), rounds };
      results.perUnit = { name: plan.single, ...(await perUnit(states[0].bitcode[0], options)) };
    }),
  async runtime() {
    results.runtime = [];
    for (const name of chosen(plan.runtime))
      await withBench(name, async (bench) => {
        const options = { rounds, onProgress: progress(`${name}, running`) };
        results.runtime.push({ name, ...(await runtime(bench, options)) });
      });
  },
  async stores() {
    if (plan.storeRounds === 0) return;
    const args = [path.join(here, "stores.mjs"), String(plan.storeRounds), "--json"];
    results.stores = JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
  },
};

/** Bitcode of edited states takes long to make, and only contests build any. */
async function withBench(name, use, isEdited = false) {
  const workload = plan.workloads[name];
  if (!workload) throw new Error(`there is no workload ${name}`);
  if (workload.isInstalled?.() === false) {
    console.error(`${name}: not measured, its compiler is not installed`);
    return;
  }
  const folder = path.join(mkdtempSync(path.join(work, "section-")), name);
  const opened = isEdited ? workload : { ...workload, edits: {} };
  await use(await workload.open(opened, folder), workload);
}

function progress(what) {
  let last = -1;
  return (done, total) => {
    const percent = Math.floor((10 * done) / total) * 10;
    if (percent !== last)
      console.error(`${new Date().toTimeString().slice(0, 8)} ${what}: ${percent} %`);
    last = percent;
  };
}

function writeAll() {
  const plotFolder = values.out ?? path.join(here, "results");
  mkdirSync(plotFolder, { recursive: true });
  results.machine.versions = machine().versions; // those that were looked for on the way, too
  writeFileSync(path.join(plotFolder, "results.json"), `${jsonLines(results)}\n`);
  const template = path.join(root, "docs/benchmarks.md");
  const file = values.out ? path.join(values.out, "benchmarks.md") : template;
  writeDocument({ template, file, plotFolder }, results, writePlots(results, plotFolder));
}

for (const [name, run] of Object.entries(sections).filter(([name]) =>
  isAsked(values.sections, name),
))
  try {
    await run();
  } catch (error) {
    console.error(`${name} failed: ${error.stack}`);
    process.exitCode = 1;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work);
  } finally {
    writeAll(); // a run that is stopped has kept what it had
  }
for (const { name, failures } of results.contests ?? [])
  for (const { contender, message } of failures) {
    console.error(`${name}: ${contender} failed: ${message}`);
    process.exitCode = 1;
  }
