/** A table of units as parts of an entry, for what remembers units. */

import { blockParts, bytesOf, decodeBlock, encodeBlock, words } from "./blocks";
import type { Parts } from "./store/store";
import type { Unit, UnitTable } from "./unit";

const blockNames = ["linkNames", "keptNames", "symbols", "loaded"] as const;
export const unitParts = ["sizes", ...blockNames.flatMap(blockParts)];

/** What an entry's head tells of its units. */
export type UnitDigests = Pick<UnitTable, "digests" | "symbolsDigests" | "fingerprints">;

export function unitDigests(units: readonly Unit[]): UnitDigests {
  return {
    digests: units.map(({ digest }) => digest).join(""),
    symbolsDigests: units.map(({ symbolsDigest }) => symbolsDigest).join(""),
    fingerprints: units.map(({ fingerprint }) => fingerprint).join(""),
  };
}

export function encodeUnits(units: readonly Unit[]): Parts {
  const parts: Parts = { sizes: bytesOf(Uint32Array.from(units, ({ size }) => size)) };
  for (const name of blockNames) {
    const values = units.map((unit) => unit[name]);
    Object.assign(parts, encodeBlock(name, values));
  }
  return parts;
}

/** Throws where the parts do not fit together. */
export function decodeUnits(parts: Parts, digests: UnitDigests): UnitTable {
  const sizes = words(parts.sizes!);
  const digits = { digests: 64, symbolsDigests: 32, fingerprints: 32 };
  for (const name of Object.keys(digits) as (keyof UnitDigests)[])
    if (digests[name].length !== digits[name] * sizes.length)
      throw new Error("parts of other modules");
  const block = (name: string) => decodeBlock(parts, name, sizes.length);
  return {
    ...digests,
    sizes,
    linkNames: block("linkNames"),
    keptNames: block("keptNames"),
    symbols: block("symbols"),
    loaded: block("loaded"),
  };
}
