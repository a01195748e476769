// Code generation alone, of what clang has optimised: function units against llc.

import path from "node:path";
import { measure } from "../dist/bench.js";
import { againstOptAndLlc, scenariosOf } from "./contest.mjs";

export async function codegen({ site, states: [original], compile, check }, options) {
  original.activate();
  const bitcode = original.sources.map((_, i) => path.join(site.work, `optimised-${i}.bc`));
  const commands = original.sources.map((source, i) => compile(source, bitcode[i], "-emit-llvm"));
  await measure([{ commands, jobs: 1 }]);
  const state = { ...original, name: "optimised", bitcode };
  const settings = { ...site.settings, codegenOnly: true };
  const scenarios = scenariosOf([state]);
  return againstOptAndLlc({ site, settings, scenarios, check }, options);
}
