/** The tables of a SQLite store, and what leaves them at the limits. */

import type { Settings } from "./settings";
import type { Database } from "./sqlite-driver";
import type { Removal } from "./store";

export interface SqlitePolicy {
  /** Milliseconds; 0 for no limit. */
  prune_after: number;
  cache_size_bytes: number;
}

export function sqlitePolicy(settings: Settings): SqlitePolicy {
  return {
    prune_after: settings.duration("prune_after", "30d"),
    cache_size_bytes: settings.size("cache_size_bytes", "5g"),
  };
}

// The first two must be decided before the first table is made. In pages of 4 KiB most
// entries would spill over: reading took 1.4 times as long, and the file 1.3 times the space.
const schema = `
  PRAGMA page_size = 32768;
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS entries(
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL,
    touched INTEGER NOT NULL, is_read INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX IF NOT EXISTS by_use ON entries(is_read, touched);
  CREATE TABLE IF NOT EXISTS totals(name TEXT PRIMARY KEY, value INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS evicted(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE);
  PRAGMA user_version = 1;
`;

/** Makes the tables of a new database; an old one's version says that it has them. */
export function prepareTables(db: Database): void {
  if (Number(db.prepare("PRAGMA user_version").get()?.user_version) !== 1) db.exec(schema);
}

export const seconds = () => Math.floor(Date.now() / 1000);

const batch = 256;
/** One call removes no more than this, so that no build waits long for it. */
const mostBatches = 8;
const mostEvicted = 50_000;
/** See file-prune.ts. */
const target = 0.9;
const freshFor = 60 * 60;

/** Bytes in use; pages that removed entries have left do not count. */
export function sizeOf(db: Database): number {
  const pragma = (name: string) => Number(Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0]);
  return (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
}

// The oldest of each kind: the index has each in order.
const oldest = (isRead: 0 | 1) =>
  `SELECT * FROM (SELECT id, touched FROM entries WHERE is_read = ${isRead}
   ORDER BY touched LIMIT ${batch})`;
const tooOld = "SELECT id FROM entries WHERE is_read IN (0, 1) AND touched < ? LIMIT ?";
const neverRead =
  "SELECT id FROM entries WHERE is_read = 0 AND touched < ? ORDER BY touched LIMIT ?";
const longestUnused = `SELECT id FROM (${oldest(0)} UNION ALL ${oldest(1)}) ORDER BY touched LIMIT ?`;

/** Removes what is too old or too much, a bounded part of it at a time. */
export function evict(db: Database, policy: SqlitePolicy): Removal {
  const removal = { removedEntries: 0, removedBytes: 0 };
  const remove = (which: string, ...values: number[]) => {
    const rows = db
      .prepare(`DELETE FROM entries WHERE id IN (${which}) RETURNING key, length(value) AS size`)
      .all(...values, batch);
    const keep = db.prepare("INSERT OR IGNORE INTO evicted(key) VALUES (?)");
    for (const { key } of rows) keep.run(key);
    removal.removedEntries += rows.length;
    removal.removedBytes += rows.reduce((sum, { size }) => sum + Number(size), 0);
    return rows.length;
  };

  const { prune_after, cache_size_bytes } = policy;
  if (prune_after > 0) remove(tooOld, seconds() - prune_after / 1000);
  const isOver = (limit: number) => cache_size_bytes > 0 && sizeOf(db) > limit;
  if (isOver(cache_size_bytes))
    for (let i = 0; i < mostBatches && isOver(cache_size_bytes * target); i++)
      if (remove(neverRead, seconds() - freshFor) === 0) remove(longestUnused);
  if (removal.removedEntries > 0)
    db.exec(`DELETE FROM evicted WHERE id <= (SELECT MAX(id) FROM evicted) - ${mostEvicted}`);
  return removal;
}
