/** Random tests repeat: they print their seed, and FINEGRAIN_SEED sets it. */

import { randomInt } from "node:crypto";

export class Random {
  readonly seed = Number(process.env.FINEGRAIN_SEED ?? randomInt(2 ** 31));
  #state = this.seed;

  constructor(what: string) {
    process.stderr.write(`${what}: FINEGRAIN_SEED=${this.seed}\n`);
  }

  /** A whole number below `limit` (mulberry32). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) % limit;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let last = result.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [result[last], result[other]] = [result[other]!, result[last]!];
    }
    return result;
  }
}
