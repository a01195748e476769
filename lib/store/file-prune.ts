/**
 * Keeps a file store within its limits.
 *
 * A pass goes over the 256 folders in chunks of some 20,000 entries. Of each chunk
 * it removes what is too old, and so much of what was longest without use as the
 * chunk's share of what is too much. Keys are hashes, so the entries of a chunk are
 * like those of any other: those seen so far tell how much there is in all. What the
 * totals tell only starts a pass, since they are off where many write at once. A pass
 * that is cut short by the end of the build has done its part, and the next one begins
 * elsewhere. Stores of fewer entries are one chunk, for which size and order are exact.
 * A sort of all entries would be exact for any store, but a short build would never
 * come to its end.
 */

import { randomInt } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { native } from "../native";
import { bytesOf, folderNames, isEntry, isStale, listFiles, type StoredFile } from "./file-folders";
import type { FileTotals, Usage } from "./file-totals";
import type { Settings } from "./settings";
import type { Removal } from "./store";

/** Named as in LLVM's policy for caches; 0 is no limit. */
export interface PrunePolicy {
  /** Milliseconds. */
  prune_after: number;
  prune_interval: number;
  cache_size_bytes: number;
  cache_size_files: number;
}

export function prunePolicy(settings: Settings): PrunePolicy {
  return {
    prune_after: settings.duration("prune_after", "30d"),
    prune_interval: settings.duration("prune_interval", "20m"),
    cache_size_bytes: settings.size("cache_size_bytes", "5g"),
    cache_size_files: settings.size("cache_size_files", "1000000"),
  };
}

/**
 * Shares of the limit. Pruning starts before the limit, since others write on meanwhile,
 * and goes so far below it that the next entry does not start it again.
 */
const highWater = 0.95;
const lowWater = 0.9;
/** Seconds. */
const freshFor = 60 * 60;
const chunkEntries = 20_000;
const removalBatch = 256;
const lockTries = 200;
/** See native.lockFile. */
const busy = -1;
const noLock = -2;

export function isOver({ files, bytes }: Usage, policy: PrunePolicy): boolean {
  return excess(bytes, policy.cache_size_bytes) > 0 || excess(files, policy.cache_size_files) > 0;
}

export interface PruneRequest {
  root: string;
  policy: PrunePolicy;
  totals: FileTotals;
  dryRun: boolean;
  /** Stops it between two batches. */
  signal?: AbortSignal;
}

export async function prune(request: PruneRequest): Promise<Removal> {
  const { root, totals, dryRun, signal } = request;
  // Without a lock two passes may do the same work, no more.
  const lock = dryRun ? noLock : await lockOf(root, signal ? 1 : lockTries);
  if (lock === busy) return { removedEntries: 0, removedBytes: 0 };
  try {
    return await new Pass(request, await totals.read()).run();
  } finally {
    native.unlockFile(lock);
  }
}

/** In the background one pass is enough; who asks for one waits for the other to end. */
async function lockOf(root: string, tries: number): Promise<number> {
  const lock = await native.lockFile(path.join(root, "lock"));
  if (lock !== busy || tries === 1) return lock;
  await sleep(50);
  return lockOf(root, tries - 1);
}

class Pass {
  readonly #request: PruneRequest;
  readonly #told: Usage;
  readonly #removed = { removedEntries: 0, removedBytes: 0 };
  readonly #seen = { folders: 0, files: 0, bytes: 0 };
  readonly #now = Date.now() / 1000;

  constructor(request: PruneRequest, told: Usage) {
    this.#request = request;
    this.#told = told;
  }

  async run(): Promise<Removal> {
    const { totals, dryRun } = this.#request;
    const size = Math.ceil((folderNames.length * chunkEntries) / Math.max(this.#told.files, 1));
    const first = randomInt(folderNames.length);
    const order = [...folderNames.slice(first), ...folderNames.slice(0, first)];
    for (let start = 0; start < order.length; start += size) {
      await this.#chunk(order.slice(start, start + size));
      if (this.#isStopped) return this.#removed;
    }
    if (!dryRun) await totals.addPass(this.#told, this.#seen);
    return this.#removed;
  }

  get #isStopped(): boolean {
    return this.#request.signal?.aborted ?? false;
  }

  async #chunk(folders: string[]): Promise<void> {
    const files = await listFiles(this.#request.root, folders);
    const entries = files.filter(isEntry);
    await this.#remove(files.filter((file) => isStale(file, this.#now)));
    this.#seen.folders += folders.length;
    this.#seen.files += entries.length;
    this.#seen.bytes += bytesOf(entries);
    const due = this.#due(entries);
    // One batch always, or builds that are over sooner than a pass would never remove any.
    for (let start = 0; start < due.length; start += removalBatch) {
      await this.#remove(due.slice(start, start + removalBatch));
      if (this.#isStopped) return;
    }
  }

  /** What must go of these entries: those never used first, then the longest unused. */
  #due(entries: StoredFile[]): StoredFile[] {
    const { cache_size_bytes, cache_size_files } = this.#request.policy;
    const { folders, files, bytes } = this.#seen;
    const scale = folderNames.length / folders;
    let extraFiles = files * excess(files * scale, cache_size_files) - this.#removed.removedEntries;
    let extraBytes = bytes * excess(bytes * scale, cache_size_bytes) - this.#removed.removedBytes;

    const inOrder = entries.sort((a, b) => this.#rank(a) - this.#rank(b) || a.written - b.written);
    return inOrder.filter((entry) => {
      const isDue = extraFiles > 0 || extraBytes > 0 || this.#isOld(entry);
      if (isDue) {
        extraFiles -= 1;
        extraBytes -= entry.bytes;
      }
      return isDue;
    });
  }

  /** What has just been written could not be used yet. */
  #rank({ used, written }: StoredFile): number {
    return used > 0 || this.#now - written < freshFor ? Math.max(used, written) : 0;
  }

  #isOld({ used, written }: StoredFile): boolean {
    const { prune_after } = this.#request.policy;
    return prune_after > 0 && (this.#now - Math.max(used, written)) * 1000 > prune_after;
  }

  async #remove(files: StoredFile[]): Promise<void> {
    if (files.length === 0) return;
    const { totals, dryRun } = this.#request;
    const entries = files.filter(isEntry);
    const removed = { files: entries.length, bytes: bytesOf(entries) };
    this.#removed.removedEntries += removed.files;
    this.#removed.removedBytes += removed.bytes;
    if (dryRun) return;
    await native.removeFiles(files.map(({ path }) => path));
    if (entries.length === 0) return;
    await totals.addEvicted(entries.map(({ key }) => key));
    await totals.add({ evicted: removed.files, files: -removed.files, bytes: -removed.bytes });
  }
}

/** The share of the entries that is too much. */
function excess(usage: number, limit: number): number {
  return limit > 0 && usage > limit * highWater ? 1 - (limit * lowWater) / usage : 0;
}
