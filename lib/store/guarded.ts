/**
 * A store as one build uses it. Whatever the store does, a build sees hits, misses
 * and counts: a store that fails as a whole is counted once and then left alone
 * for the rest of the build, one that does not answer is not waited for, and what
 * goes to a slow store is written while the build goes on.
 */

import { noCounts } from "./counts";
import { inTime } from "./in-time";
import type { StoreMode } from "./settings";
import type { Entry, Lookup, PartNames, PutResult, Store } from "./store";

export interface GuardOptions {
  mode: StoreMode;
  /**
   * For stores that are not on this machine: how long to wait for answers, and at the
   * end of a build for what is not written yet. A build goes on while they write.
   */
  waitMs?: number | undefined;
}

/** For stores of which nothing is known. */
export const defaultGuard: GuardOptions = {
  mode: "read-write",
  waitMs: 10_000,
};

/** What a build could not see in the results of its calls. */
export interface Late extends PutResult {
  bad: number;
  warnings: string[];
}

const missesOf = (keys: readonly Uint8Array[]): Lookup[] => keys.map(() => ({ status: "miss" }));
const nothingPut = (): PutResult => ({ addedBytes: 0, errors: [] });
export const nothingLate = (): Late => ({ ...nothingPut(), bad: 0, warnings: [] });

export class GuardedStore implements Store {
  readonly url: string;
  readonly mode: StoreMode;
  readonly record: Store["record"];
  readonly stats: Store["stats"];
  readonly prune: Store["prune"];
  readonly verify: Store["verify"];
  readonly clear: Store["clear"];
  readonly counts = noCounts();
  readonly #store: Store;
  readonly #options: GuardOptions;
  readonly #inBackground: boolean;
  #hasFailed = false;
  #isClosed = false;
  readonly #late = nothingLate();
  #waiting: Entry[] = [];
  #writing: Promise<void> | undefined;
  #finished: Promise<Late> | undefined;

  /** In background: putMany returns before all is written. */
  constructor(store: Store, options: GuardOptions, inBackground = false) {
    this.#store = store;
    this.#inBackground = inBackground;
    this.#options = options;
    this.url = store.url;
    this.mode = options.mode;
    this.record = store.record?.bind(store);
    this.stats = store.stats?.bind(store);
    this.prune = store.prune?.bind(store);
    this.verify = store.verify?.bind(store);
    this.clear = store.clear?.bind(store);
  }

  /** The same store for one build, without a past. */
  forBuild(): GuardedStore {
    return new GuardedStore(this.#store, this.#options, this.#options.waitMs !== undefined);
  }

  /** Not at once: the build has jobs to start first, which run on other threads meanwhile. */
  prepare(): void {
    setImmediate(() => {
      try {
        if (!this.#isClosed) this.#store.prepare?.();
      } catch {} // its first use fails likewise, and is counted
    });
  }

  async getMany(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    const isAsked = this.mode === "read-write" || this.mode === "read";
    if (!isAsked || this.#hasFailed || keys.length === 0) return missesOf(keys);
    try {
      const lookups = await inTime(this.#ask(keys, parts), this.#options.waitMs);
      this.#count(lookups);
      return lookups;
    } catch (fault) {
      const misses = missesOf(keys);
      misses[0] = { status: "error", error: this.#fail(fault) };
      this.#count(misses);
      return misses;
    }
  }

  async putMany(entries: readonly Entry[]): Promise<PutResult> {
    if (!this.#inBackground) return this.#put(entries);
    this.putLater(entries);
    return nothingPut();
  }

  /** finish() has the results. */
  putLater(entries: readonly Entry[]): void {
    this.#waiting = this.#waiting.concat(entries);
    this.#writing ??= this.#writeAll();
  }

  /** Ends a build: waits, within bounds, for what is not yet written. */
  finish(): Promise<Late> {
    this.#finished ??= this.#finish();
    return this.#finished;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.finish();
    await this.#close().catch(() => {});
  }

  // A method of a foreign store may throw before it returns a promise.

  async #ask(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    const lookups = await this.#store.getMany(keys, parts);
    if (lookups.length === keys.length) return lookups;
    throw new Error(`${lookups.length} results for ${keys.length} keys`);
  }

  async #finish(): Promise<Late> {
    const { waitMs } = this.#options;
    try {
      await inTime(this.#writing ?? Promise.resolve(), waitMs);
    } catch (fault) {
      this.counts.errors++;
      this.#late.errors.push(this.#fail(fault));
    }
    if (!this.#hasFailed && this.#wasUsed) await inTime(this.#record(), waitMs).catch(() => {});
    return this.#late;
  }

  get #wasUsed(): boolean {
    return this.counts.lookups > 0 || this.counts.addedBytes > 0;
  }

  async #record(): Promise<void> {
    await this.#store.record?.(this.counts);
  }

  async #close(): Promise<void> {
    await this.#store.close?.();
  }

  async #put(entries: readonly Entry[]): Promise<PutResult> {
    if (this.mode === "read" || this.#hasFailed || entries.length === 0) return nothingPut();
    try {
      const result = await this.#store.putMany(entries);
      this.counts.addedBytes += result.addedBytes;
      this.counts.errors += result.errors.length;
      this.#late.warnings.push(...(result.warnings ?? []));
      return result;
    } catch (fault) {
      this.counts.errors++;
      return { addedBytes: 0, errors: [this.#fail(fault)] };
    }
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const { addedBytes, errors } = await this.#put(batch);
      this.#late.addedBytes += addedBytes;
      this.#late.errors.push(...errors);
    }
    this.#writing = undefined;
  }

  /** Returns what to tell. */
  #fail(fault: unknown): string {
    this.#hasFailed = true;
    const words = (fault as Error | undefined)?.message ?? String(fault);
    return `${this.url} failed, and was left alone: ${words}`;
  }

  #count(lookups: readonly Lookup[]): void {
    const { counts } = this;
    let hits = 0;
    let readBytes = 0;
    for (const { status, parts } of lookups) {
      if (status === "hit") hits++;
      else if (status === "bad") counts.bad++;
      else if (status === "error") counts.errors++;
      for (const name in parts) readBytes += parts[name]!.length;
    }
    counts.lookups += lookups.length;
    counts.hits += hits;
    counts.misses += lookups.length - hits;
    counts.readBytes += readBytes;
  }
}
