/**
 * What a module was split into when it was last seen. As long as the module's
 * tables are the same, a function whose block of bitcode is the same gives the
 * same unit, and need not be loaded. native/blocks.cc says why.
 *
 * An entry holds no bodies: who needs one, because a store has lost what was made
 * of it, gets it from the module.
 */

import { createHash } from "node:crypto";
import { blockParts, bytesOf, decodeBlock, encodeBlock, words } from "./blocks";
import { schema } from "./key";
import { type InputModule, native, type PackedNames, piece } from "./native";
import type { Parts } from "./store/store";

/** The store has lost what a memory speaks of, or the memory is wrong. */
export class OutdatedMemory extends Error {}

export interface SplitKeyOptions {
  keepTypeAliasing: boolean;
  forSimplify: boolean;
  moduleId: string;
}

/** A module's units, without their bodies. */
export interface RememberedSplit {
  triple: string;
  functions: PackedNames;
  slots: PackedNames;
  labels: PackedNames;
  units: RememberedUnit[];
  /** The digests of the function blocks that it was made from. */
  functionDigests: Uint8Array;
}

export interface RememberedUnit {
  digest: string;
  size: number;
  linkNames: PackedNames;
  keptNames: PackedNames;
  symbols: Uint32Array;
  /** Of names and symbols. */
  symbolsDigest: string;
  /** The function blocks that it was made from. */
  loaded: Uint32Array;
}

/** A function block's digest, in bytes. */
const blockDigestSize = 16;

export function memoryKey(module: InputModule, options: SplitKeyOptions): Uint8Array {
  const { llvm, revision } = native.version();
  const fields = { schema, kind: "split", llvm, revision, tables: module.tablesDigest, ...options };
  return createHash("sha256").update(JSON.stringify(fields)).digest();
}

/** Indices of the units that must be made anew. */
export function changedUnits(
  { units, functionDigests }: RememberedSplit,
  { functionDigests: current }: InputModule,
): number[] {
  const changed = new Set<number>();
  for (let block = 0; block * blockDigestSize < current.length; block++) {
    const start = block * blockDigestSize;
    const end = start + blockDigestSize;
    const before = functionDigests.subarray(start, end);
    if (Buffer.compare(before, current.subarray(start, end)) !== 0) changed.add(block);
  }
  return units.flatMap(({ loaded }, index) =>
    loaded.some((block) => changed.has(block)) ? [index] : [],
  );
}

const blockNames = ["linkNames", "keptNames", "symbols", "loaded"] as const;
export const memoryParts = [
  ...["head", "functions", "slots", "labels", "functionDigests", "sizes"],
  ...blockNames.flatMap(blockParts),
];

export function encodeMemory(split: RememberedSplit): Parts {
  const { triple, functions, slots, labels, functionDigests, units } = split;
  const digests = units.map(({ digest }) => digest).join("");
  const symbolsDigests = units.map(({ symbolsDigest }) => symbolsDigest).join("");
  const parts: Parts = {
    head: Buffer.from(JSON.stringify({ triple, digests, symbolsDigests })),
    ...{ functions, slots, labels, functionDigests },
    sizes: bytesOf(Uint32Array.from(units, ({ size }) => size)),
  };
  for (const name of blockNames)
    Object.assign(
      parts,
      encodeBlock(
        name,
        units.map((unit) => unit[name]),
      ),
    );
  return parts;
}

/** Undefined where the parts do not fit together. */
export function decodeMemory(parts: Parts): RememberedSplit | undefined {
  const { functions, slots, labels, functionDigests } = parts as Record<string, Uint8Array>;
  try {
    const { triple, digests, symbolsDigests } = JSON.parse(Buffer.from(parts.head!).toString());
    const sizes = words(parts.sizes!);
    if (digests.length !== 64 * sizes.length || symbolsDigests.length !== 32 * sizes.length)
      throw new Error("parts of other modules");
    const block = (name: string) => decodeBlock(parts, name, sizes.length);
    const [linkNames, keptNames] = [block("linkNames"), block("keptNames")];
    const [symbols, loaded] = [block("symbols"), block("loaded")];
    const units = Array.from(sizes, (size, i) => ({
      digest: digests.slice(64 * i, 64 * (i + 1)),
      size,
      symbolsDigest: symbolsDigests.slice(32 * i, 32 * (i + 1)),
      linkNames: piece(linkNames, i),
      keptNames: piece(keptNames, i),
      symbols: words(piece(symbols, i)),
      loaded: words(piece(loaded, i)),
    }));
    return {
      triple,
      functions: functions!,
      slots: slots!,
      labels: labels!,
      units,
      functionDigests: functionDigests!,
    };
  } catch {
    return undefined;
  }
}
