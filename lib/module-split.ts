/**
 * One module's way to units: from what is remembered of it, from what an earlier
 * version of it has in common with it, or by splitting all of it.
 */

import { blockOf } from "./blocks";
import type { MemoryLookups } from "./memories";
import { memoryEntry } from "./memories";
import { unpackNames } from "./names";
import { type InputModule, piece, type SplitModule } from "./native";
import {
  changedUnits,
  decodeLatest,
  decodeMemory,
  encodeMemory,
  latestKey,
  latestPart,
  memoryKey,
  type RememberedSplit,
  type SplitKeyOptions,
} from "./split-memory";
import { Splitter, unitsOf } from "./splitter";
import type { Entry } from "./store/store";
import { digestOf, Unit, type UnitTable } from "./unit";
import { tableOf, withUnits } from "./unit-parts";
import type { SplitAllOptions, UnitSet } from "./units";

/** What is to be remembered of a module, if anything. */
export interface SplitResult {
  set: UnitSet;
  memories: (() => Entry)[];
}

/** Modules smaller than this are split by one job. */
const shardSize = 64 * 1024;

export interface SplitLookups {
  memories: MemoryLookups;
  latest: MemoryLookups;
}

export class ModuleSplit {
  readonly #module: InputModule;
  readonly #isByFunction: boolean;
  readonly #splitter: Splitter;
  readonly #threads: number;
  readonly #how: SplitKeyOptions;
  readonly #lookups: SplitLookups;
  /** Of a module with the same tables. */
  #remembered: RememberedSplit | undefined;
  /** Of an earlier version of the module, where there is no such. */
  #earlier: RememberedSplit | undefined;
  /** Of a module that is remembered: the places of those to be made anew. */
  #changed: number[] = [];
  readonly #parts: SplitModule[] = [];

  constructor(module: InputModule, id: string, options: SplitAllOptions, lookups: SplitLookups) {
    this.#module = module;
    this.#threads = options.threads;
    this.#lookups = lookups;
    this.#isByFunction = options.units === "function";
    this.#how = {
      keepTypeAliasing: !(this.#isByFunction && options.codegenOnly),
      forSimplify: this.#isByFunction && options.isSimplified,
      moduleId: id,
    };
    this.#splitter = new Splitter(module, {
      byFunction: this.#isByFunction,
      fingerprints: this.#canBeRemembered && options.store !== undefined,
      ...this.#how,
    });
  }

  get #canBeRemembered(): boolean {
    return this.#isByFunction && this.#module.tablesDigest !== "";
  }

  async prepare(): Promise<this> {
    if (!this.#canBeRemembered) return this;
    this.#remembered = await this.#memory(memoryKey(this.#module, this.#how));
    if (this.#remembered) {
      this.#changed = changedUnits(this.#remembered, this.#module);
    } else {
      const latest = await this.#lookups.latest.get(latestKey(this.#module, this.#how));
      const key = latest && decodeLatest(latest);
      this.#earlier = key && (await this.#memory(key));
    }
    return this;
  }

  async #memory(key: Uint8Array): Promise<RememberedSplit | undefined> {
    const parts = await this.#lookups.memories.get(key);
    return parts && decodeMemory(parts);
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
    const known = this.#earlier?.table.fingerprints ?? "";
    return Array.from({ length: shardCount }, (_, shard) => () => {
      return add({ shard, shardCount, known });
    });
  }

  async result(): Promise<SplitResult> {
    const known = this.#earlier ? this.#known(this.#earlier) : new Map<number, Unit>();
    await this.#splitNeeded(known);
    const wholeReason = this.#parts.map((part) => part.wholeReason).find(Boolean) ?? "";
    if (wholeReason !== "" || !this.#isByFunction) {
      const part = wholeReason === "" ? this.#parts[0]! : await this.#splitter.whole();
      const units = unitsOf(part, this.#module.name, true);
      return { set: this.#set(part, units, wholeReason), memories: [] };
    }
    const made = this.#made(known);
    return (
      (this.#remembered ? this.#patched(this.#remembered, made) : this.#all(made)) ?? this.#again()
    );
  }

  /** By name: the places of functions that are units only if a unit refers to them. */
  #optional(): Map<string, number> {
    const places = new Map<string, number>();
    for (const { optional, optionalNames } of this.#parts)
      unpackNames(optionalNames, "latin1").forEach((name, i) => {
        places.set(name, optional[i]!);
      });
    return places;
  }

  /** Makes those to which units that are known refer. */
  async #splitNeeded(known: ReadonlyMap<number, Unit>): Promise<void> {
    const made = new Set(this.#parts.flatMap(({ indices }) => [...indices]));
    const optional = this.#optional();
    const needed = new Set<number>();
    if (optional.size === 0) return;
    for (const unit of known.values())
      for (const name of unit.symbolTable.names) {
        const index = optional.get(name);
        if (index !== undefined && !made.has(index) && !known.has(index)) needed.add(index);
      }
    if (needed.size === 0) return;
    this.#parts.push(await this.#splitter.split({ only: Uint32Array.from(needed) }));
  }

  /** What all jobs together have made, or need not make, by place in the module's order. */
  #made(known: ReadonlyMap<number, Unit>): Map<number, Unit> {
    const made = new Map(known);
    for (const part of this.#parts)
      unitsOf(part, this.#module.name, false).forEach((unit, i) => {
        made.set(part.indices[i]!, unit);
      });
    return made;
  }

  #known({ table, labels }: RememberedSplit): Map<number, Unit> {
    const loaded: Uint8Array[] = Array.from(table.sizes, () => new Uint8Array());
    for (const { knownPlaces, knownLoaded } of this.#parts)
      knownPlaces.forEach((place, i) => {
        loaded[place] = piece(knownLoaded, i);
      });
    const current = { ...table, loaded: blockOf(loaded) };
    const names = unpackNames(labels);
    const known = new Map<number, Unit>();
    for (const { knownIndices, knownPlaces } of this.#parts)
      knownIndices.forEach((index, i) => {
        const place = knownPlaces[i]!;
        known.set(index, this.#unit(current, { place, index, label: names[place]! }));
      });
    return known;
  }

  /** One that has been made before. */
  #unit(
    table: UnitTable,
    { place, index, label }: { place: number; index: number; label: string },
  ): Unit {
    const name = `${this.#module.name}:${label}`;
    const body = () => this.#splitter.body(index, digestOf(table, place));
    return new Unit(table, place, { name, isWhole: false, body });
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

  /** All units were made, or are known of an earlier version. */
  #all(made: ReadonlyMap<number, Unit>): SplitResult {
    const { triple, functions, slots } = this.#parts[0]!;
    const indices = Uint32Array.from(made.keys()).sort();
    const units = Array.from(indices, (index) => made.get(index)!);
    const { name, functionDigests } = this.#module;
    const split = () => {
      const labels = units.map((unit) => `${unit.name.slice(name.length + 1)}\0`).join("");
      const bytes = { labels: Buffer.from(labels), functionDigests };
      return { triple, functions, slots, indices, ...bytes, table: tableOf(units) };
    };
    return {
      set: this.#set(this.#parts[0]!, units, ""),
      memories: this.#canBeRemembered && made.size > 0 ? this.#entries(split) : [],
    };
  }

  /** The remembered units, with the changed ones made anew. Undefined where these are others. */
  #patched(remembered: RememberedSplit, made: ReadonlyMap<number, Unit>): SplitResult | undefined {
    const { table, indices, labels } = remembered;
    const before = unpackNames(labels).map((label, place) =>
      this.#unit(table, { place, index: indices[place]!, label }),
    );
    const changed = new Map<number, Unit>();
    for (const place of this.#changed) {
      const unit = made.get(indices[place]!);
      if (!unit) return undefined;
      changed.set(place, unit);
    }
    const units = before.map((unit, place) => changed.get(place) ?? unit);
    const isKnown = [...made.keys()].every((index) => indices.includes(index));
    if (!isKnown || this.#isUnused(indices, before, units)) return undefined;
    const { functionDigests } = this.#module;
    const split = () => ({ ...remembered, functionDigests, table: withUnits(table, changed) });
    const memories = changed.size > 0 ? this.#entries(split) : [];
    return { set: this.#set(remembered, units, ""), memories };
  }

  /** Whether a function that was a unit because another referred to it may be none now. */
  #isUnused(indices: Uint32Array, before: readonly Unit[], units: readonly Unit[]): boolean {
    const optional = this.#optional();
    const lost = new Set<string>();
    for (const place of this.#changed) {
      const names = new Set(units[place]!.symbolTable.names);
      for (const name of before[place]!.symbolTable.names)
        if (optional.has(name) && !names.has(name)) lost.add(name);
    }
    if (lost.size === 0) return false;
    const optionalPlaces = new Set(optional.values());
    units.forEach((unit, place) => {
      if (optionalPlaces.has(indices[place]!)) return;
      for (const name of unit.symbolTable.names) lost.delete(name);
    });
    return lost.size > 0;
  }

  /** For the next build. */
  #entries(split: () => RememberedSplit): (() => Entry)[] {
    const key = memoryKey(this.#module, this.#how);
    const entries = [() => memoryEntry(key, encodeMemory(split()))];
    if (!this.#remembered)
      entries.push(() => memoryEntry(latestKey(this.#module, this.#how), { [latestPart]: key }));
    return entries;
  }
}
