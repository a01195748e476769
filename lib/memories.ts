/**
 * What builds remember of the builds before them: see split-memory.ts,
 * walk-memory.ts and output-memory.ts. Such an entry is believed where its inputs
 * are as they were, so it says itself under which key it was made.
 */

import { schema } from "./key";
import { Lookups } from "./lookups";
import { native } from "./native";
import type { Entry, Parts } from "./store/store";

const ownKey = "key";

/** Outputs and code are remembered up to this size: copies would push all else out of a store. */
export const mostBytes = 64 * 1024 * 1024;

/** Milliseconds. */
const mostAge = 24 * 60 * 60 * 1000;

/**
 * Whether a short way may be taken again. It reads few of the entries that a build
 * depends on: without a look at all of them now and then, a store would take them for
 * unused. `since` is in milliseconds since 1970.
 */
export function isRecent(since: number): boolean {
  return Math.abs(Date.now() - since) < mostAge;
}

/** `fields` tell what it is the memory of. */
export function memoryKeyOf(kind: string, fields: object): Uint8Array {
  const { llvm, revision } = native.version();
  const all = { schema, kind, llvm, revision, ...fields };
  return native.hash(JSON.stringify(all));
}

export function memoryEntry(key: Uint8Array, parts: Parts): Entry {
  return { key, parts: { ...parts, [ownKey]: key } };
}

export class MemoryLookups extends Lookups {
  constructor(...[store, parts, faults]: ConstructorParameters<typeof Lookups>) {
    super(store, [...parts, ownKey], faults);
  }

  override async get(key: Uint8Array): Promise<Parts | undefined> {
    const parts = await super.get(key);
    return parts && Buffer.compare(parts[ownKey]!, key) === 0 ? parts : undefined;
  }
}
