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

/** The block with some of its pieces replaced. */
export function withPieces(
  { bytes, ends }: Block,
  pieces: ReadonlyMap<number, Uint8Array | Uint32Array>,
): Block {
  const parts: Uint8Array[] = [];
  const newEnds = Uint32Array.from(ends);
  let [copied, grown, next] = [0, 0, 0];
  for (const place of [...pieces.keys()].sort((a, b) => a - b)) {
    const piece = bytesOf(pieces.get(place)!);
    const [start, end] = [ends[place - 1] ?? 0, ends[place]!];
    for (; next < place; next++) newEnds[next]! += grown;
    parts.push(bytes.subarray(copied, start), piece);
    grown += piece.length - (end - start);
    copied = end;
  }
  for (; next < ends.length; next++) newEnds[next]! += grown;
  return { bytes: Buffer.concat([...parts, bytes.subarray(copied)]), ends: newEnds };
}

export function encodeBlock(name: string, values: readonly (Uint8Array | Uint32Array)[]): Parts {
  return partsOf(name, blockOf(values));
}

export function partsOf(name: string, block: Block): Parts {
  const [content, ends] = blockParts(name) as [string, string];
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
