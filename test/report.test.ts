import { type BuildReport, build, type ProgressEvent } from "../lib";
import { Workspace } from "./helpers";

const work = new Workspace();

async function observed(threads: number, inputs: string[], cache: string) {
  const events: ProgressEvent[] = [];
  const onProgress = (event: ProgressEvent) => events.push(event);
  const output = work.path("out.so");
  const report = await build({ inputs, output, cache, threads, onProgress });
  return { report, events };
}

const expected = (phase: string, total: number) =>
  Array.from({ length: total }, (_, i) => ({ phase, done: i + 1, total }));

test.each([1, 3])(
  "progress counts up to the total in every phase, with %d threads",
  async (threads) => {
    const cache = work.path(`cache-${threads}`);
    const inputs = [1, 2, 3].map((n) =>
      work.bitcode(`p${n}.c`, `int p${n}(void) { return ${n}; }`),
    );
    const cold = await observed(threads, inputs, cache);
    expect(cold.events).toEqual([
      ...expected("read", 3),
      ...expected("split", 3),
      ...expected("emit", 3),
    ]);
    const warm = await observed(threads, inputs, cache);
    expect(warm.events).toEqual(expected("read", 3)); // the output is remembered
    const half = await observed(threads, inputs.slice(0, 2), cache);
    expect(half.events).toEqual([...expected("read", 2), ...expected("split", 2)]);
  },
);

test("the report counts units, and the phases add up to no more than the total", async () => {
  const same = "int f(int x) { return x; }";
  const inputs = [work.bitcode("f.c", same), work.bitcode("g.c", same.replace("f", "g"))];
  const { report } = await observed(2, inputs, work.path("cache-report"));
  expect(report).toMatchObject({
    output: work.path("out.so"),
    threads: 2,
    units: 2,
    cache: { lookups: 2, hits: 0, misses: 2, bad: 0, errors: 0 },
    warnings: [],
  } satisfies Partial<Record<keyof BuildReport, unknown>>);
  const { total, ...phases } = report.phases;
  const sum = Object.values(phases).reduce((a, b) => a + b, 0);
  expect(sum).toBeLessThanOrEqual(total + 0.1); // each is rounded to a hundredth
  expect(report.phases.emit).toBeGreaterThan(0);
});
