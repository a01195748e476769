// How fast the code runs that finegrain makes at -O2, against the baseline's from
// the same sources. What they print must agree.

import { measure } from "../dist/bench/measure.js";
import { median, summaryOf } from "../dist/bench/statistics.js";

export async function runtime(bench, { rounds, onProgress }) {
  const { site, others, states, baseline, driver } = bench;
  const builders = {
    [baseline]: { contender: others.find(({ name }) => name === baseline), kind: "cold" },
    ...ownBuilders(site),
  };
  const programs = {};
  for (const [name, { contender, kind }] of Object.entries(builders)) {
    states[0].activate?.();
    const output = `${site.outputOf({ name })}.so`;
    await measure(contender.stages({ output, state: states[0], kind }));
    programs[name] = await driver.programFor(output, `${name.replaceAll(/\W+/g, "-")}.so`);
  }
  const samples = new Map(Object.keys(programs).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [name, program] of Object.entries(programs)) {
      samples.get(name).push(await driver.run(program));
      onProgress?.(round, rounds);
    }
  return { baseline, results: resultsOf(samples, baseline) };
}

function ownBuilders(site) {
  const off = (units) => ({ contender: site.own(undefined, { units }), kind: "off" });
  const byModule = { "finegrain, module units": off("module") };
  if (site.settings.units === "module") return byModule;
  return { "finegrain, function units": off("function"), ...byModule };
}

function resultsOf(samples, baseline) {
  const base = samples.get(baseline);
  return [...samples].map(([contender, of]) => {
    if (of.some(({ stdout }) => stdout !== base[0].stdout))
      throw new Error(`${contender} printed\n${of[0].stdout}and not\n${base[0].stdout}`);
    const cpu = summaryOf(of.map((sample) => sample.cpu));
    const ratio = cpu.median / median(base.map((sample) => sample.cpu));
    return { contender, cpu, ratio };
  });
}
