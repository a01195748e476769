/** Builds after an edit take the objects that have not changed from one entry. */

import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { build } from "../lib";
import { digest, run, Workspace } from "./helpers";
import { entriesOf, type MemoryKind, memoryKind } from "./store-files";

const work = new Workspace();
const count = 100;

/** `factors` are of the first functions. */
function sourceOf(factors: readonly number[]): string {
  const numbers = Array.from({ length: count }, (_, i) => i);
  const functions = numbers.map((i) => {
    const body = `for (int i = 0; i < n; i++) sum += i % (x + ${factors[i] ?? 1}) + ${i};`;
    return `__attribute__((noinline)) int f${i}(int x, int n) { int sum = 0; ${body} return sum; }`;
  });
  const calls = numbers.map((i) => `f${i}(${i}, n)`).join(" + ");
  return `${functions.join("\n")} int main(int n, char **a) { return (${calls}) & 127; }`;
}

const output = work.path("program");
const common = { output, emit: "executable", units: "function" } as const;

/** Builds with the store and without, compares, and tells what the store was asked. */
async function costOf(cache: string, factors: readonly number[]) {
  const inputs = [work.bitcode("program.c", sourceOf(factors))];
  const report = await build({ ...common, inputs, cache });
  const built = digest(output);
  await build({ ...common, inputs, cache: "off" });
  expect(built).toBe(digest(output));
  expect(run(output).status).toBeGreaterThanOrEqual(0);
  const { misses, hits, bad } = report.cache;
  return { misses, hits, bad, lookups: report.cache.stores[0]!.lookups };
}

const filesOf = (cache: string, wanted: MemoryKind) =>
  entriesOf(cache).filter((file) => memoryKind(file) === wanted);

test("an edit asks for the code of what has changed", async () => {
  const cache = work.path("edit");
  const cold = await costOf(cache, []);
  expect(cold.misses).toBe(count + 1);
  for (const factors of [[5], [5, 6], [5, 7, 8], []]) {
    const { misses, hits, bad, lookups } = await costOf(cache, factors);
    expect([misses <= 2, misses + hits, bad]).toEqual([true, count + 1, 0]);
    expect(lookups).toBeLessThan(20);
  }
});

test("objects are remembered anew when many have changed since", async () => {
  const cache = work.path("many");
  await costOf(cache, []);
  const [file] = filesOf(cache, "objects");
  const before = readFileSync(file!);
  const factors: number[] = [];
  for (let edits = 0; edits < 6; edits++) {
    expect(readFileSync(file!).equals(before)).toBe(true);
    factors.push(...Array.from({ length: 12 }, (_, i) => 2 + i + edits));
    await costOf(cache, factors);
  }
  expect(readFileSync(file!).equals(before)).toBe(false);
  expect((await costOf(cache, [...factors, 9])).lookups).toBeLessThan(20);
});

test("a store that has lost them has the code of each unit", async () => {
  const cache = work.path("lost");
  await costOf(cache, []);
  for (const file of filesOf(cache, "objects")) rmSync(file);
  expect(await costOf(cache, [5])).toMatchObject({ misses: 1, hits: count, bad: 0 });
  expect((await costOf(cache, [6])).lookups).toBeLessThan(20);
});

async function aDayLater(run: () => Promise<void>) {
  const later = Date.now() + 25 * 60 * 60 * 1000;
  const clock = jest.spyOn(Date, "now").mockImplementation(() => later);
  try {
    await run();
  } finally {
    clock.mockRestore();
  }
}

test("once a day, what the code was made from counts as used", async () => {
  const cache = work.path("day");
  await costOf(cache, []);
  expect((await costOf(cache, [5])).lookups).toBeLessThan(20);
  await aDayLater(async () => {
    expect((await costOf(cache, [6])).lookups).toBeGreaterThan(2 * count);
    expect((await costOf(cache, [7])).lookups).toBeLessThan(20);
  });
});

test("likewise where nothing has changed", async () => {
  const cache = work.path("same");
  await costOf(cache, [5]);
  expect((await costOf(cache, [5])).lookups).toBe(1);
  await aDayLater(async () => {
    expect((await costOf(cache, [5])).lookups).toBeGreaterThan(2 * count);
    expect((await costOf(cache, [5])).lookups).toBe(1);
  });
});

test("those that another build has written since are of no use", async () => {
  const cache = work.path("other");
  await costOf(cache, []);
  const [walk] = filesOf(cache, "walk");
  copyFileSync(walk!, work.path("walk"));
  await costOf(
    cache,
    Array.from({ length: count }, () => 3),
  );
  copyFileSync(work.path("walk"), walk!);
  expect(await costOf(cache, [5])).toMatchObject({ misses: 1, hits: count, bad: 0 });
});
