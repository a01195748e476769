/**
 * A store in one SQLite file, with a write-ahead log, so that readers never wait.
 * Its calls are synchronous: a batch is one transaction, which takes less than
 * handing it to a thread would. A file that SQLite finds damaged is deleted; what
 * it finds no fault with is checked by the envelope.
 */

import { accessSync, constants, rmSync } from "node:fs";
import path from "node:path";
import { types } from "node:util";
import { addCounts, noTotals } from "./counts";
import { LimitWatch } from "./limit-watch";
import { type Database, isDamage, isReadOnly, loadSqlite, type Statement } from "./sqlite-driver";
import { openDatabase } from "./sqlite-open";
import { evict, type SqlitePolicy, seconds, sizeOf } from "./sqlite-schema";
import { Steps } from "./steps";
import type {
  Entry,
  Lookup,
  MaintenanceOptions,
  PartNames,
  PutResult,
  Removal,
  Store,
  StoreCounts,
  StoreStats,
  StoreTotals,
  Verification,
} from "./store";
import { decode, encode, type Value } from "./values";

const day = 24 * 60 * 60;
const batchSize = 512;
const mostNoted = 100_000;

export class SqliteStore implements Store {
  readonly url: string;
  readonly #file: string;
  readonly #policy: SqlitePolicy;
  readonly #busyMs: number;
  readonly #Database = loadSqlite();
  readonly #watch: LimitWatch;
  #db: Database | undefined;
  /** To be noted at the end of the build: writing would hold up its reads. */
  #used: Uint8Array[] = [];
  #missed: Uint8Array[] = [];

  constructor(file: string, policy: SqlitePolicy, busyMs: number) {
    this.#file = path.resolve(file);
    this.#policy = policy;
    this.#busyMs = busyMs;
    this.url = `sqlite://${this.#file}`;
    this.#watch = new LimitWatch(this.url, policy.cache_size_bytes);
  }

  prepare(): void {
    this.#open();
  }

  async getMany(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    const batches: Promise<Lookup[]>[] = [];
    // While one batch is checked on other threads, the next is read.
    this.#transaction("DEFERRED", (db) => {
      const get = db.prepare(
        `SELECT value, is_read AND abs(${seconds()} - touched) <= ${day} AS is_noted
         FROM entries WHERE key = ?`,
      );
      for (let start = 0; start < keys.length; start += batchSize) {
        const some = keys.slice(start, start + batchSize);
        batches.push(decode(this.#read(get, some), some, parts));
      }
    });
    return (await Promise.all(batches)).flat();
  }

  async putMany(entries: readonly Entry[]): Promise<PutResult> {
    const values = await encode(entries);
    const addedBytes = values.reduce((sum, { length }) => sum + length, 0);
    const { removedEntries } = this.#transaction("IMMEDIATE", (db) => {
      const put = db.prepare("REPLACE INTO entries(key, value, touched) VALUES (?, ?, ?)");
      entries.forEach(({ key }, i) => {
        put.run(key, values[i], seconds());
      });
      const removal = evict(db, this.#policy);
      addTotals(db, { evicted: removal.removedEntries });
      return removal;
    });
    if (removedEntries > 0) this.#use((db) => db.exec("PRAGMA incremental_vacuum(4096)"));
    this.#watch.use(addedBytes);
    return { addedBytes, errors: [], ...this.#watch.warnings() };
  }

  async record(counts: StoreCounts): Promise<void> {
    const [used, missed] = [this.#used, this.#missed];
    this.#used = [];
    this.#missed = [];
    this.#watch.endBuild();
    this.#transaction("IMMEDIATE", (db) => {
      const note = db.prepare("UPDATE entries SET is_read = 1, touched = ? WHERE key = ?");
      for (const key of used) note.run(seconds(), key);
      const isEvicted = db.prepare("DELETE FROM evicted WHERE key = ? RETURNING 1");
      const wantedAgain = missed.filter((key) => isEvicted.get(key)).length;
      addTotals(db, { ...counts, builds: 1, wantedAgain });
    });
  }

  async close(): Promise<void> {
    this.#db?.close();
    this.#db = undefined;
  }

  async stats(): Promise<StoreStats> {
    return this.#use((db) => ({
      entries: countOf(db),
      bytes: sizeOf(db),
      limitBytes: this.#policy.cache_size_bytes,
      totals: readTotals(db),
    }));
  }

  async prune({ dryRun = false }: MaintenanceOptions = {}): Promise<Removal> {
    return this.#tryOut(dryRun, (db) => {
      const sum = { removedEntries: 0, removedBytes: 0 };
      for (;;) {
        const removal = evict(db, this.#policy);
        if (removal.removedEntries === 0) return sum;
        addCounts(sum, removal);
        addTotals(db, { evicted: removal.removedEntries });
      }
    });
  }

  async verify({ dryRun = false }: MaintenanceOptions = {}): Promise<Verification> {
    const steps = new Steps();
    await steps.run("integrity", async () =>
      this.#use((db) => {
        const [answer] = Object.values(db.prepare("PRAGMA quick_check(1)").get()!);
        if (answer !== "ok") throw Object.assign(new Error(String(answer)), { errcode: 11 });
      }),
    );
    const entries = this.#use(countOf);
    const bad = await steps.run("check", () => this.#findBad());
    const removal = await steps.run("remove", async () =>
      this.#tryOut(dryRun, (db) => removeRows(db, bad)),
    );
    return { entries, bad: bad.length, ...removal, steps: steps.times };
  }

  async clear({ dryRun = false }: MaintenanceOptions = {}): Promise<Removal> {
    return this.#tryOut(dryRun, (db) => {
      const { size } = db.prepare("SELECT SUM(length(value)) AS size FROM entries").get()!;
      const removal = { removedEntries: countOf(db), removedBytes: Number(size) };
      db.exec("DELETE FROM entries; DELETE FROM evicted");
      return removal;
    });
  }

  #read(get: Statement, keys: readonly Uint8Array[]): Value[] {
    return keys.map((key) => {
      const row = get.get(key);
      if (!row) this.#note(this.#missed, key);
      else if (!row.is_noted) this.#note(this.#used, key);
      return row ? bytesIn(row.value) : null;
    });
  }

  /** Whoever never ends a build must not keep them all. */
  #note(list: Uint8Array[], key: Uint8Array): void {
    if (list.length < mostNoted) list.push(key);
  }

  async #findBad(): Promise<number[]> {
    const bad: number[] = [];
    for (let last = 0; ; ) {
      const rows = this.#use((db) =>
        db
          .prepare("SELECT id, key, value FROM entries WHERE id > ? ORDER BY id LIMIT ?")
          .all(last, batchSize),
      );
      if (rows.length === 0) return bad;
      const values = rows.map(({ value }) => bytesIn(value));
      const keys = rows.map(({ key }) => bytesIn(key));
      const lookups = await decode(values, keys, "all");
      rows.forEach(({ id }, i) => {
        if (lookups[i]!.status === "bad") bad.push(Number(id));
      });
      last = Number(rows.at(-1)!.id);
    }
  }

  #transaction<T>(kind: "DEFERRED" | "IMMEDIATE", work: (db: Database) => T, end = "COMMIT"): T {
    return this.#use((db) => {
      db.exec(`BEGIN ${kind}`);
      try {
        const result = work(db);
        db.exec(end);
        return result;
      } catch (error) {
        rollBack(db);
        throw error;
      }
    });
  }

  /** A dry run does everything, and then takes it back. */
  #tryOut<T>(dryRun: boolean, work: (db: Database) => T): T {
    return this.#transaction("IMMEDIATE", work, dryRun ? "ROLLBACK" : "COMMIT");
  }

  #use<T>(work: (db: Database) => T): T {
    try {
      return work(this.#open());
    } catch (error) {
      if (!isDamage(error) && !(isReadOnly(error) && this.#mayWrite())) throw error;
      this.#remove();
      const words = (error as Error).message;
      throw new Error(`the database was damaged and has been deleted (${words})`, { cause: error });
    }
  }

  #mayWrite(): boolean {
    try {
      for (const place of [this.#file, path.dirname(this.#file)]) accessSync(place, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  }

  #open(): Database {
    this.#db ??= openDatabase(this.#Database, this.#file, this.#busyMs);
    return this.#db;
  }

  /** Processes that have it open go on with the deleted file. */
  #remove(): void {
    this.#db?.close();
    this.#db = undefined;
    for (const ending of ["", "-wal", "-shm"]) rmSync(this.#file + ending, { force: true });
  }
}

/** Damage can turn it into anything; no bytes are no entry. */
function bytesIn(value: unknown): Uint8Array {
  return types.isUint8Array(value) ? value : new Uint8Array();
}

function countOf(db: Database): number {
  return Number(db.prepare("SELECT COUNT(*) AS count FROM entries").get()!.count);
}

function removeRows(db: Database, ids: readonly number[]): Removal {
  const remove = db.prepare("DELETE FROM entries WHERE id = ? RETURNING length(value) AS size");
  const sizes = ids.map((id) => Number(remove.get(id)?.size ?? 0));
  return { removedEntries: ids.length, removedBytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function addTotals(db: Database, more: object): void {
  const add = db.prepare(
    "INSERT INTO totals VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
  );
  for (const [name, value] of Object.entries(more)) if (value > 0) add.run(name, value);
}

function readTotals(db: Database): StoreTotals {
  const rows = db.prepare("SELECT name, value FROM totals").all();
  const read = Object.fromEntries(rows.map(({ name, value }) => [name, Number(value)]));
  return addCounts(noTotals(), read);
}

/** After some errors SQLite has done it already. */
function rollBack(db: Database): void {
  try {
    db.exec("ROLLBACK");
  } catch {}
}
