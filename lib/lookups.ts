/**
 * Asks a store for many keys at once, although they are asked for one by one:
 * those that come while an answer is awaited go together into the next question.
 */

import type { Lookup, Parts, Store } from "./store/store";

interface Question {
  key: Uint8Array;
  answer: (lookup: Lookup) => void;
}

export class Lookups {
  /** Entries that failed their checks. */
  bad = 0;
  /** Messages on faults of the store. */
  readonly errors: string[] = [];
  /** Milliseconds in which answers were awaited. */
  time = 0;
  readonly #store: Store | undefined;
  readonly #parts: readonly string[];
  #waiting: Question[] = [];
  #isRunning = false;

  /** The first of `parts` is never empty in an entry that is of use. */
  constructor(store: Store | undefined, parts: readonly string[]) {
    this.#store = store;
    this.#parts = parts;
  }

  async get(key: Uint8Array): Promise<Parts | undefined> {
    if (!this.#store) return undefined;
    const { status, parts, error } = await new Promise<Lookup>((answer) => {
      this.#waiting.push({ key, answer });
      if (!this.#isRunning) void this.#run(this.#store!);
    });
    const isUsable = status === "hit" && (parts?.[this.#parts[0]!]?.length ?? 0) > 0;
    if (status === "bad" || (status === "hit" && !isUsable)) this.bad++;
    if (status === "error") this.errors.push(error ?? "unknown fault");
    return isUsable ? parts : undefined;
  }

  async #run(store: Store): Promise<void> {
    this.#isRunning = true;
    await undefined; // those asked for in the same turn come along
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const start = performance.now();
      const lookups = await store.getMany(
        batch.map(({ key }) => key),
        this.#parts,
      );
      this.time += performance.now() - start;
      batch.forEach(({ answer }, index) => {
        answer(lookups[index] ?? { status: "miss" });
      });
      await undefined;
    }
    this.#isRunning = false;
  }
}
