// Code generation alone, of what clang has optimised: function units against llc.

import path from "node:path";
import { bitcodePeers, Finegrain, measure, runContest } from "../dist/bench.js";
import { scenariosOf } from "./contest.mjs";

const baseline = "opt and llc"; // llc alone, since nothing is to be optimised

export async function codegen({ site, states: [original], compile, check }, options) {
  original.activate();
  const bitcode = original.sources.map((_, i) => path.join(site.work, `optimised-${i}.bc`));
  const commands = original.sources.map((source, i) => compile(source, bitcode[i], "-emit-llvm"));
  await measure([{ commands, jobs: 1 }]);
  const state = { ...original, name: "optimised", bitcode };
  const settings = { ...site.settings, codegenOnly: true };
  const cache = site.newCache("codegen");
  const own = [1, 2].map((threads) => new Finegrain(settings, threads, cache));
  const peers = bitcodePeers(settings, site.newCache);
  const contenders = [...peers.contenders.filter(({ name }) => name === baseline), ...own];
  const scenarios = scenariosOf([state]);
  const contest = { scenarios, contenders, baseline, outputOf: site.outputOf, check };
  return { baseline, ...(await runContest({ ...contest, ...options })) };
}
