/** SQLite from Node itself where it has it, else from the package better-sqlite3. */

import { FinegrainError } from "../errors";

/** What the two have in common. */
export interface Database {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): void;
}

export interface Statement {
  get(...values: unknown[]): Record<string, unknown> | undefined;
  all(...values: unknown[]): Record<string, unknown>[];
  run(...values: unknown[]): unknown;
}

export type Open = new (file: string) => Database;

export function loadSqlite(): Open {
  return nodeSqlite() ?? betterSqlite();
}

function nodeSqlite(): Open | undefined {
  return quietly(() => {
    try {
      return require("node:sqlite").DatabaseSync;
    } catch {
      return undefined;
    }
  });
}

/** Node says on stderr that its SQLite is experimental; finegrain says nothing unasked. */
function quietly<T>(work: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function betterSqlite(): Open {
  try {
    return require("better-sqlite3");
  } catch (cause) {
    throw new FinegrainError(
      "MISSING_PACKAGE",
      `a cache at sqlite: needs Node 22.13 or newer, or the package better-sqlite3 ` +
        `(npm install better-sqlite3): ${(cause as Error).message.split("\n")[0]}`,
      { cause },
    );
  }
}

// What may befall a sound database, as SQLite's result codes have it.
const codes = { PERM: 3, BUSY: 5, LOCKED: 6, NOMEM: 7, READONLY: 8, INTERRUPT: 9, IOERR: 10 };
const moreCodes = { FULL: 13, CANTOPEN: 14, PROTOCOL: 15 };
const circumstances = Object.entries({ ...codes, ...moreCodes });

function hasCode(error: unknown, name: string, number: number): boolean {
  const { code, errcode } = Object(error); // better-sqlite3 has names, Node has numbers
  return (errcode & 0xff) === number || String(code).startsWith(`SQLITE_${name}`);
}

/**
 * Whether the database itself is at fault. The statements are always the same, so a
 * table that SQLite does not find, or a value that does not fit, is damage as well.
 */
export function isDamage(error: unknown): boolean {
  const { code, errcode } = Object(error);
  const isSqlite = typeof errcode === "number" || /^SQLITE_/.test(String(code));
  return isSqlite && !circumstances.some(([name, number]) => hasCode(error, name, number));
}

/** The database claims to be read-only, which a flipped bit can make it do. */
export function isReadOnly(error: unknown): boolean {
  return hasCode(error, "READONLY", codes.READONLY);
}

/** Another process is at it. */
export function isBusy(error: unknown): boolean {
  return hasCode(error, "BUSY", codes.BUSY);
}
