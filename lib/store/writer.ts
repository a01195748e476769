import type { Entry, Store } from "./store";

/**
 * Puts entries into a store while others are still being compiled, one batch at
 * a time, so that a build that is killed has kept what it had done.
 */
export class StoreWriter {
  addedBytes = 0;
  readonly #store: Store | undefined;
  readonly #errors: string[];
  #waiting: Entry[] = [];
  #running: Promise<void> | undefined;

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
    await this.#running;
  }

  async #run(store: Store): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const { addedBytes, errors } = await store.putMany(batch);
      this.addedBytes += addedBytes;
      this.#errors.push(...errors);
    }
    this.#running = undefined;
  }
}
