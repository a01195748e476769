/** Modules that are units: what a program's last build had too is not even parsed. */

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { type BuildOptions, build, type Input, openStore } from "../lib";
import { Workspace } from "./helpers";
import { entriesOf, keyOf, memoryKind } from "./store-files";

const work = new Workspace();
let caches = 0;
const newCache = () => work.path(`cache-${caches++}`);

const inputOf = (index: number, value: number): Input => ({
  name: `module-${index}.ll`,
  bytes: Buffer.from(`
target triple = "x86_64-unknown-linux-gnu"
@slot_${index} = global i64 ${value}
@text = private constant [3 x i8] c"${value}\\00"
declare i32 @puts(ptr)
define i32 @f_${index}() {
  %printed = call i32 @puts(ptr @text)
  ret i32 %printed
}`),
});
const inputs = (count: number, edited = -1) =>
  Array.from({ length: count }, (_, i) => inputOf(i, i === edited ? 99 : 10 + i));

/** The build's report and output, which must be that of a build without a cache. */
async function checked(cache: string, options: Pick<BuildOptions, "inputs">) {
  const common = { ...options, emit: "image" } as const;
  const output = work.path("image.so");
  const report = await build({ ...common, output, cache });
  const made = readFileSync(output);
  await build({ ...common, output: work.path("fresh.so"), cache: "off" });
  expect(made.equals(readFileSync(work.path("fresh.so")))).toBe(true);
  return report;
}

const memoriesIn = (cache: string) =>
  entriesOf(cache).filter((file) => memoryKind(file) === "modules");

test("modules are remembered: edited, in another order, more of them and twice", async () => {
  const cache = newCache();
  await checked(cache, { inputs: inputs(70) });
  expect(memoriesIn(cache).length).toBe(1);
  const edit = await checked(cache, { inputs: inputs(70, 4) });
  expect(edit.cache).toMatchObject({ lookups: 70, hits: 69, bad: 0 });
  const reversed = await checked(cache, { inputs: inputs(70, 4).reverse() });
  expect(reversed.cache).toMatchObject({ lookups: 70, hits: 70, bad: 0 });
  const more = await checked(cache, { inputs: inputs(72, 4) });
  expect(more.cache).toMatchObject({ lookups: 72, hits: 70, bad: 0 });
  expect(memoriesIn(cache).length).toBe(1);
});

test("code that the store has lost is made again", async () => {
  const cache = newCache();
  await checked(cache, { inputs: inputs(65) });
  for (const file of entriesOf(cache)) if (memoryKind(file) !== "modules") rmSync(file);
  const report = await checked(cache, { inputs: inputs(65) });
  expect(report.cache).toMatchObject({ lookups: 65, hits: 0, bad: 0 });
});

test("a memory of other modules, or a damaged one, is not believed", async () => {
  const cache = newCache();
  await checked(cache, { inputs: inputs(65) });
  const [file] = memoriesIn(cache);
  const store = openStore(cache);
  const [lookup] = await store.getMany([keyOf(file!)], "all");
  await store.close?.();
  const spoil = async (change: (parts: Record<string, Uint8Array>) => void) => {
    const parts = { ...lookup!.parts };
    change(parts);
    for (const entry of entriesOf(cache)) rmSync(entry);
    const store = openStore(cache);
    await store.putMany([{ key: keyOf(file!), parts }]);
    await store.close?.();
    return checked(cache, { inputs: inputs(65) });
  };
  await spoil((parts) => delete parts.symbols);
  await spoil((parts) => {
    parts.sizes = parts.sizes!.subarray(4);
  });
  // It says that one module is another: that is found out when the code is needed.
  const swapped = await spoil((parts) => {
    const head = JSON.parse(Buffer.from(parts.head!).toString());
    head.digests = head.digests.slice(64) + head.digests.slice(0, 64);
    parts.head = Buffer.from(JSON.stringify(head));
  });
  expect(swapped.cache.bad).toBeGreaterThan(0);
  writeFileSync(file!, readFileSync(file!).subarray(0, -20));
  await checked(cache, { inputs: inputs(65) });
});
