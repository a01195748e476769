/** A table of units as parts of an entry, for what remembers units. */

import { blockOf, blockParts, bytesOf, decodeBlock, partsOf, withPieces, words } from "./blocks";
import type { Parts } from "./store/store";
import type { Unit, UnitTable } from "./unit";

const blockNames = ["linkNames", "keptNames", "symbols", "loaded"] as const;
export const unitParts = ["sizes", ...blockNames.flatMap(blockParts)];

/** What an entry's head tells of its units. */
export type UnitDigests = Pick<UnitTable, "digests" | "symbolsDigests" | "fingerprints">;

export function tableOf(units: readonly Unit[]): UnitTable {
  const block = (name: (typeof blockNames)[number]) => blockOf(units.map((unit) => unit[name]));
  return {
    digests: units.map(({ digest }) => digest).join(""),
    symbolsDigests: units.map(({ symbolsDigest }) => symbolsDigest).join(""),
    fingerprints: units.map(({ fingerprint }) => fingerprint).join(""),
    sizes: Uint32Array.from(units, ({ size }) => size),
    linkNames: block("linkNames"),
    keptNames: block("keptNames"),
    symbols: block("symbols"),
    loaded: block("loaded"),
  };
}

/** The table with some of its units replaced: to make one of all units takes longer than to link. */
export function withUnits(table: UnitTable, units: ReadonlyMap<number, Unit>): UnitTable {
  const changed = { ...table, sizes: Uint32Array.from(table.sizes) };
  for (const [place, { size }] of units) changed.sizes[place] = size;
  changed.digests = withDigits(table.digests, units, ({ digest }) => digest);
  changed.symbolsDigests = withDigits(table.symbolsDigests, units, (unit) => unit.symbolsDigest);
  changed.fingerprints = withDigits(table.fingerprints, units, ({ fingerprint }) => fingerprint);
  for (const name of blockNames) {
    const pieces = new Map([...units].map(([place, unit]) => [place, unit[name]]));
    changed[name] = withPieces(table[name], pieces);
  }
  return changed;
}

function withDigits(
  all: string,
  units: ReadonlyMap<number, Unit>,
  digitsOf: (unit: Unit) => string,
): string {
  const bytes = Buffer.from(all, "latin1");
  for (const [place, unit] of units) {
    const own = digitsOf(unit);
    bytes.write(own, place * own.length, "latin1");
  }
  return bytes.toString("latin1");
}

export function digestsIn({ digests, symbolsDigests, fingerprints }: UnitTable): UnitDigests {
  return { digests, symbolsDigests, fingerprints };
}

export function encodeUnits(table: UnitTable): Parts {
  const blocks = blockNames.map((name) => partsOf(name, table[name]));
  return Object.assign({ sizes: bytesOf(table.sizes) }, ...blocks);
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
