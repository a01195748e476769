/** What a store is: see docs/stores.md for how to write one. */

/** Named parts; readers fetch only those that they need. Names have at most 15 characters. */
export type Parts = Record<string, Uint8Array>;

/** Which parts to read; "all" stands for those that the entry has and that are not empty. */
export type PartNames = readonly string[] | "all";

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
  /** What whoever builds should know, though nothing failed. */
  warnings?: string[];
}

/** What one build did with a store, in entries. */
export interface StoreCounts {
  lookups: number;
  hits: number;
  misses: number;
  bad: number;
  errors: number;
  readBytes: number;
  addedBytes: number;
}

/** What all builds together did with a store. */
export interface StoreTotals extends Omit<StoreCounts, "lookups"> {
  builds: number;
  /** Entries that pruning removed. */
  evicted: number;
  /** Misses of entries that pruning had removed: many of them ask for a higher limit. */
  wantedAgain: number;
}

export interface StoreStats {
  entries: number;
  bytes: number;
  /** 0: none. */
  limitBytes: number;
  totals: StoreTotals;
}

/** What prune, verify and clear removed, or with `dryRun` would remove. */
export interface Removal {
  removedEntries: number;
  removedBytes: number;
}

export interface Verification extends Removal {
  entries: number;
  /** Entries that failed their checks. */
  bad: number;
  steps: { name: string; ms: number }[];
}

export interface MaintenanceOptions {
  /** Only say what would be done. */
  dryRun?: boolean;
}

/** A method rejects where the store as a whole fails; the build then does without it. */
export interface Store {
  /** Where it is, without passwords. */
  readonly url: string;
  /** A build has begun, and will ask: what takes a while to start may do so meanwhile. */
  prepare?(): void;
  /** One result a key, in the keys' order. */
  getMany(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]>;
  /** Replaces what is there under these keys. */
  putMany(entries: readonly Entry[]): Promise<PutResult>;
  /** Adds what a build did to the totals that stats() shows. */
  record?(counts: StoreCounts): Promise<void>;
  /** Frees what the store holds, at once. Nothing is called after it. */
  close?(): Promise<void>;
  stats?(): Promise<StoreStats>;
  /** Brings the store to its limits. */
  prune?(options?: MaintenanceOptions): Promise<Removal>;
  /** Reads everything and removes what is bad. */
  verify?(options?: MaintenanceOptions): Promise<Verification>;
  /** Removes all entries; the totals stay. */
  clear?(options?: MaintenanceOptions): Promise<Removal>;
}
