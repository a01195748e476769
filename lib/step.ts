/**
 * A step whose results are kept: from the store where it has them, else computed
 * and put into it. Requests with one key are one job. A fault of the store is
 * counted and costs time, nothing else.
 */

import type { Key } from "./key";
import { type Faults, Lookups } from "./lookups";
import type { Job, JobQueue } from "./queue";
import type { Parts, Store } from "./store/store";
import type { StoreWriter } from "./store/writer";

/** How results become the parts of an entry. */
export interface Codec<R> {
  /** The parts that decode needs; the first is never empty. */
  parts: readonly string[];
  encode(result: R): Parts;
  /** Undefined where the parts make no sense. */
  decode(parts: Parts): R | undefined;
}

export interface Caching {
  store: Store | undefined;
  writer: StoreWriter;
  faults: Faults;
  queue: JobQueue;
  /** Compute what the store has too, and compare. */
  verify: boolean;
}

export type OnStepProgress = (done: number, total: number) => void;

export interface StepRequest<Q, R> {
  /** For messages. */
  name: string;
  key: Key;
  /** Jobs of high priority start first. */
  priority: number;
  job: Job<Q, R>;
}

interface Outcome<R> {
  result: R;
  isHit: boolean;
}

export class CachedStep<Q, R> {
  lookups = 0;
  hits = 0;
  /** Names of the requests for which the store had something wrong. */
  readonly differing: string[] = [];
  readonly #caching: Caching;
  readonly #codec: Codec<R>;
  readonly #store: Lookups;
  readonly #prefetched = new Map<string, Parts>();
  readonly #outcomes = new Map<string, Promise<Outcome<R>>>();
  readonly #onProgress: OnStepProgress;
  #jobs = 0;
  #jobsDone = 0;

  /** `onProgress` hears of jobs; their total grows as they are found to be needed. */
  constructor(caching: Caching, codec: Codec<R>, onProgress: OnStepProgress = () => {}) {
    this.#caching = caching;
    this.#codec = codec;
    this.#onProgress = onProgress;
    this.#store = new Lookups(caching.store, codec.parts, caching.faults);
  }

  /** Milliseconds in which the store was waited for. */
  get lookupTime(): number {
    return this.#store.time;
  }

  /** Counts requests that a memory has answered. */
  countKnown(count: number): void {
    if (!this.#caching.store) return;
    this.lookups += count;
    this.hits += count;
  }

  /** Takes over what another step of the kind has obtained. */
  adopt(other: CachedStep<Q, R>): void {
    for (const [id, outcome] of other.#outcomes) this.#outcomes.set(id, outcome);
  }

  /** Asks for what will be wanted, all at once. */
  async prefetch(keys: readonly Uint8Array[]): Promise<void> {
    const found = await this.#store.getAll(keys);
    keys.forEach((key, i) => {
      const parts = found[i];
      if (parts) this.#prefetched.set(idOf(key), parts);
    });
  }

  get(request: StepRequest<Q, R>): Promise<R> {
    const { digest } = request.key;
    return this.#once(
      request,
      async () => this.#prefetched.get(idOf(digest)) ?? (await this.#store.get(digest)),
    );
  }

  /** Like get() for each, but the store is asked once, and hits are not waited for one by one. */
  async getAll(requests: readonly StepRequest<Q, R>[]): Promise<R[]> {
    const found = await this.#store.getAll(requests.map(({ key }) => key.digest));
    return Promise.all(
      requests.map((request, i) => {
        const result = this.#hit(found[i]);
        if (result) return this.#counted({ result, isHit: true });
        return this.#once(request, async () => found[i]);
      }),
    );
  }

  /** Requests with one key have one outcome. */
  async #once(request: StepRequest<Q, R>, lookUp: () => Promise<Parts | undefined>): Promise<R> {
    const id = idOf(request.key.digest);
    let outcome = this.#outcomes.get(id);
    if (!outcome) {
      outcome = lookUp().then((parts) => this.#obtain(request, parts));
      this.#outcomes.set(id, outcome);
    }
    return this.#counted(await outcome);
  }

  #counted({ result, isHit }: Outcome<R>): R {
    if (this.#caching.store) {
      this.lookups++;
      if (isHit) this.hits++;
    }
    return result;
  }

  /** What needs no job. */
  #hit(parts: Parts | undefined): R | undefined {
    return this.#caching.verify ? undefined : parts && this.#codec.decode(parts);
  }

  async #obtain(request: StepRequest<Q, R>, parts: Parts | undefined): Promise<Outcome<R>> {
    const hit = this.#hit(parts);
    if (hit) return { result: hit, isHit: true };
    const found = parts && this.#codec.decode(parts);
    if (parts && !found) this.#caching.faults.bad++;
    this.#jobs++;
    const result = await this.#caching.queue.run(request.priority, request.job);
    this.#onProgress(++this.#jobsDone, this.#jobs);
    const entry = this.#codec.encode(result);
    if (found) {
      if (this.#codec.parts.every((part) => areEqual(entry[part], parts[part])))
        return { result, isHit: true };
      this.#caching.faults.bad++;
      this.differing.push(request.name);
    }
    const fields = Buffer.from(request.key.text);
    this.#caching.writer.add({ key: request.key.digest, parts: { ...entry, fields } });
    return { result, isHit: found !== undefined };
  }
}

function idOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

function areEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}
