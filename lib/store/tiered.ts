/**
 * Several stores in a row. What a farther one has is copied into the nearer ones,
 * so that the next build finds it there; what is compiled goes into all of them.
 */

import { type GuardedStore, type Late, nothingLate } from "./guarded";
import type { Entry, Lookup, PartNames, Parts, PutResult, Store } from "./store";

export class TieredStore implements Store {
  readonly url: string;
  /** The nearest first. */
  readonly tiers: readonly GuardedStore[];
  /** Faults that a later store has made good. */
  readonly #hidden = nothingLate();

  constructor(tiers: readonly GuardedStore[]) {
    this.tiers = tiers;
    this.url = tiers.map(({ url }) => url).join(",");
  }

  forBuild(): TieredStore {
    return new TieredStore(this.tiers.map((tier) => tier.forBuild()));
  }

  /** The others may have nothing to do. */
  prepare(): void {
    this.tiers[0]?.prepare();
  }

  async getMany(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    const results: Lookup[] = keys.map(() => ({ status: "miss" }));
    let missing = [...keys.keys()];
    for (const [depth, tier] of this.tiers.entries()) {
      // A nearer store needs the whole entry.
      const wanted = depth === 0 ? parts : "all";
      const missingKeys = missing.map((index) => keys[index]!);
      const lookups = await tier.getMany(missingKeys, wanted);
      for (const [at, index] of missing.entries()) this.#note(results, index, lookups[at]!);
      const found = missing.filter((index) => results[index]!.status === "hit");
      if (depth > 0)
        this.#copy(
          found.map((i) => entryOf(keys[i]!, results[i]!)),
          depth,
        );
      missing = missing.filter((index) => results[index]!.status !== "hit");
      if (missing.length === 0 || tier.mode === "refresh") break;
    }
    return results.map((lookup) => withAll(lookup, parts));
  }

  async putMany(entries: readonly Entry[]): Promise<PutResult> {
    const results = await Promise.all(this.tiers.map((tier) => tier.putMany(entries)));
    return {
      addedBytes: results.reduce((sum, { addedBytes }) => sum + addedBytes, 0),
      errors: results.flatMap(({ errors }) => errors),
    };
  }

  async finish(): Promise<Late> {
    const lates = await Promise.all(this.tiers.map((tier) => tier.finish()));
    return [this.#hidden, ...lates].reduce((sum, late) => ({
      addedBytes: sum.addedBytes + late.addedBytes,
      bad: sum.bad + late.bad,
      errors: [...sum.errors, ...late.errors],
      warnings: [...sum.warnings, ...late.warnings],
    }));
  }

  async close(): Promise<void> {
    await Promise.all(this.tiers.map((tier) => tier.close()));
  }

  /** A fault stands until a farther store says more than that it has nothing. */
  #note(results: Lookup[], index: number, lookup: Lookup): void {
    if (lookup.status === "miss") return;
    const before = results[index]!;
    if (before.status === "bad") this.#hidden.bad++;
    if (before.status === "error") this.#hidden.errors.push(before.error ?? "unknown fault");
    results[index] = lookup;
  }

  #copy(entries: Entry[], depth: number): void {
    for (const nearer of this.tiers.slice(0, depth)) nearer.putLater(entries);
  }
}

function entryOf(key: Uint8Array, { parts }: Lookup): Entry {
  return { key, parts: parts! };
}

/** Of all parts, those that were asked for, and empty ones for those that are not there. */
function withAll(lookup: Lookup, wanted: PartNames): Lookup {
  if (lookup.status !== "hit" || wanted === "all") return lookup;
  const parts: Parts = {};
  for (const name of wanted) parts[name] = lookup.parts![name] ?? new Uint8Array();
  return { status: "hit", parts };
}
