/**
 * What a file store knows of itself without listing its folders: its size, its
 * totals, and which entries pruning has removed.
 *
 * Many processes add to it at once, so it is a log: each adds a line, which one
 * write puts at its end, and readers sum up. Nobody waits for a lock. Now and then
 * the log is summed up into one line; what others add just then may be lost, which
 * costs some counts. Each full pass over the folders puts the size right: it adds the
 * difference to what the log told when it began. A line that sets the size would undo
 * what others have told since, and eight busy writers had it at a third of the truth.
 */

import { appendFile, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { addCounts, noTotals } from "./counts";
import type { StoreTotals } from "./store";

/** The size of a store. */
export interface Usage {
  /** Entries. */
  files: number;
  bytes: number;
}

/** The size is about right. */
interface Summary extends StoreTotals, Usage {
  /** When the last full pass over the folders ended, in milliseconds since 1970. */
  passedAt: number;
}

/** Added to the sum; only `passedAt` is set. */
export type TotalsLine = Partial<Summary>;

const longestLog = 64 * 1024;
/** Of a removed key the log keeps so many bytes, and so many keys. */
const keptDigits = 16;
const mostEvicted = 50_000;

export class FileTotals {
  readonly #log: string;
  readonly #evicted: string;

  constructor(root: string) {
    this.#log = path.join(root, "totals");
    this.#evicted = path.join(root, "evicted");
  }

  /** A log that is damaged or missing has all lines but those. */
  async read(): Promise<Summary> {
    const text = await readFile(this.#log, "utf8").catch(() => "");
    const sum = text.split("\n").reduce(addLine, noSummary());
    if (text.length > longestLog) await this.#replace(sum);
    return sum;
  }

  /** Not a fault if it fails: a store that cannot be written to may be read all the same. */
  async add(line: TotalsLine): Promise<void> {
    await appendFile(this.#log, `${JSON.stringify(line)}\n`).catch(() => {});
  }

  /** After a full pass: `told` is what the log told when it began, `found` what there was. */
  addPass(told: Usage, found: Usage): Promise<void> {
    const files = found.files - told.files;
    const bytes = found.bytes - told.bytes;
    return this.add({ passedAt: Date.now(), files, bytes });
  }

  async addEvicted(keys: readonly string[]): Promise<void> {
    const known = await this.#readEvicted();
    const more = keys.map((key) => key.slice(0, keptDigits));
    if (known.length + more.length <= mostEvicted) {
      const lines = more.map((key) => `${key}\n`).join("");
      return appendFile(this.#evicted, lines).catch(() => {});
    }
    const kept = [...known, ...more].slice(-mostEvicted / 2);
    await writeFile(this.#evicted, `${kept.join("\n")}\n`).catch(() => {});
  }

  /** How many of these keys, in hex, pruning has removed. */
  async countEvicted(keys: readonly string[]): Promise<number> {
    if (keys.length === 0) return 0;
    const evicted = new Set(await this.#readEvicted());
    return keys.filter((key) => evicted.has(key.slice(0, keptDigits))).length;
  }

  async #readEvicted(): Promise<string[]> {
    const text = await readFile(this.#evicted, "utf8").catch(() => "");
    return text.split("\n").filter(Boolean);
  }

  async #replace(sum: Summary): Promise<void> {
    const temporary = `${this.#log}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, `${JSON.stringify(sum)}\n`);
      await rename(temporary, this.#log);
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }
}

const noSummary = (): Summary => ({ ...noTotals(), files: 0, bytes: 0, passedAt: 0 });

function addLine(sum: Summary, text: string): Summary {
  const line = parse(text);
  if (line.passedAt !== undefined) sum.passedAt = 0;
  return addCounts(sum, line);
}

function parse(text: string): TotalsLine {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
