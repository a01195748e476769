// Builds of a workload by all who can: cold, cached, and after edits.

import { runContest } from "../dist/bench.js";

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
