/** Entries as values of a database or a server: the envelope around them, put on and checked. */

import { type Block, type EntryReads, entryStatuses, native } from "../native";
import type { Entry, Lookup, PartNames } from "./store";

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
  const found = values.filter((value) => value !== null);
  const foundKeys = keys.filter((_, index) => values[index] !== null);
  const lookups = await inBatches(found, jobSize, async (some, start) => {
    const someKeys = foundKeys.slice(start, start + some.length);
    return lookupsOf(await native.decodeEntries(some, someKeys, namesFor(parts)), parts);
  });
  if (found.length === values.length) return lookups;
  let next = 0;
  return values.map((value) => (value === null ? { status: "miss" } : lookups[next++]!));
}

/** How the addon is told which parts to read. */
export const namesFor = (parts: PartNames) => (parts === "all" ? null : [...parts]);

/** Where all parts are wanted, those that other entries have are no parts of this one. */
export function lookupsOf({ statuses, errors, parts }: EntryReads, wanted: PartNames): Lookup[] {
  const lookups: Lookup[] = [];
  let errorCount = 0;
  for (let i = 0; i < statuses.length; i++) {
    const status = entryStatuses[statuses[i]!]!;
    if (status === "hit") lookups.push({ status, parts: {} });
    else if (status === "error") lookups.push({ status, error: errors[errorCount++] });
    else lookups.push({ status });
  }
  for (const name of Object.keys(parts)) addPart(lookups, name, parts[name]!, wanted !== "all");
  return lookups;
}

/** Plain arrays: thousands of Buffers take longer to make than the entries to read. */
function addPart(lookups: Lookup[], name: string, { bytes, ends }: Block, keepEmpty: boolean) {
  const { buffer, byteOffset } = bytes;
  let start = 0;
  for (let i = 0; i < lookups.length; i++) {
    const end = ends[i]!;
    const own = lookups[i]!.parts;
    if (own && (keepEmpty || end > start))
      own[name] = new Uint8Array(buffer, byteOffset + start, end - start);
    start = end;
  }
}

/** Calls `run` for `size` items at a time, all at once, and joins the results. */
export async function inBatches<T, R>(
  items: readonly T[],
  size: number,
  run: (batch: T[], start: number) => Promise<R[]>,
): Promise<R[]> {
  const batches: Promise<R[]>[] = [];
  for (let start = 0; start < items.length; start += size)
    batches.push(run(items.slice(start, start + size), start));
  return (await Promise.all(batches)).flat();
}
