/**
 * The files of a `cas:` store: generations, each a folder of LLVM's on-disk CAS that
 * is a number. New entries go into the newest one. When that has half of what the
 * store may take, another is begun, and the oldest one of three is deleted as a
 * whole. What is used is copied into the newest, so that it stays.
 *
 * Others may have the same folders open, and go on with them when they are deleted.
 */

import { mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { blockOf } from "../blocks";
import { type Block, native, piece } from "../native";
import type { FileTotals } from "./file-totals";
import type { Removal } from "./store";
import { hexOf } from "./values";

interface Generation {
  number: number;
  handle: unknown;
}

const keySize = 32;
/** LLVM's files can be no smaller than what they start with. */
const leastCapacity = 64 * 1024 * 1024;

/** The numbers of the generations that are there, the newest first. */
export function generationsIn(root: string): number[] {
  const names = readdirSync(root).filter((name) => /^\d{1,15}$/.test(name));
  return names.map(Number).sort((a, b) => b - a);
}

export class Generations {
  readonly #root: string;
  readonly #limit: number;
  readonly #totals: FileTotals;
  /** The newest first, and at most one more. */
  #open: Generation[];

  constructor(root: string, limit: number, totals: FileTotals) {
    this.#root = root;
    this.#limit = limit;
    this.#totals = totals;
    mkdirSync(root, { recursive: true });
    const [newest = 1, ...others] = generationsIn(root);
    this.#open = [newest, ...others.slice(0, 1)].map((number) => this.#load(number));
    for (const number of others.slice(1)) this.#delete(number);
  }

  /** Keys are one after the other. Values are empty where there are none. */
  async get(keys: Uint8Array, isUse: boolean): Promise<Block> {
    const [newest, older] = this.#open;
    const block = native.casGet(newest!.handle, keys);
    const missing = [...block.ends.keys()].filter((i) => piece(block, i).length === 0);
    if (!older || missing.length === 0) return block;

    const found = native.casGet(older.handle, pick(keys, missing));
    const values = Array.from(block.ends, (_, i) => piece(block, i));
    missing.forEach((index, i) => {
      values[index] = piece(found, i);
    });
    const used = missing.filter((index) => values[index]!.length > 0);
    if (isUse && used.length > 0) {
      const copies = blockOf(used.map((index) => values[index]!));
      await this.put(pick(keys, used), copies).catch(() => {}); // they are still where they were
    }
    return blockOf(values);
  }

  async put(keys: Uint8Array, { bytes, ends }: Block): Promise<void> {
    const { size, capacity } = native.casSizes(this.#newest.handle);
    if (size + bytes.length > Math.min(this.#limit / 2, capacity)) await this.#begin();
    native.casPut(this.#newest.handle, keys, bytes, ends);
  }

  remove(keys: Uint8Array): void {
    for (const { handle } of this.#open) native.casRemove(handle, keys);
  }

  keys(): Uint8Array {
    return Buffer.from([...keysIn(this.#open)].join(""), "hex");
  }

  stats(): { entries: number; bytes: number } {
    return { entries: keysIn(this.#open).size, bytes: sizeOf(this.#open) };
  }

  /** The oldest go, until what is left is within the limit. */
  async prune(dryRun: boolean): Promise<Removal> {
    const kept = [...this.#open];
    while (sizeOf(kept) > this.#limit) kept.pop();
    const due = this.#open.slice(kept.length);
    const removedBytes = sizeOf(due);
    const evicted = dryRun ? this.#onlyIn(due) : await this.#evict(due);
    return { removedEntries: evicted.length, removedBytes };
  }

  clear(): void {
    this.#drop(this.#open);
  }

  close(): void {
    for (const { handle } of this.#open) native.closeCas(handle);
  }

  get #newest(): Generation {
    return this.#open[0]!;
  }

  async #begin(): Promise<void> {
    const older = this.#open.slice(1);
    this.#open.unshift(this.#load(this.#newest.number + 1));
    await this.#evict(older);
  }

  async #evict(due: readonly Generation[]): Promise<string[]> {
    const evicted = this.#onlyIn(due);
    this.#drop(due);
    await this.#totals.addEvicted(evicted);
    await this.#totals.add({ evicted: evicted.length });
    return evicted;
  }

  /** There is always one to write to. */
  #drop(due: readonly Generation[]): void {
    const next = this.#newest.number + 1;
    this.#open = this.#open.filter((generation) => !due.includes(generation));
    if (this.#open.length === 0) this.#open = [this.#load(next)];
    for (const { number, handle } of due) {
      native.closeCas(handle);
      this.#delete(number);
    }
  }

  /** The keys, in hex, that would be lost with them. */
  #onlyIn(due: readonly Generation[]): string[] {
    const kept = keysIn(this.#open.filter((generation) => !due.includes(generation)));
    return [...keysIn(due)].filter((key) => !kept.has(key));
  }

  #load(number: number): Generation {
    const capacity = Math.max(this.#limit, leastCapacity);
    return { number, handle: native.openCas(path.join(this.#root, String(number)), capacity) };
  }

  #delete(number: number): void {
    rmSync(path.join(this.#root, String(number)), { recursive: true, force: true });
  }
}

/** In hex. */
function keysIn(generations: readonly Generation[]): Set<string> {
  const digits = generations.map(({ handle }) => hexOf(native.casKeys(handle)));
  return new Set(digits.flatMap((text) => text.match(/.{64}/g) ?? []));
}

function sizeOf(generations: readonly Generation[]): number {
  return generations.reduce((sum, { handle }) => sum + native.casSizes(handle).size, 0);
}

function pick(keys: Uint8Array, indices: readonly number[]): Uint8Array {
  return Buffer.concat(indices.map((i) => keys.subarray(i * keySize, (i + 1) * keySize)));
}
