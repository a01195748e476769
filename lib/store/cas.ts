/**
 * A store in LLVM's on-disk CAS. Its files are open in a process of its own, from the
 * start of a build on. What LLVM finds damaged, or ends that process, is deleted; what
 * it finds no fault with is checked by the envelope.
 */

import { rm } from "node:fs/promises";
import path from "node:path";
import { blockOf } from "../blocks";
import { piece } from "../native";
import { generationsIn } from "./cas-generations";
import { checkPlace } from "./cas-place";
import { type CasFault, CasProcess } from "./cas-process";
import { FileTotals } from "./file-totals";
import { LimitWatch } from "./limit-watch";
import { Steps } from "./steps";
import type {
  Entry,
  Lookup,
  MaintenanceOptions,
  PartNames,
  PutResult,
  Removal,
  Store,
  StoreCounts,
  StoreStats,
  Verification,
} from "./store";
import { decode, encode, hexOf, inBatches, type Value } from "./values";

const keySize = 32;
/** Keys in one request. */
const batchSize = 512;
/** Whoever never ends a build must not keep them all. */
const mostMissed = 100_000;

export class CasStore implements Store {
  readonly url: string;
  readonly #root: string;
  readonly #limit: number;
  readonly #totals: FileTotals;
  readonly #watch: LimitWatch;
  #process: CasProcess | undefined;
  #missed: string[] = [];

  constructor(folder: string, limit: number) {
    this.#root = path.resolve(folder);
    this.#limit = limit;
    this.#totals = new FileTotals(this.#root);
    this.url = `cas://${this.#root}`;
    this.#watch = new LimitWatch(this.url, limit);
  }

  prepare(): void {
    this.#running();
  }

  async getMany(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    // While one batch is checked on other threads, the next is on its way.
    return inBatches(keys, batchSize, async (some) => {
      const values = await this.#read(some, true);
      this.#note(some, values);
      return decode(values, some, parts);
    });
  }

  async putMany(entries: readonly Entry[]): Promise<PutResult> {
    const values = await encode(entries);
    for (let start = 0; start < entries.length; start += batchSize) {
      const keys = entries.slice(start, start + batchSize).map(({ key }) => key);
      const block = blockOf(values.slice(start, start + batchSize));
      await this.#ask((process) => process.ask("put", Buffer.concat(keys), block));
    }
    const addedBytes = values.reduce((sum, { length }) => sum + length, 0);
    this.#watch.use(addedBytes);
    return { addedBytes, errors: [], ...this.#watch.warnings() };
  }

  async record(counts: StoreCounts): Promise<void> {
    const missed = this.#missed;
    this.#missed = [];
    this.#watch.endBuild();
    const wantedAgain = await this.#totals.countEvicted(missed);
    await this.#totals.add({ ...counts, builds: 1, wantedAgain });
  }

  async close(): Promise<void> {
    this.#process?.close();
    this.#process = undefined;
  }

  async stats(): Promise<StoreStats> {
    const sizes = await this.#ask((process) => process.ask("stats"));
    const { files, bytes, passedAt, ...totals } = await this.#totals.read();
    return { ...sizes, limitBytes: this.#limit, totals };
  }

  async prune({ dryRun = false }: MaintenanceOptions = {}): Promise<Removal> {
    return this.#ask((process) => process.ask("prune", dryRun));
  }

  async verify({ dryRun = false }: MaintenanceOptions = {}): Promise<Verification> {
    const steps = new Steps();
    const keys = await steps.run("list", () => this.#list());
    const bad = await steps.run("check", () => this.#findBad(keys));
    const badKeys = Buffer.concat(bad.map(({ key }) => key));
    if (!dryRun)
      await steps.run("remove", () => this.#ask((process) => process.ask("remove", badKeys)));
    const removedBytes = bad.reduce((sum, { bytes }) => sum + bytes, 0);
    const removal = { removedEntries: bad.length, removedBytes };
    return { entries: keys.length, bad: bad.length, ...removal, steps: steps.times };
  }

  async clear({ dryRun = false }: MaintenanceOptions = {}): Promise<Removal> {
    const { entries, bytes } = await this.#ask((process) => process.ask("stats"));
    if (!dryRun) {
      await this.#ask((process) => process.ask("clear"));
      await rm(path.join(this.#root, "evicted"), { force: true });
    }
    return { removedEntries: entries, removedBytes: bytes };
  }

  async #read(keys: readonly Uint8Array[], isUse: boolean): Promise<Value[]> {
    const block = await this.#ask((process) => process.ask("get", Buffer.concat(keys), isUse));
    return keys.map((_, i) => {
      const value = piece(block, i);
      return value.length > 0 ? value : null;
    });
  }

  #note(keys: readonly Uint8Array[], values: readonly Value[]): void {
    values.forEach((value, i) => {
      if (value) this.#watch.use(value.length);
      else if (this.#missed.length < mostMissed) this.#missed.push(hexOf(keys[i]!));
    });
  }

  async #list(): Promise<Uint8Array[]> {
    const keys = await this.#ask((process) => process.ask("keys"));
    const count = keys.length / keySize;
    return Array.from({ length: count }, (_, i) => keys.subarray(i * keySize, (i + 1) * keySize));
  }

  async #findBad(keys: readonly Uint8Array[]): Promise<{ key: Uint8Array; bytes: number }[]> {
    const bad: { key: Uint8Array; bytes: number }[] = [];
    for (let start = 0; start < keys.length; start += batchSize) {
      const some = keys.slice(start, start + batchSize);
      const values = await this.#read(some, false);
      const lookups = await decode(values, some, "all");
      some.forEach((key, i) => {
        if (lookups[i]!.status === "bad") bad.push({ key, bytes: values[i]!.length });
      });
    }
    return bad;
  }

  /** A process that has ended is begun anew: a build does not come here again after a fault. */
  #running(): CasProcess {
    if (!this.#process || this.#process.hasEnded) {
      checkPlace(this.#root, this.#limit);
      this.#process = new CasProcess(this.#root, this.#limit);
    }
    return this.#process;
  }

  async #ask<T>(question: (process: CasProcess) => Promise<T>): Promise<T> {
    const process = this.#running();
    try {
      return await question(process);
    } catch (fault) {
      const { error, isDamage } = fault as CasFault;
      if (!isDamage) throw new Error(error);
      process.close();
      if (this.#process === process) this.#process = undefined;
      await this.#delete();
      throw new Error(`the files were damaged or the disk is full; they are deleted (${error})`);
    }
  }

  async #delete(): Promise<void> {
    for (const number of generationsIn(this.#root))
      await rm(path.join(this.#root, String(number)), { recursive: true, force: true });
  }
}
