/** Whatever is wrong with the file store: the output is right, the fault is counted, the entry replaced. */

import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { type BuildOptions, build, openStore } from "../lib";
import { digest, unitsOnly, Workspace } from "./helpers";
import { Random } from "./random";
import { entriesOf, keyOf } from "./store-files";

const work = new Workspace();
const count = 20;

const inputs = Array.from({ length: count }, (_, i) =>
  work.write(`f${i}.ll`, `define i32 @f${i}(i32 %x) {\n  %y = mul i32 %x, ${i}\n  ret i32 %y\n}\n`),
);

let stores = 0;
const newStore = () => work.path(`store${stores++}`);

async function outcomeOf(cache: string, change: Partial<BuildOptions> = {}) {
  const output = work.path("out.so");
  const report = await build({ inputs, output, cache, ...unitsOnly, ...change });
  const { hits, misses, bad, errors } = report.cache;
  return { hits, misses, bad, errors, output: digest(output), warnings: report.warnings };
}

let right: string;
beforeAll(async () => {
  right = (await outcomeOf("off")).output;
});

/** What a build says that found `bad` entries and replaced them. */
const replaced = (bad: number) => ({
  hits: count - bad,
  misses: bad,
  bad,
  errors: 0,
  output: right,
  warnings: [],
});

async function filledStore(): Promise<string> {
  const cache = newStore();
  expect(await outcomeOf(cache)).toEqual({ ...replaced(0), hits: 0, misses: count });
  return cache;
}

function damage(file: string, random: Random): void {
  const content = readFileSync(file);
  const at = random.below(content.length);
  const kinds: (() => Uint8Array)[] = [
    () => content.fill(content[at]! ^ (1 << random.below(8)), at, at + 1),
    () => content.fill(content[at]! ^ (1 << random.below(8)), at, at + 1),
    () => content.subarray(0, at),
    () => Buffer.concat([content, random.bytes(1 + random.below(100))]),
    () => Buffer.concat([content.subarray(0, at), content.subarray(at + 1)]),
    () => random.bytes(content.length),
  ];
  writeFileSync(file, kinds[random.below(kinds.length)]!());
}

test("1,000 damaged entries are found, counted and replaced", async () => {
  const random = new Random("store damage");
  const cache = await filledStore();
  let bad = 0;
  for (let round = 0; round < 1000 / count; round++) {
    const files = entriesOf(cache);
    for (const file of files) damage(file, random);
    const lookups = await openStore(cache).getMany(files.map(keyOf), ["object", "fields"]);
    expect(lookups.map(({ status }) => status)).toEqual(files.map(() => "bad"));

    // A build reads the part "object" only, so it may not see what befell "fields".
    const outcome = await outcomeOf(cache);
    expect(outcome).toEqual(replaced(outcome.bad));
    expect(await outcomeOf(cache)).toEqual(replaced(0));
    bad += outcome.bad;
  }
  expect(bad).toBeGreaterThan(600);
});

function inPlace(make: (file: string) => void) {
  return (file: string) => {
    rmSync(file);
    make(file);
  };
}

const oneEntry: [string, (file: string, cache: string) => void][] = [
  ["of another key", (file, cache) => copyFileSync(entriesOf(cache).at(-1)!, file)],
  ["that is empty", (file) => writeFileSync(file, "")],
  ["of text", (file) => writeFileSync(file, "FGE2 is how an entry starts, but not how it goes on")],
  ["that is twice in its file", (file) => appendFileSync(file, readFileSync(file))],
  ["that is a folder", inPlace((file) => mkdirSync(file))],
  ["that is a named pipe", inPlace((file) => execFileSync("mkfifo", [file]))],
  ["that is a device", inPlace((file) => symlinkSync("/dev/zero", file))],
];

test.each(oneEntry)("an entry %s is bad and is replaced", async (_, change) => {
  const cache = await filledStore();
  change(entriesOf(cache)[0]!, cache);
  expect(await outcomeOf(cache)).toEqual(replaced(1));
  expect(await outcomeOf(cache)).toEqual(replaced(0));
});

test("an entry without code is bad and is replaced", async () => {
  const cache = await filledStore();
  const store = openStore(cache);
  const keys = entriesOf(cache).slice(0, 2).map(keyOf);
  await store.putMany([
    { key: keys[0]!, parts: {} },
    { key: keys[1]!, parts: { object: new Uint8Array(), fields: Buffer.from("{}") } },
  ]);
  expect(await outcomeOf(cache)).toEqual(replaced(2));
  expect(await outcomeOf(cache)).toEqual(replaced(0));
});

test("a folder with something in it is left alone, and costs one unit each time", async () => {
  const cache = await filledStore();
  const file = entriesOf(cache)[0]!;
  rmSync(file);
  mkdirSync(path.join(file, "within"), { recursive: true });
  for (let times = 0; times < 2; times++)
    expect(await outcomeOf(cache)).toEqual({
      ...replaced(1),
      errors: 1,
      warnings: [expect.stringMatching(/^cache: cannot rename to '.*': /)],
    });
});

test("verify finds wrong code in a sound entry, replaces it and says so", async () => {
  const cache = await filledStore();
  const store = openStore(cache);
  const [mine, other] = entriesOf(cache).map(keyOf);
  const [entry, wrong] = await store.getMany([mine!, other!], ["object", "fields"]);
  await store.putMany([{ key: mine!, parts: { ...entry!.parts, object: wrong!.parts!.object! } }]);

  expect(await outcomeOf(cache, { verify: true })).toEqual({
    ...replaced(1),
    hits: count,
    misses: 0,
    warnings: [expect.stringMatching(/f\d+\.ll: its cached code was wrong and has been replaced/)],
  });
  expect(await outcomeOf(cache)).toEqual(replaced(0));
  expect(await outcomeOf(cache, { verify: true })).toEqual(replaced(0));
});

describe("a store that cannot be used costs time only", () => {
  const file = work.write("a file", "");
  test.each([
    ["below a file", path.join(file, "store")],
    ["that is a file", file],
    ["where no folder can be made", "/proc/finegrain-store"],
    ["whose name is too long", work.path("x".repeat(300))],
  ])("%s", async (_, cache) => {
    const outcome = await outcomeOf(cache);
    expect(outcome).toMatchObject({ hits: 0, misses: count, bad: 0, output: right });
    // No entry could be written; looking for it may have been a fault too.
    expect(outcome.errors).toBeGreaterThanOrEqual(count);
    expect(outcome.warnings).toEqual([expect.stringMatching(/^cache: cannot (read|create) '/)]);
  });
});

test("a store that is removed again and again during the build", async () => {
  const cache = newStore();
  const onProgress = () => {
    try {
      rmSync(cache, { recursive: true, force: true });
    } catch {} // an entry may have been written meanwhile
  };
  const outcome = await outcomeOf(cache, { onProgress });
  expect(outcome).toMatchObject({ hits: 0, misses: count, bad: 0, output: right });
  expect(await outcomeOf(cache)).toMatchObject({ bad: 0, errors: 0, output: right });
  expect(await outcomeOf(cache)).toEqual(replaced(0));
});

test("temporary files that a killed build has left are no entries", async () => {
  const cache = await filledStore();
  const [file] = entriesOf(cache);
  copyFileSync(file!, `${file}.12345678.tmp`);
  writeFileSync(`${file}.abcdef01.tmp`, "half an entry");
  expect(await outcomeOf(cache)).toEqual(replaced(0));
  rmSync(file!);
  expect(await outcomeOf(cache)).toEqual({ ...replaced(1), bad: 0 });
});

test("sound entries that hold no object are found out and replaced", async () => {
  const cache = await filledStore();
  const store = openStore(cache);
  const keys = entriesOf(cache).slice(0, 3).map(keyOf);
  const parts = { object: Buffer.from("no object at all"), fields: Buffer.from("{}") };
  await store.putMany(keys.map((key) => ({ key, parts })));
  const { output, bad } = await outcomeOf(cache);
  expect(output).toBe(right);
  expect(bad).toBeGreaterThan(0);
  expect(await outcomeOf(cache)).toEqual(replaced(0));
});

test("an older version's entry under the same key is bad and is replaced", async () => {
  const cache = await filledStore();
  const [file] = entriesOf(cache);
  const content = readFileSync(file!);
  writeFileSync(file!, Buffer.concat([Buffer.from("FGE1"), content.subarray(4)]));
  expect(await outcomeOf(cache)).toEqual(replaced(1));
  expect(await outcomeOf(cache)).toEqual(replaced(0));
});

describe("a SQLite store", () => {
  const newDatabase = () => path.join(newStore(), "cache.db");
  const urlOf = (file: string) => `sqlite:${file}`;

  test("1,000 flipped bits and cuts of the file never serve a wrong byte", async () => {
    const random = new Random("SQLite damage");
    const file = newDatabase();
    let faults = 0;
    for (let round = 0; round < 1000 / count; round++) {
      await outcomeOf(urlOf(file));
      const content = readFileSync(file);
      for (let i = 0; i < count; i++) {
        const at = random.below(content.length);
        content[at]! ^= 1 << random.below(8);
      }
      const isCut = random.below(4) === 0;
      writeFileSync(file, isCut ? content.subarray(0, random.below(content.length)) : content);
      const damaged = await outcomeOf(urlOf(file));
      expect(damaged.output).toBe(right);
      faults += damaged.bad + damaged.errors;
      await outcomeOf(urlOf(file));
      const { output, errors, warnings } = await outcomeOf(urlOf(file));
      expect({ output, errors, warnings }).toEqual({ output: right, errors: 0, warnings: [] });
    }
    expect(faults).toBeGreaterThan(20);
  });

  test("a file that is no database is replaced, and the fault told once", async () => {
    const file = newDatabase();
    mkdirSync(path.dirname(file));
    writeFileSync(file, Buffer.alloc(10_000, "no database. "));
    expect(await outcomeOf(urlOf(file))).toMatchObject({
      hits: 0,
      errors: 1,
      output: right,
      warnings: [expect.stringMatching(/^cache: sqlite:.* damaged and has been deleted/)],
    });
    await outcomeOf(urlOf(file));
    expect(await outcomeOf(urlOf(file))).toEqual(replaced(0));
  });

  test.each([
    ["below a file", () => path.join(work.write("no folder", ""), "cache.db")],
    ["where no folder can be made", () => "/proc/finegrain/cache.db"],
    ["that is a folder", () => work.folder],
  ])("%s costs time only", async (_, place) => {
    const outcome = await outcomeOf(urlOf(place()));
    expect(outcome).toMatchObject({ hits: 0, misses: count, bad: 0, errors: 1, output: right });
    expect(outcome.warnings).toEqual([expect.stringMatching(/^cache: sqlite:.*left alone/)]);
  });

  test("that is removed during the build", async () => {
    const file = newDatabase();
    const remove = () => rmSync(path.dirname(file), { recursive: true, force: true });
    const outcome = await outcomeOf(urlOf(file), { onProgress: remove });
    expect(outcome).toMatchObject({ hits: 0, misses: count, bad: 0, output: right });
    await outcomeOf(urlOf(file));
    expect(await outcomeOf(urlOf(file))).toEqual(replaced(0));
  });
});
