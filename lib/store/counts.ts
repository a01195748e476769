/** Sums of counts. */

import type { StoreCounts, StoreTotals } from "./store";

export const noCounts = (): StoreCounts => ({
  lookups: 0,
  hits: 0,
  misses: 0,
  bad: 0,
  errors: 0,
  readBytes: 0,
  addedBytes: 0,
});

export const noTotals = (): StoreTotals => ({
  builds: 0,
  hits: 0,
  misses: 0,
  bad: 0,
  errors: 0,
  readBytes: 0,
  addedBytes: 0,
  evicted: 0,
  wantedAgain: 0,
});

/** Adds the numbers of `more` to those of the same name; others are left out. */
export function addCounts<T extends object>(sum: T, more: Partial<Record<keyof T, unknown>>): T {
  const numbers = sum as Record<string, number>;
  for (const name of Object.keys(sum)) {
    const value = more[name as keyof T];
    if (Number.isFinite(value)) numbers[name]! += value as number;
  }
  return sum;
}
