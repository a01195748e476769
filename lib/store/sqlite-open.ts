/** Opens a SQLite store's database. Where there is none yet, others may be making it as well. */

import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { type Database, isBusy, type Open } from "./sqlite-driver";
import { prepareTables } from "./sqlite-schema";

/** Builds ask in about the order in which entries were put: a page is seldom wanted again. */
const cacheKiB = 2048;
/** Milliseconds. */
const pauseBetweenTries = 5;

export function openDatabase(Database: Open, file: string, busyMs: number): Database {
  makeFolder(path.dirname(file));
  const db = new Database(file);
  try {
    db.exec(`PRAGMA busy_timeout = ${busyMs}; PRAGMA synchronous = NORMAL`);
    db.exec(`PRAGMA cache_size = ${-cacheKiB}`);
    whenFree(busyMs, () => prepareTables(db));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Node's own way of making folders never ends where the last one that is there takes none. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!existsSync(folder)) throw error; // else another process was faster
  }
}

/** SQLite does not wait where two processes turn on the write-ahead log. */
function whenFree<T>(busyMs: number, work: () => T): T {
  const end = Date.now() + busyMs;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || Date.now() > end) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseBetweenTries);
  }
}
