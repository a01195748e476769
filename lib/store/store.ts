/** What a store is: see docs/stores.md for how to write one. */

/** Named parts; readers fetch only those that they need. Names have at most 15 characters. */
export type Parts = Record<string, Uint8Array>;

export interface Entry {
  /** 32 bytes. */
  key: Uint8Array;
  parts: Parts;
}

/** A bad entry failed its checks and counts as a miss; an error is the store's own. */
export interface Lookup {
  status: "hit" | "miss" | "bad" | "error";
  /** What went wrong, for status "error". */
  error?: string;
  /** For status "hit": the parts asked for, empty where the entry has none of that name. */
  parts?: Parts;
}

export interface PutResult {
  addedBytes: number;
  /** One message for every entry that could not be written. */
  errors: string[];
}

/** No method throws for a fault of the store: faults are in the results. */
export interface Store {
  readonly url: string;
  /** One result a key, in the keys' order. */
  getMany(keys: readonly Uint8Array[], parts: readonly string[]): Promise<Lookup[]>;
  putMany(entries: readonly Entry[]): Promise<PutResult>;
}
