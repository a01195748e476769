// How fast the code runs that finegrain makes at -O2, against the baseline's from
// the same sources. What they print must agree.
//
// The same code can run 5 % faster or slower by where it lies in lines of the
// processor's caches. So each program is linked to begin at several places in one.

import path from "node:path";
import { figuresOf, inTurn, measure } from "../dist/bench.js";

const places = [0, 16, 32, 48].map((offset) => 0x1000000 + offset);

export async function runtime(bench, { rounds, onProgress }) {
  const { site, others, baseline } = bench;
  const builders = {
    [baseline]: others.find(({ name }) => name === baseline),
    ...ownBuilders(site),
  };
  const samplers = [];
  for (const place of places)
    for (const [name, contender] of Object.entries(builders)) {
      const program = await programAt(place, bench, name, contender);
      samplers.push(() => bench.driver.run(program));
    }
  const samples = await inTurn(samplers, rounds, onProgress);
  return { baseline, results: resultsOf(Object.keys(builders), samples) };
}

function ownBuilders(site) {
  const byModule = { "finegrain, module units": site.own(undefined, { units: "module" }) };
  if (site.settings.units === "module") return byModule;
  return { "finegrain, function units": site.own(undefined, { units: "function" }), ...byModule };
}

/** Compiled for the first place, and only linked for the others. */
async function programAt(place, { site, states: [state], driver }, name, contender) {
  const changed = place === places[0] ? state.bitcode.map((_, i) => i) : [];
  const output = site.outputOf({ name: `${name} at ${place}` });
  const linkArguments = [`--section-start=.text=0x${place.toString(16)}`];
  state.activate?.();
  const task = { output, state: { ...state, changed }, kind: "edit", linkArguments };
  await measure(contender.stages(task));
  return driver.programFor(output, `${path.basename(path.dirname(output))}.so`);
}

/** By place and then by name. A sample's ratio is to the baseline's of the same turn. */
function resultsOf(names, samples) {
  const samplesOf = (i) => samples.filter((_, k) => k % names.length === i).flat();
  const base = samplesOf(0);
  return names.map((contender, i) => {
    const of = samplesOf(i);
    if (of.some(({ stdout }) => stdout !== base[0].stdout))
      throw new Error(`${contender} printed\n${of[0].stdout}and not\n${base[0].stdout}`);
    const { cpu, ratio } = figuresOf(of, base);
    return { contender, cpu, ratio: ratio.cpu };
  });
}
