import { setTimeout } from "node:timers/promises";
import type { Entry, Store } from "./store";

/** Milliseconds. */
const pauseBetweenBatches = 100;

/**
 * Puts entries into a store while others are still being compiled, one batch at
 * a time, so that a build that is killed has kept what it had done. A call costs
 * more than a small entry, so between batches some time goes by.
 */
export class StoreWriter {
  addedBytes = 0;
  readonly #store: Store | undefined;
  readonly #errors: string[];
  #waiting: Entry[] = [];
  #running: Promise<void> | undefined;
  readonly #finishing = new AbortController();

  /** Messages on what could not be written go to `errors`. */
  constructor(store: Store | undefined, errors: string[]) {
    this.#errors = errors;
    this.#store = store;
  }

  add(entry: Entry): void {
    if (!this.#store) return;
    this.#waiting.push(entry);
    this.#running ??= this.#run(this.#store);
  }

  /** Resolves when everything added so far has been written. */
  async finish(): Promise<void> {
    this.#finishing.abort();
    await this.#running;
  }

  async #run(store: Store): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const { addedBytes, errors } = await store.putMany(batch);
      this.addedBytes += addedBytes;
      this.#errors.push(...errors);
      await this.#pause();
    }
    this.#running = undefined;
  }

  async #pause(): Promise<void> {
    const { signal } = this.#finishing;
    await setTimeout(pauseBetweenBatches, undefined, { signal }).catch(() => {});
  }
}
