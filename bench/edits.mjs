// How the time of a build grows with the number of functions that were edited,
// on one large module. Edits are made in the bitcode.

import { functionsIn, readInput, runContest, StateWriter } from "../dist/bench.js";

/** finegrain alone, on as many threads as there are cores; `bench` is a workload of one module. */
export async function editCurve({ site, states: [{ bitcode }] }, { counts, rounds, onProgress }) {
  const modules = await readInput(bitcode[0]);
  const writer = new StateWriter(modules, site.work);
  const original = await writer.write("not edited", () => 0);
  const scenarios = [
    { name: "cold", kind: "cold", state: original },
    { name: "0", kind: "relink", state: original },
  ];
  for (const count of counts)
    scenarios.push({
      name: String(count),
      kind: "edit",
      state: await writer.write(`${count} edited`, () => count),
    });
  const own = site.own(undefined, { emit: "shared" }); // a part of a program will do
  const contest = { scenarios, contenders: [own], baseline: own.name, rounds, onProgress };
  const { results } = await runContest({ ...contest, outputOf: site.outputOf });
  return { functions: functionsIn(modules[0]), results };
}
