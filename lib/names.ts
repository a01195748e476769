/** Lists of symbols' names, as native code packs them: a NUL behind each. */

import type { PackedNames } from "./native";

export function unpackNames(packed: PackedNames, encoding: BufferEncoding = "utf8"): string[] {
  if (packed.length === 0) return [];
  const { buffer, byteOffset, byteLength } = packed;
  return Buffer.from(buffer, byteOffset, byteLength - 1)
    .toString(encoding)
    .split("\0");
}

/** Of names that have a character a byte. */
export function packNames(names: readonly string[]): PackedNames {
  return names.length === 0 ? noNames : Buffer.from(`${names.join("\0")}\0`, "latin1");
}

export const noNames: PackedNames = new Uint8Array();
