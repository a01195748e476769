// Builds of a workload by all who can: cold, cached, and after edits.

import { bitcodePeers, Finegrain, runContest } from "../dist/bench.js";

export async function contest(bench, { rounds, onProgress }) {
  const { site, states, others, absent, baseline, check } = bench;
  const outcome = await runContest({
    scenarios: scenariosOf(states),
    contenders: [...others, ...site.ownContenders()],
    rounds,
    baseline,
    outputOf: site.outputOf,
    check,
    onProgress,
  });
  return { baseline, absent, ...outcome };
}

/** The scenarios that all workloads have, then one for each edit. */
export function scenariosOf([original, ...edited]) {
  return [
    { name: "cold", kind: "cold", state: original },
    { name: "cache off", kind: "off", state: original },
    { name: "all hits", kind: "hits", state: original },
    { name: "all hits, linked again", kind: "relink", state: original },
    ...edited.map((state) => ({ name: state.name, kind: "edit", state })),
  ];
}

/** Without those who take longer: so less lies between what is compared. */
export function cold({ site, states: [original], check }, options) {
  const scenarios = scenariosOf([original]).filter(({ kind }) => kind === "cold" || kind === "off");
  return againstOptAndLlc({ site, settings: site.settings, scenarios, check }, options);
}

/** Where code is only generated, llc runs alone. */
export async function againstOptAndLlc({ site, settings, scenarios, check }, options) {
  const baseline = "opt and llc";
  const peers = bitcodePeers(settings, site.newCache).contenders;
  const cache = site.newCache("duel");
  const contenders = [
    ...peers.filter(({ name }) => name === baseline),
    ...[1, 2].map((threads) => new Finegrain(settings, threads, cache)),
  ];
  const contest = { scenarios, contenders, baseline, outputOf: site.outputOf, check };
  return { baseline, ...(await runContest({ ...contest, ...options })) };
}
