/**
 * The objects of a program's units under their link names, in one entry. After an
 * edit, to read it takes a fraction of the time of asking a store for each object
 * and renaming it. The walk memory tells what is still to be had from it, so it is
 * written anew only when enough units have changed, not at each edit.
 */

import { blockParts, bytesOf, decodeBlock, encodeBlock, words } from "./blocks";
import type { Faults } from "./lookups";
import { MemoryLookups, memoryEntry, mostBytes } from "./memories";
import { type Block, native, piece } from "./native";
import type { Entry, Parts, Store } from "./store/store";

/** As many are looked up and renamed one by one in no time. */
const fewUnits = 64;

const idPart = "objectsId";
export const objectParts = [...blockParts("objects"), idPart];

/** What the walk memory has of it. */
export const placeParts = ["objectPlaces", idPart];

export interface PlacedUnit {
  index: number;
  /** Its object's, counted from one; 0 where the object memory does not have it. */
  place: number;
}

export class ObjectMemory {
  readonly id: Uint8Array;
  readonly #objects: Block;

  private constructor(id: Uint8Array, objects: Block) {
    this.id = id;
    this.#objects = objects;
  }

  /** `walked` is the walk memory. An entry that another build has written since is of no use. */
  static async recall(
    key: Uint8Array,
    walked: Parts,
    { store, faults }: { store: Store | undefined; faults: Faults },
  ): Promise<ObjectMemory | undefined> {
    const id = walked[idPart]!;
    if (id.length === 0) return undefined;
    const parts = await new MemoryLookups(store, objectParts, faults).get(key);
    if (!parts || Buffer.compare(parts[idPart]!, id) !== 0) return undefined;
    try {
      return new ObjectMemory(id, decodeBlock(parts, "objects", parts.objectsEnd!.length / 4));
    } catch {
      return undefined; // the parts do not fit together
    }
  }

  object({ place }: PlacedUnit): Uint8Array | undefined {
    if (place === 0 || place > this.#objects.ends.length) return undefined;
    const object = piece(this.#objects, place - 1);
    return object.length > 0 ? object : undefined;
  }
}

/** By unit: the place of its object. */
export function placesIn(walked: Parts): Uint32Array {
  return words(walked.objectPlaces!);
}

/**
 * Remembers the `objects` of those `units` of all `count`: parts for the walk memory,
 * and a new entry where `known` will not do any more.
 */
export function rememberObjects(
  key: Uint8Array,
  { count, units }: { count: number; units: readonly PlacedUnit[] },
  objects: readonly Uint8Array[],
  known: ObjectMemory | undefined,
): { parts: Parts; entries: Entry[] } {
  const places = new Uint32Array(count);
  const partsWith = (id: Uint8Array) => ({ objectPlaces: bytesOf(places), [idPart]: id });
  const changed = units.filter(({ place }) => place === 0).length;
  if (known && changed <= fewUnits) {
    for (const { index, place } of units) places[index] = place;
    return { parts: partsWith(known.id), entries: [] };
  }
  const size = objects.reduce((sum, { length }) => sum + length, 0);
  if (units.length <= fewUnits || size > mostBytes)
    return { parts: partsWith(new Uint8Array()), entries: [] };
  units.forEach(({ index }, i) => {
    places[index] = i + 1;
  });
  const block = encodeBlock("objects", objects);
  const id = native.hash(Buffer.concat(Object.values(block)));
  return { parts: partsWith(id), entries: [memoryEntry(key, { ...block, [idPart]: id })] };
}
