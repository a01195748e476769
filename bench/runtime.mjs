// How fast the code runs that finegrain makes at -O2, against the baseline's from
// the same sources. What they print must agree.

import { figuresOf, inTurn, measure } from "../dist/bench.js";

export async function runtime(bench, { rounds, onProgress }) {
  const { site, others, states, baseline, driver } = bench;
  const builders = {
    [baseline]: { contender: others.find(({ name }) => name === baseline), kind: "cold" },
    ...ownBuilders(site),
  };
  const samplers = [];
  for (const [name, { contender, kind }] of Object.entries(builders)) {
    states[0].activate?.();
    const output = `${site.outputOf({ name })}.so`;
    await measure(contender.stages({ output, state: states[0], kind }));
    const program = await driver.programFor(output, `${name.replaceAll(/\W+/g, "-")}.so`);
    samplers.push(() => driver.run(program));
  }
  const samples = await inTurn(samplers, rounds, onProgress);
  return { baseline, results: resultsOf(Object.keys(builders), samples) };
}

function ownBuilders(site) {
  const off = (units) => ({ contender: site.own(undefined, { units }), kind: "off" });
  const byModule = { "finegrain, module units": off("module") };
  if (site.settings.units === "module") return byModule;
  return { "finegrain, function units": off("function"), ...byModule };
}

function resultsOf(names, samples) {
  const [base] = samples;
  return names.map((contender, i) => {
    const of = samples[i];
    if (of.some(({ stdout }) => stdout !== base[0].stdout))
      throw new Error(`${contender} printed\n${of[0].stdout}and not\n${base[0].stdout}`);
    const { cpu, ratio } = figuresOf(of, base);
    return { contender, cpu, ratio: ratio.cpu };
  });
}
