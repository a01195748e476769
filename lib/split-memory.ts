/**
 * What a module was split into when it was last seen. As long as the module's
 * tables are the same, a function whose block of bitcode is the same gives the
 * same unit, and need not be loaded. native/blocks.cc says why. Where tables
 * differ, a function with the same fingerprint gives the same unit, and need not
 * be taken out of the module and written: see native/fingerprint.h.
 *
 * An entry holds no bodies: who needs one, because a store has lost what was made
 * of it, gets it from the module.
 */

import path from "node:path";
import { bytesOf, words } from "./blocks";
import { memoryKeyOf } from "./memories";
import type { InputModule, PackedNames } from "./native";
import type { Parts } from "./store/store";
import type { UnitTable } from "./unit";
import { decodeUnits, digestsIn, encodeUnits, unitParts } from "./unit-parts";

/** The store has lost what a memory speaks of, or the memory is wrong. */
export class OutdatedMemory extends Error {}

export interface SplitKeyOptions {
  keepTypeAliasing: boolean;
  forSimplify: boolean;
  moduleId: string;
}

/** What is remembered of a module. */
export interface RememberedSplit {
  triple: string;
  functions: PackedNames;
  slots: PackedNames;
  /** Of each unit, its place in the module's order. Units that nothing refers to are left out. */
  indices: Uint32Array;
  labels: PackedNames;
  table: UnitTable;
  /** The digests of the function blocks that it was made from. */
  functionDigests: Uint8Array;
}

/** A function block's digest, in words. */
const wordsPerDigest = 4;

export function memoryKey(module: InputModule, options: SplitKeyOptions): Uint8Array {
  return memoryKeyOf("split", { tables: module.tablesDigest, ...options });
}

/** Of the entry that tells which of a module's memories is the newest, whatever its tables. */
export function latestKey({ name }: InputModule, options: SplitKeyOptions): Uint8Array {
  return memoryKeyOf("latest split", { module: path.basename(name), ...options });
}

/** The key of that memory. */
export const latestPart = "memory";

export function decodeLatest(parts: Parts): Uint8Array | undefined {
  const key = parts[latestPart];
  return key?.length === 32 ? key : undefined;
}

/** Which units must be made anew, by their places in the table. */
export function changedUnits(
  { table, functionDigests }: RememberedSplit,
  { functionDigests: current }: InputModule,
): number[] {
  const [before, now] = [words(functionDigests), words(current)];
  const changed = new Set<number>();
  now.forEach((word, i) => {
    if (word !== before[i]) changed.add(Math.floor(i / wordsPerDigest));
  });
  const { ends, bytes } = table.loaded;
  const loaded = words(bytes);
  const units: number[] = [];
  let at = 0;
  ends.forEach((end, unit) => {
    let isChanged = false;
    for (; at < end / 4; at++) isChanged ||= changed.has(loaded[at]!);
    if (isChanged) units.push(unit);
  });
  return units;
}

export const memoryParts = [
  "head",
  "functions",
  "slots",
  "indices",
  "labels",
  "functionDigests",
  ...unitParts,
];

export function encodeMemory(split: RememberedSplit): Parts {
  const { triple, functions, slots, indices, labels, functionDigests, table } = split;
  const head = { triple, ...digestsIn(table) };
  return {
    head: Buffer.from(JSON.stringify(head)),
    ...{ functions, slots, labels, functionDigests },
    indices: bytesOf(indices),
    ...encodeUnits(table),
  };
}

/** Undefined where the parts do not fit together. */
export function decodeMemory(parts: Parts): RememberedSplit | undefined {
  const { functions, slots, labels, functionDigests } = parts as Record<string, Uint8Array>;
  try {
    const { triple, ...digests } = JSON.parse(Buffer.from(parts.head!).toString());
    const table = decodeUnits(parts, digests);
    const indices = words(parts.indices!);
    if (indices.length !== table.sizes.length) return undefined;
    return {
      triple,
      functions: functions!,
      slots: slots!,
      indices,
      labels: labels!,
      functionDigests: functionDigests!,
      table,
    };
  } catch {
    return undefined;
  }
}
