// How the cost of builds grows: with the number of modules of an image, and with
// the number of functions of a module. finegrain alone.

import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fittedExponent, runContest } from "../dist/bench.js";
import { Driver } from "./driver.mjs";
import { Site } from "./site.mjs";
import { callsOf, driver, writeImage, writeModule } from "./workloads/image.mjs";

export const kinds = {
  image: { what: "modules of an image", write: writeImage, units: "module", emit: "image" },
  module: { what: "functions of a module", write: writeModule, units: "function", emit: "shared" },
};

/** Cold builds, which take long, are measured once. */
export async function growth(kind, { sizes, work, rounds, onProgress }) {
  const points = [];
  for (const size of sizes)
    points.push(await measureSize(kind, size, { work, rounds, onProgress }));
  const scenarios = points[0].results.map(({ scenario }) => scenario);
  const exponents = Object.fromEntries(
    scenarios.map((scenario) => [scenario, exponentOf(points, scenario)]),
  );
  return { kind, what: kinds[kind].what, points, exponents };
}

/** Whole processes: what Node takes to start is part of it, so it is less than the build's own. */
function exponentOf(points, name) {
  const total = ({ results }) =>
    results.find(({ scenario }) => scenario === name).counts.phases.total;
  return fittedExponent(points.map((point) => ({ x: point.size, y: total(point) })));
}

async function measureSize(kind, size, { work, rounds, onProgress }) {
  const { write, units, emit } = kinds[kind];
  const folder = path.join(work, `${kind}-${size}`);
  const site = new Site({ emit, units, libraries: [] }, folder);
  const stateOf = async (name, edited) => {
    mkdirSync(path.join(folder, name));
    const bitcode = [path.join(folder, name, kind === "image" ? "image.a" : "module.bc")];
    await write(bitcode[0], size, edited);
    return { name, bitcode, sources: [], changed: edited > 0 ? [0] : [] };
  };
  const [original, edited] = [await stateOf("original", 0), await stateOf("edited", 1)];
  const own = site.own();
  const common = {
    contenders: [own],
    baseline: own.name,
    outputOf: site.outputOf,
    check: checkOf(size, folder, emit),
  };
  const cold = await runContest({
    ...common,
    scenarios: [{ name: "cold", kind: "cold", state: original }],
    rounds: 1,
    onProgress,
  });
  const warm = await runContest({
    ...common,
    scenarios: [
      { name: "all hits", kind: "hits", state: original },
      { name: "all hits, linked again", kind: "relink", state: original },
      { name: "one-function edit", kind: "edit", state: edited },
    ],
    rounds,
    onProgress,
  });
  rmSync(folder, { recursive: true, force: true });
  return { size, results: [...cold.results, ...warm.results] };
}

/** Calls about a hundred functions of what was built as it is. */
function checkOf(size, folder, emit) {
  const calls = new Driver({ emit, driver, libraries: [] }, [], folder);
  const { words, expected } = callsOf(size, Math.ceil(size / 100), 1);
  return async (output, { changed }) => {
    const { stdout } = await calls.run(await calls.programFor(output), words);
    if (changed.length === 0 && stdout !== expected)
      throw new Error(`${size} units give ${stdout}and not ${expected}`);
  };
}
