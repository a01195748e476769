/** From modules to units. */

import { Faults, type Lookups } from "./lookups";
import { MemoryLookups, memoryEntry } from "./memories";
import { unpackNames } from "./names";
import type { InputModule, PackedNames, SplitModule } from "./native";
import { runAll } from "./schedule";
import {
  changedUnits,
  decodeMemory,
  encodeMemory,
  memoryKey,
  memoryParts,
  type RememberedSplit,
} from "./split-memory";
import { Splitter, unitsOf } from "./splitter";
import type { Entry, Store } from "./store/store";
import { digestOf, Unit } from "./unit";

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

/** What is to be remembered of a module, if anything. */
interface SplitResult {
  set: UnitSet;
  memory?: () => Entry;
}

/** Modules smaller than this are split by one job. */
const shardSize = 64 * 1024;

/** Splits all modules. `memories` are for the store, once there is time. */
export async function splitAll(
  modules: readonly InputModule[],
  options: SplitAllOptions,
): Promise<{ sets: UnitSet[]; memories: (() => Entry)[] }> {
  const ids = uniqueIds(modules);
  const lookups = new MemoryLookups(options.store, memoryParts, options.faults ?? new Faults());
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
    memories: results.flatMap(({ memory }) => memory ?? []),
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

/** One module's way to units. */
class ModuleSplit {
  readonly #module: InputModule;
  readonly #isByFunction: boolean;
  readonly #splitter: Splitter;
  readonly #threads: number;
  readonly #key: Uint8Array;
  readonly #lookups: Lookups;
  #remembered: RememberedSplit | undefined;
  /** Of a module that is remembered: the places of those to be made anew. */
  #changed: number[] = [];
  readonly #parts: SplitModule[] = [];

  constructor(module: InputModule, id: string, options: SplitAllOptions, lookups: Lookups) {
    this.#module = module;
    this.#threads = options.threads;
    this.#lookups = lookups;
    this.#isByFunction = options.units === "function";
    const how = {
      keepTypeAliasing: !(this.#isByFunction && options.codegenOnly),
      forSimplify: this.#isByFunction && options.isSimplified,
      moduleId: id,
    };
    this.#splitter = new Splitter(module, { byFunction: this.#isByFunction, ...how });
    this.#key = memoryKey(module, how);
  }

  get #canBeRemembered(): boolean {
    return this.#isByFunction && this.#module.tablesDigest !== "";
  }

  async prepare(): Promise<this> {
    if (!this.#canBeRemembered) return this;
    const parts = await this.#lookups.get(this.#key);
    this.#remembered = parts && decodeMemory(parts);
    if (this.#remembered) this.#changed = changedUnits(this.#remembered, this.#module);
    return this;
  }

  jobs(): (() => Promise<void>)[] {
    const add = async (part: Parameters<Splitter["split"]>[0]) => {
      this.#parts[part.shard ?? 0] = await this.#splitter.split(part);
    };
    if (this.#remembered) {
      const { indices } = this.#remembered;
      const only = Uint32Array.from(this.#changed, (place) => indices[place]!);
      return only.length > 0 ? [() => add({ only })] : [];
    }
    const isLarge = this.#isByFunction && this.#module.bitcode.length >= shardSize;
    const shardCount = isLarge ? this.#threads : 1;
    return Array.from({ length: shardCount }, (_, shard) => () => add({ shard, shardCount }));
  }

  async result(): Promise<SplitResult> {
    const wholeReason = this.#parts.map((part) => part.wholeReason).find(Boolean) ?? "";
    if (wholeReason !== "" || !this.#isByFunction) {
      const part = wholeReason === "" ? this.#parts[0]! : await this.#splitter.whole();
      return { set: this.#set(part, unitsOf(part, this.#module.name, true), wholeReason) };
    }
    const made = this.#made();
    const whole = this.#remembered ?? this.#parts[0]!;
    const indices = this.#remembered?.indices ?? Uint32Array.from(made.keys()).sort();
    const units = this.#remembered
      ? this.#patched(this.#remembered, made)
      : Array.from(indices, (index) => made.get(index)!);
    if (!units) return this.#again();
    const set = this.#set(whole, units, "");
    const isNews = this.#canBeRemembered && made.size > 0;
    return isNews ? { set, memory: () => this.#memory({ ...whole, indices }, units) } : { set };
  }

  /** What all jobs together have made, by place in the module's order. */
  #made(): Map<number, Unit> {
    const made = new Map<number, Unit>();
    for (const part of this.#parts)
      unitsOf(part, this.#module.name, false).forEach((unit, i) => {
        made.set(part.indices[i]!, unit);
      });
    return made;
  }

  /** What is remembered does not fit the module. */
  async #again(): Promise<SplitResult> {
    this.#remembered = undefined;
    this.#parts.length = 0;
    for (const job of this.jobs()) await job();
    return this.result();
  }

  #set(
    { triple, functions, slots }: Pick<RememberedSplit, "triple" | "functions" | "slots">,
    units: Unit[],
    wholeReason: string,
  ): UnitSet {
    return { name: this.#module.name, units, triple, functions, slots, wholeReason };
  }

  /** The remembered units, with the changed ones made anew. Undefined where these are others. */
  #patched(
    { table, indices, labels }: RememberedSplit,
    made: ReadonlyMap<number, Unit>,
  ): Unit[] | undefined {
    const units = unpackNames(labels).map((label, place) => {
      const name = `${this.#module.name}:${label}`;
      const body = () => this.#splitter.body(indices[place]!, digestOf(table, place));
      return new Unit(table, place, { name, isWhole: false, body });
    });
    for (const place of this.#changed) {
      const unit = made.get(indices[place]!);
      if (!unit) return undefined;
      units[place] = unit;
    }
    const isKnown = [...made.keys()].every((index) => indices.includes(index));
    return isKnown ? units : undefined;
  }

  #memory(
    {
      triple,
      functions,
      slots,
      indices,
    }: Pick<RememberedSplit, "triple" | "functions" | "slots" | "indices">,
    units: Unit[],
  ): Entry {
    const { name, functionDigests } = this.#module;
    const labels = Buffer.from(
      units.map((unit) => `${unit.name.slice(name.length + 1)}\0`).join(""),
    );
    const split = { triple, functions, slots, indices, labels, functionDigests };
    const parts = encodeMemory(split, units);
    return memoryEntry(this.#key, parts);
  }
}
