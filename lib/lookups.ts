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
  readonly #firstPart: string;
  readonly #faults: Faults;
  readonly #batcher: Batcher<Uint8Array, Lookup> | undefined;

  /** The first of `parts` is never empty in an entry that is of use. */
  constructor(store: Store | undefined, parts: readonly string[], faults: Faults) {
    this.#faults = faults;
    this.#firstPart = parts[0]!;
    this.#batcher =
      store &&
      new Batcher(async (keys) => {
        const start = performance.now();
        const lookups = await store.getMany(keys, parts);
        this.time += performance.now() - start;
        return lookups;
      });
  }

  async get(key: Uint8Array): Promise<Parts | undefined> {
    if (!this.#batcher) return undefined;
    const { status, parts, error } = await this.#batcher.ask(key);
    const isUsable = status === "hit" && (parts?.[this.#firstPart]?.length ?? 0) > 0;
    if (status === "bad" || (status === "hit" && !isUsable)) this.#faults.bad++;
    if (status === "error") this.#faults.errors.push(error ?? "unknown fault");
    return isUsable ? parts : undefined;
  }
}
