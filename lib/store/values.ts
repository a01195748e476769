/** Entries as values of a database or a server: the envelope around them, put on and checked. */

import { type EntryReads, entryStatuses, native, piece } from "../native";
import type { Entry, Lookup, PartNames, Parts } from "./store";

/** Keys that one job reads; several jobs read in parallel. */
const jobSize = 512;

export function hexOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("hex");
}

/** null stands for a value that is not there. */
export type Value = Uint8Array | null;

export function encode(
  entries: readonly Entry[],
  { compress = false } = {},
): Promise<Uint8Array[]> {
  return native.encodeEntries([...entries], compress);
}

export async function decode(
  values: readonly Value[],
  keys: readonly Uint8Array[],
  parts: PartNames,
): Promise<Lookup[]> {
  const lookups: Lookup[] = values.map(() => ({ status: "miss" }));
  const found = [...values.keys()].filter((index) => values[index] !== null);
  const results = await inBatches(found, jobSize, async (some) => {
    const someKeys = some.map((index) => keys[index]!);
    const someValues = some.map((index) => values[index]!);
    return lookupsOf(await native.decodeEntries(someValues, someKeys, namesFor(parts)), parts);
  });
  results.forEach((lookup, at) => {
    lookups[found[at]!] = lookup;
  });
  return lookups;
}

/** How the addon is told which parts to read. */
export const namesFor = (parts: PartNames) => (parts === "all" ? null : [...parts]);

/** Where all parts are wanted, those that other entries have are no parts of this one. */
export function lookupsOf({ statuses, errors, parts }: EntryReads, wanted: PartNames): Lookup[] {
  const names = Object.keys(parts);
  let errorCount = 0;
  return Array.from(statuses, (number, index) => {
    const status = entryStatuses[number]!;
    if (status === "error") return { status, error: errors[errorCount++] };
    if (status !== "hit") return { status };
    const own: Parts = {};
    for (const name of names) {
      const content = piece(parts[name]!, index);
      if (wanted !== "all" || content.length > 0) own[name] = content;
    }
    return { status, parts: own };
  });
}

/** Calls `run` for `size` items at a time, all at once, and joins the results. */
export async function inBatches<T, R>(
  items: readonly T[],
  size: number,
  run: (batch: T[]) => Promise<R[]>,
): Promise<R[]> {
  const batches: Promise<R[]>[] = [];
  for (let start = 0; start < items.length; start += size)
    batches.push(run(items.slice(start, start + size)));
  return (await Promise.all(batches)).flat();
}
