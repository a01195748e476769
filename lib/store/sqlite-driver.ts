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

type Open = new (file: string) => Database;

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

const damageCodes = ["SQLITE_CORRUPT", "SQLITE_NOTADB"];
const damageNumbers = [11, 26]; // the same two, as Node gives them

export function isDamage(error: unknown): boolean {
  const { code, errcode } = Object(error);
  return (
    damageNumbers.includes(errcode & 0xff) ||
    damageCodes.some((name) => String(code).startsWith(name))
  );
}
