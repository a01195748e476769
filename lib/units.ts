/** From modules to units. */

import { Faults, type Lookups } from "./lookups";
import { MemoryLookups, memoryEntry } from "./memories";
import { unpackNames } from "./names";
import type { InputModule, PackedNames } from "./native";
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
  return modules.map(({ digest, tablesDigest }) => {
    // That of the tables alone: an edit in a function leaves other functions' names as they are.
    const id = (tablesDigest || digest).slice(0, 16);
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
  /** Of a module that is remembered: those to be made anew. */
  #changed: number[] = [];
  readonly #parts: Awaited<ReturnType<Splitter["split"]>>[] = [];

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
      const only = Uint32Array.from(this.#changed);
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
    const made = interleave(this.#parts.map((part) => unitsOf(part, this.#module.name, false)));
    if (this.#remembered && made.length !== this.#changed.length) return this.#again();
    const whole = this.#remembered ?? this.#parts[0]!;
    const units = this.#remembered ? this.#patched(this.#remembered, made) : made;
    const set = this.#set(whole, units, "");
    const isNews = this.#canBeRemembered && made.length > 0;
    return isNews ? { set, memory: () => this.#memory(whole, units) } : { set };
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

  /** The remembered units, with the changed ones made anew. */
  #patched({ table, labels }: RememberedSplit, made: Unit[]): Unit[] {
    const all = unpackNames(labels).map((label, index) => {
      const name = `${this.#module.name}:${label}`;
      const body = () => this.#splitter.body(index, digestOf(table, index));
      return new Unit(table, index, { name, isWhole: false, body });
    });
    this.#changed.forEach((index, i) => {
      all[index] = made[i]!;
    });
    return all;
  }

  #memory(
    { triple, functions, slots }: Pick<RememberedSplit, "triple" | "functions" | "slots">,
    units: Unit[],
  ): Entry {
    const { name, functionDigests } = this.#module;
    const labels = Buffer.from(
      units.map((unit) => `${unit.name.slice(name.length + 1)}\0`).join(""),
    );
    const parts = encodeMemory({ triple, functions, slots, labels, functionDigests }, units);
    return memoryEntry(this.#key, parts);
  }
}

/** Shard s of n has units s, s + n, s + 2n and so on. */
function interleave<T>(shards: T[][]): T[] {
  const longest = shards[0]?.length ?? 0;
  const rows = Array.from({ length: longest }, (_, row) =>
    shards.flatMap((shard) => (row < shard.length ? [shard[row]!] : [])),
  );
  return rows.flat();
}
