/** Lists of small values, as two parts of an entry: the values, and where each of them ends. */

import type { Block } from "./native";
import type { Parts } from "./store/store";

export function blockParts(name: string): string[] {
  return [name, `${name}End`];
}

export function blockOf(values: readonly (Uint8Array | Uint32Array)[]): Block {
  const pieces = values.map(bytesOf);
  let end = 0;
  return {
    bytes: Buffer.concat(pieces),
    ends: Uint32Array.from(pieces, ({ length }) => (end += length)),
  };
}

export function encodeBlock(name: string, values: readonly (Uint8Array | Uint32Array)[]): Parts {
  const [content, ends] = blockParts(name) as [string, string];
  const block = blockOf(values);
  return { [content]: block.bytes, [ends]: bytesOf(block.ends) };
}

/** Throws where the parts are not those of `count` values. */
export function decodeBlock(parts: Parts, name: string, count: number): Block {
  const [content, ends] = blockParts(name).map((part) => parts[part]!) as [Uint8Array, Uint8Array];
  const block = { bytes: content, ends: words(ends) };
  if (block.ends.length !== count || (block.ends.at(-1) ?? 0) !== content.length)
    throw new Error(`the block ${name} has not ${count} values`);
  return block;
}

export function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array | Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** As words of 32 bits, which must stand where a word may. */
export function words(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  const { buffer, byteOffset, byteLength } = aligned;
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}
