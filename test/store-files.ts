/** The files of a file store, for tests that do things to them. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { moduleMemoryParts } from "../lib/module-memory";
import { objectParts } from "../lib/object-memory";
import { latestPart, memoryParts } from "../lib/split-memory";
import { walkParts } from "../lib/walk-memory";

/** The files of a store's entries, in a fixed order. */
export function entriesOf(cache: string): string[] {
  if (!existsSync(cache)) return [];
  return (readdirSync(cache, { recursive: true }) as string[])
    .map((name) => path.join(cache, name))
    .filter((file) => /\/[0-9a-f]{2}\/[0-9a-f]{62}$/.test(file) && statSync(file).isFile())
    .sort();
}

/** An entry's key in hex is its folder's name and its own. */
export function keyOf(file: string): Buffer {
  return Buffer.from(path.basename(path.dirname(file)) + path.basename(file), "hex");
}

/** The parts of what builds remember of each other. */
export const memories = {
  split: [...memoryParts, "key"],
  latest: [latestPart, "key"],
  modules: [...moduleMemoryParts, "key"],
  walk: [...walkParts, "key"],
  objects: [...objectParts, "key"],
  output: ["head", "output", "key"],
};
export type MemoryKind = keyof typeof memories;
export const memoryKinds = Object.keys(memories) as MemoryKind[];

/** Undefined where the entry is none of a memory. Its header lists its parts. */
export function memoryKind(file: string): MemoryKind | undefined {
  const header = readFileSync(file).subarray(0, 1024);
  return memoryKinds.find((kind) => memories[kind].every((part) => header.includes(`${part}\0`)));
}
