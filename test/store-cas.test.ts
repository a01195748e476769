/** A store in LLVM's on-disk CAS: whatever befalls its files or its process costs time only. */

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs, {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build, type Entry, openStore } from "../lib";
import { digest, unitsOnly, Workspace } from "./helpers";
import { Random } from "./random";
import { withDisk } from "./small-disk";

const work = new Workspace();
const random = new Random("CAS");
const count = 20;
const inputs = Array.from({ length: count }, (_, i) =>
  work.write(`f${i}.ll`, `define i32 @f${i}(i32 %x) {\n  %y = mul i32 %x, ${i}\n  ret i32 %y\n}\n`),
);

let places = 0;
const newFolder = () => work.path(`store${places++}`);

async function outcomeOf(cache: string, onProgress = () => {}) {
  const output = work.path("out.so");
  const report = await build({ inputs, output, cache, onProgress, ...unitsOnly });
  const { hits, misses, bad, errors } = report.cache;
  return { hits, misses, bad, errors, output: digest(output), warnings: report.warnings };
}

let right: string;
beforeAll(async () => {
  right = (await outcomeOf("off")).output;
});

const found = (hits: number) => ({
  hits,
  misses: count - hits,
  bad: 0,
  errors: 0,
  output: right,
  warnings: [],
});

/** The processes that this one has begun. */
function children(): number[] {
  const text = execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(process.pid)]).toString();
  return text
    .split("\n")
    .filter((line) => line.includes("cas-child"))
    .map((line) => Number.parseInt(line, 10));
}

/** The store's files, once its processes have closed them. */
async function filesOf(folder: string): Promise<string[]> {
  while (children().length > 0) await sleep(10);
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => ["index", "values"].map((file) => path.join(folder, name, file)));
}

/** A file that was not closed has a large hole at its end. */
function damage(file: string): void {
  const content = Buffer.alloc(Math.min(statSync(file).size, 64 * 1024));
  const descriptor = openSync(file, "r+");
  readSync(descriptor, content, 0, content.length, 0);
  for (let i = 0; i < 20; i++) {
    const at = random.below(content.length);
    content[at]! ^= 1 << random.below(8);
  }
  writeSync(descriptor, content, 0, content.length, 0);
  if (random.below(4) === 0) ftruncateSync(descriptor, random.below(content.length));
  closeSync(descriptor);
}

test("1,000 flipped bits and cuts never serve a wrong byte, nor end the process that builds", async () => {
  const folder = newFolder();
  const cache = `cas:${folder}`;
  let faults = 0;
  for (let round = 0; round < 25; round++) {
    await outcomeOf(cache);
    (await filesOf(folder)).forEach(damage);
    const damaged = await outcomeOf(cache);
    expect(damaged.output).toBe(right);
    faults += damaged.bad + damaged.errors;
    // What is damaged is met when something there is read or written, and then goes.
    const after = [];
    for (let build = 0; build < 4; build++) after.push(await outcomeOf(cache));
    expect(after.map(({ output }) => output)).toEqual(after.map(() => right));
    expect(after.at(-1)).toMatchObject({ errors: 0, warnings: [] });
  }
  expect(faults).toBeGreaterThan(10);
});

test.each([
  ["of text", Buffer.alloc(100_000, "no database. ")],
  ["of zeros", Buffer.alloc(100_000)],
  ["that is empty", Buffer.alloc(0)],
])("an index %s costs the entries", async (_, content) => {
  const folder = newFolder();
  const cache = `cas:${folder}`;
  expect(await outcomeOf(cache)).toEqual(found(0));
  const [index] = await filesOf(folder);
  writeFileSync(index!, content);
  expect(await outcomeOf(cache)).toMatchObject({ hits: 0, output: right });
  await outcomeOf(cache);
  expect(await outcomeOf(cache)).toEqual(found(count));
});

test("files that are cut while a build has them open cost the entries", async () => {
  const folder = newFolder();
  const cache = `cas:${folder}`;
  await outcomeOf(cache);
  const store = openStore(cache);
  await store.stats!();
  for (const name of ["index", "values"]) truncateSync(path.join(folder, "1", name), 0);
  const [lookup] = await store.getMany([random.bytes(32)], "all");
  expect(lookup).toEqual({
    status: "error",
    error: expect.stringMatching(/damaged or .*deleted.*SIGBUS/),
  });
  await store.close!();
  expect(await outcomeOf(cache)).toEqual(found(0));
  expect(await outcomeOf(cache)).toEqual(found(count));
});

test("a disk that others fill costs hits only", () =>
  withDisk(work.path("disk"), "64m", async (disk) => {
    const cache = `cas:${disk}/store?cache_size_bytes=32m`;
    const store = openStore(cache);
    const entry = (): Entry => ({
      key: random.bytes(32),
      parts: { object: randomBytes(1_000_000) },
    });
    expect((await store.putMany([entry()])).errors).toEqual([]);
    try {
      writeFileSync(path.join(disk, "filler"), Buffer.alloc(64 * 1024 * 1024));
    } catch {} // as far as it goes
    const { errors } = await store.putMany(Array.from({ length: 10 }, entry));
    expect(errors).toEqual([expect.stringMatching(/^cas:.*left alone: /)]);
    await store.close!();
    expect(await outcomeOf(cache)).toMatchObject({ hits: 0, bad: 0, output: right });
    rmSync(path.join(disk, "filler"));
    await outcomeOf(cache);
    expect(await outcomeOf(cache)).toEqual(found(count));
  }));

test("a disk that is read-only costs hits only", () =>
  withDisk(work.path("read-only"), "16m", async (disk) => {
    const cache = `cas:${disk}/store?cache_size_bytes=8m`;
    expect(await outcomeOf(cache)).toEqual(found(0));
    await filesOf(`${disk}/store`);
    execFileSync("mount", ["-o", "remount,ro", disk]);
    expect(await outcomeOf(cache)).toEqual({
      ...found(0),
      errors: 1,
      warnings: [expect.stringMatching(/left alone: .*[Rr]ead-only/)],
    });
    execFileSync("mount", ["-o", "remount,rw", disk]);
    expect(await outcomeOf(cache)).toEqual(found(count));
  }));

describe("is refused", () => {
  const { statfsSync } = fs;
  afterEach(() => jest.restoreAllMocks());

  test.each([
    ["on a network file system", { type: 0x6969 }, "", /is on a network file system \(nfs\)/],
    [
      "where it could fill the disk",
      { bavail: 10, bsize: 4096 },
      "",
      /has 40960 bytes free.*5368709120/,
    ],
  ])("%s", async (_, change, settings, message) => {
    const folder = newFolder();
    jest
      .spyOn(fs, "statfsSync")
      .mockImplementation(((place: string) => ({ ...statfsSync(place), ...change })) as never);
    const outcome = await outcomeOf(`cas:${folder}${settings}`);
    expect(outcome).toEqual({
      ...found(0),
      errors: 1,
      warnings: [expect.stringMatching(message)],
    });
    expect(existsSync(folder)).toBe(false);
    await expect(openStore(`cas:${folder}`).stats!()).rejects.toThrow(message);
  });

  test("without a limit", () => {
    expect(() => openStore(`cas:${newFolder()}?cache_size_bytes=0`)).toThrow(/needs a limit/);
  });

  test.each([
    ["below a file", () => path.join(work.write("a file", ""), "store")],
    ["where no folder can be made", () => "/proc/finegrain-store"],
  ])("%s", async (_, place) => {
    const outcome = await outcomeOf(`cas:${place()}`);
    expect(outcome).toMatchObject({ hits: 0, bad: 0, errors: 1, output: right });
    expect(outcome.warnings).toEqual([expect.stringMatching(/^cache: cas:.*left alone/)]);
  });
});

test.each(["SIGKILL", "SIGSTOP"] as const)(
  "a process that gets %s costs one build's hits",
  async (signal) => {
    const cache = `cas:${newFolder()}?timeout=300ms`;
    await outcomeOf(cache);
    const store = openStore(cache);
    await store.stats!();
    for (const child of children()) process.kill(child, signal);
    const outcome = await store.getMany([random.bytes(32)], "all");
    expect(outcome).toEqual([{ status: "error", error: expect.stringMatching(/left alone/) }]);
    await store.close!();
    expect(await outcomeOf(cache)).toEqual(found(count));
  },
);

test("a folder that is removed during the build", async () => {
  const folder = newFolder();
  const remove = () => rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const outcome = await outcomeOf(`cas:${folder}`, remove);
  expect(outcome).toMatchObject({ hits: 0, bad: 0, output: right });
  await outcomeOf(`cas:${folder}`);
  expect(await outcomeOf(`cas:${folder}`)).toEqual(found(count));
});

describe("a limit", () => {
  const entries = (size: number): Entry[] =>
    Array.from({ length: size }, () => ({
      key: random.bytes(32),
      parts: { object: random.bytes(5000) },
    }));
  const isFound = async (store: ReturnType<typeof openStore>, some: Entry[]) =>
    (
      await store.getMany(
        some.map(({ key }) => key),
        [],
      )
    ).every(({ status }) => status === "hit");

  test("holds while it is written to, and what is used stays", async () => {
    const limit = 2 * 1024 * 1024;
    const store = openStore(`cas:${newFolder()}?cache_size_bytes=${limit}`);
    const [used, unused] = [entries(20), entries(20)];
    await store.putMany([...used, ...unused]);
    for (let round = 0; round < 40; round++) {
      await store.putMany(entries(20));
      expect(await isFound(store, used)).toBe(true);
      expect((await store.stats!()).bytes).toBeLessThanOrEqual(1.1 * limit);
    }
    expect(await isFound(store, unused)).toBe(false);
    const { entries: left, totals } = await store.stats!();
    expect(left + totals.evicted).toBe(20 * 42);
    await store.close!();
  });

  test("that is lowered is kept by pruning", async () => {
    const folder = newFolder();
    const store = openStore(`cas:${folder}`);
    await store.putMany(entries(300));
    await store.close!();
    const smaller = openStore(`cas:${folder}?cache_size_bytes=1m`);
    const would = await smaller.prune!({ dryRun: true });
    expect(would.removedEntries).toBe(300);
    expect(await smaller.prune!()).toEqual(would);
    const { entries: left, bytes, totals } = await smaller.stats!();
    expect({ left, evicted: totals.evicted }).toEqual({ left: 0, evicted: 300 });
    expect(bytes).toBeLessThan(100_000);
    await smaller.close!();
  });
});
