/** From modules to units. */

import { Faults } from "./lookups";
import { MemoryLookups } from "./memories";
import { ModuleSplit } from "./module-split";
import type { InputModule, PackedNames } from "./native";
import { runAll } from "./schedule";
import { latestPart, memoryParts } from "./split-memory";
import type { Entry, Store } from "./store/store";
import type { Unit } from "./unit";

/** A module's units, and what the module says as a whole. */
export interface UnitSet {
  name: string;
  units: Unit[];
  triple: string;
  functions: PackedNames;
  slots: PackedNames;
  /** Why it is one unit, where functions were asked for. */
  wholeReason: string;
}

export interface UnitOptions {
  units: "module" | "function";
  /** Code generation alone has no use for type-based alias analysis. */
  codegenOnly: boolean;
  /** Functions will be simplified one by one, with what they call. */
  isSimplified: boolean;
}

export interface SplitAllOptions extends UnitOptions {
  threads: number;
  /** Has what modules were split into before. */
  store?: Store | undefined;
  faults?: Faults;
  signal?: AbortSignal | undefined;
  onDone?: (done: number, total: number) => void;
}

/** Splits all modules. `memories` are for the store, once there is time. */
export async function splitAll(
  modules: readonly InputModule[],
  options: SplitAllOptions,
): Promise<{ sets: UnitSet[]; memories: (() => Entry)[] }> {
  const ids = uniqueIds(modules);
  const faults = options.faults ?? new Faults();
  const lookups = {
    memories: new MemoryLookups(options.store, memoryParts, faults),
    latest: new MemoryLookups(options.store, [latestPart], faults),
  };
  const splits = await Promise.all(
    modules.map(async (module, index) => {
      return new ModuleSplit(module, ids[index]!, options, lookups).prepare();
    }),
  );
  const jobs = splits.flatMap((split) => split.jobs());
  await runAll(jobs, options.threads, (job) => job(), options.signal, options.onDone);
  const results = await runAll(splits, options.threads, (split) => split.result(), options.signal);
  return {
    sets: results.map(({ set }) => set),
    memories: results.flatMap(({ memories }) => memories),
  };
}

/** A module that is given twice must not clash with itself. */
function uniqueIds(modules: readonly InputModule[]): string[] {
  const seen = new Map<string, number>();
  return modules.map(({ id }) => {
    const count = seen.get(id) ?? 0;
    seen.set(id, count + 1);
    return count === 0 ? id : `${id}${count.toString(16).toUpperCase()}`;
  });
}
