/** Asks a store, in batches, and counts what is wrong with its answers. */

import { Batcher } from "./batch";
import type { Lookup, Parts, Store } from "./store/store";

/** What went wrong in the store during a build. None of it changes the output. */
export class Faults {
  /** Entries that failed their checks, or were wrong. */
  bad = 0;
  /** Messages on faults of the store itself. */
  readonly errors: string[] = [];
}

export class Lookups {
  /** Milliseconds in which answers were awaited. */
  time = 0;
  readonly #store: Store | undefined;
  readonly #parts: readonly string[];
  readonly #faults: Faults;
  readonly #batcher = new Batcher((keys: Uint8Array[]) => this.getAll(keys));

  /** The first of `parts` is never empty in an entry that is of use. */
  constructor(store: Store | undefined, parts: readonly string[], faults: Faults) {
    this.#store = store;
    this.#parts = parts;
    this.#faults = faults;
  }

  async get(key: Uint8Array): Promise<Parts | undefined> {
    return this.#store && this.#batcher.ask(key);
  }

  async getAll(keys: readonly Uint8Array[]): Promise<(Parts | undefined)[]> {
    if (!this.#store) return keys.map(() => undefined);
    const start = performance.now();
    const lookups = await this.#store.getMany(keys, this.#parts);
    this.time += performance.now() - start;
    return lookups.map((lookup) => this.#usable(lookup));
  }

  #usable({ status, parts, error }: Lookup): Parts | undefined {
    const isUsable = status === "hit" && (parts?.[this.#parts[0]!]?.length ?? 0) > 0;
    if (status === "bad" || (status === "hit" && !isUsable)) this.#faults.bad++;
    if (status === "error") this.#faults.errors.push(error ?? "unknown fault");
    return isUsable ? parts : undefined;
  }
}
