/** Modules that are one unit each. Those that the program's last build had too are not even parsed. */

import { Faults } from "./lookups";
import { MemoryLookups, memoryEntry } from "./memories";
import { encodeModules, ModuleMemory, moduleMemoryKey, moduleMemoryParts } from "./module-memory";
import type { InputModule } from "./native";
import type { Entry } from "./store/store";
import { type SplitAllOptions, splitAll, type UnitSet } from "./units";

export interface WholeModulesOptions extends SplitAllOptions {
  /** Tells programs apart that share a store. */
  program: string;
}

/** With fewer, parsing them takes no longer than asking for what they were. */
const manyModules = 64;

/** Like splitAll. */
export async function wholeModules(
  modules: readonly InputModule[],
  options: WholeModulesOptions,
): Promise<{ sets: UnitSet[]; memories: (() => Entry)[] }> {
  const { store, faults = new Faults(), program } = options;
  if (modules.length < manyModules) return splitAll(modules, options);
  const key = moduleMemoryKey(program);
  const parts = await new MemoryLookups(store, moduleMemoryParts, faults).get(key);
  const memory = parts && ModuleMemory.open(parts);
  const known = modules.map((module) => memory?.find(module));
  const unknown = modules.filter((_, i) => !known[i]);
  const made = (await splitAll(unknown, options)).sets.values();
  const sets = known.map((set) => set ?? made.next().value!);
  if (unknown.length === 0) return { sets, memories: [] };
  return { sets, memories: [() => memoryEntry(key, encodeModules(modules, sets))] };
}
