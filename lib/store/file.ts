/** The file store: one file a key, in 256 folders. native/entries.cc reads and writes them. */

import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { native } from "../native";
import { bytesOf, bytesOnDisk, isEntry, listFiles } from "./file-folders";
import { clear, verify } from "./file-maintenance";
import { isOver, type PrunePolicy, prune } from "./file-prune";
import { FileTotals } from "./file-totals";
import { LimitWatch } from "./limit-watch";
import type {
  Entry,
  Lookup,
  MaintenanceOptions,
  PartNames,
  PutResult,
  Store,
  StoreCounts,
  StoreStats,
} from "./store";
import { hexOf, inBatches, lookupsOf, namesFor } from "./values";

/** Entries that one job reads; several jobs read in parallel. */
const batchSize = 512;
/**
 * A walk over the call graph asks for a few keys at a time, and in a cold build for
 * none that is there. It must not wait for that until the pool, where its jobs run,
 * has a thread to spare.
 */
const fewKeys = 64;
/** A store that never ends a build must not keep them all. */
const mostMissed = 100_000;

/** A process tells the others what it has added when it is such a share of the limit. */
const tellAfter = (limit: number) => (limit > 0 ? limit / 200 : Number.POSITIVE_INFINITY);

const tag = `Signature: 8a477f597d28d172789f06886806bc55
# finegrain keeps compiled code here. Deleting it is safe. See https://bford.info/cachedir/
`;

export class FileStore implements Store {
  readonly url: string;
  readonly #root: string;
  readonly #policy: PrunePolicy;
  readonly #totals: FileTotals;
  readonly #watch: LimitWatch;
  readonly #stop = new AbortController();
  /** Written and not yet told in the totals. */
  #untold = { files: 0, bytes: 0 };
  #hasLooked = false;
  #missed: string[] = [];
  #isTagged = false;
  #maintenance: Promise<void> | undefined;

  constructor(folder: string, policy: PrunePolicy) {
    this.#root = path.resolve(folder);
    this.#policy = policy;
    this.#totals = new FileTotals(this.#root);
    this.url = pathToFileURL(this.#root).href;
    this.#watch = new LimitWatch(this.url, policy.cache_size_bytes);
  }

  async getMany(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    const lookups = await (keys.length > fewKeys
      ? inBatches(keys, batchSize, (some) => this.#read(some, parts))
      : this.#readFew(keys, parts));
    for (let i = 0; i < lookups.length; i++)
      if (lookups[i]!.status === "miss" && this.#missed.length < mostMissed)
        this.#missed.push(hexOf(keys[i]!));
    return lookups;
  }

  async #readFew(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    const present = keys.map((key) => this.#has(key));
    const found = keys.filter((_, index) => present[index]);
    const reads = found.length > 0 ? await this.#read(found, parts) : [];
    return present.map((isPresent) => (isPresent ? reads.shift()! : { status: "miss" }));
  }

  async #read(keys: Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    const reads = await native.readEntries(this.#root, keys, namesFor(parts));
    this.#watch.use(reads.size);
    return lookupsOf(reads, parts);
  }

  #has(key: Uint8Array): boolean {
    const name = hexOf(key);
    return existsSync(`${this.#root}/${name.slice(0, 2)}/${name.slice(2)}`);
  }

  async putMany(entries: readonly Entry[]): Promise<PutResult> {
    const writes = await native.writeEntries(this.#root, [...entries]);
    const sizes = writes.map(({ size }) => size).filter((size) => size > 0);
    const addedBytes = sizes.reduce((sum, size) => sum + size, 0);
    this.#untold.files += sizes.length;
    this.#untold.bytes += sizes.reduce((sum, size) => sum + bytesOnDisk(size), 0);
    this.#watch.use(addedBytes);
    if (addedBytes > 0) await this.#tag();
    this.#maintenance ??= this.#maintain()
      .catch(() => {})
      .finally(() => {
        this.#maintenance = undefined;
      });
    return {
      addedBytes,
      errors: writes.flatMap(({ error }) => error ?? []),
      ...this.#watch.warnings(),
    };
  }

  async record(counts: StoreCounts): Promise<void> {
    const missed = this.#missed;
    this.#missed = [];
    this.#watch.endBuild();
    const wantedAgain = await this.#totals.countEvicted(missed);
    await this.#tell({ ...counts, builds: 1, wantedAgain });
  }

  async close(): Promise<void> {
    this.#stop.abort();
  }

  async stats(): Promise<StoreStats> {
    const found = await listFiles(this.#root);
    const { files, bytes, passedAt, ...totals } = await this.#totals.read();
    return {
      entries: found.filter(isEntry).length,
      bytes: bytesOf(found),
      limitBytes: this.#policy.cache_size_bytes,
      totals,
    };
  }

  prune(options?: MaintenanceOptions) {
    return prune({ policy: this.#policy, ...this.#scope(options) });
  }

  verify(options?: MaintenanceOptions) {
    return verify(this.#scope(options));
  }

  clear(options?: MaintenanceOptions) {
    return clear(this.#scope(options));
  }

  #scope({ dryRun = false }: MaintenanceOptions = {}) {
    return { root: this.#root, totals: this.#totals, dryRun };
  }

  /** In the background: no build waits for it, and its end stops it. */
  async #maintain(): Promise<void> {
    const { cache_size_bytes, cache_size_files, prune_interval } = this.#policy;
    const isFirst = !this.#hasLooked;
    const { files, bytes } = this.#untold;
    if (!isFirst && bytes < tellAfter(cache_size_bytes) && files < tellAfter(cache_size_files))
      return;
    this.#hasLooked = true;
    await this.#tell({});
    const sum = await this.#totals.read();
    const isDue = isFirst && Math.abs(Date.now() - sum.passedAt) > prune_interval;
    if (!this.#stop.signal.aborted && (isDue || isOver(sum, this.#policy)))
      await prune({ policy: this.#policy, ...this.#scope(), signal: this.#stop.signal });
  }

  async #tell(line: object): Promise<void> {
    const untold = this.#untold;
    this.#untold = { files: 0, bytes: 0 };
    await this.#totals.add({ ...line, ...untold });
  }

  /** So that backups leave the folder out. Where that fails, they do not. */
  async #tag(): Promise<void> {
    if (this.#isTagged) return;
    this.#isTagged = true;
    await writeFile(path.join(this.#root, "CACHEDIR.TAG"), tag, { flag: "wx" }).catch(() => {});
  }
}
