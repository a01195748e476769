/** Stores stay within their limits, keep what is of use, and know what they did. */

import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build, type Entry, openStore, type Store } from "../lib";
import { loadSqlite } from "../lib/store/sqlite-driver";
import { unitsOnly, Workspace } from "./helpers";
import { Random } from "./random";

const work = new Workspace();
const random = new Random("store limits");
const hour = 3600;
const day = 24 * hour;
let places = 0;
const newPlace = () => work.path(`store${places++}`);

/** Each takes 8 KiB on disk. */
const entries = (count: number): Entry[] =>
  Array.from({ length: count }, () => ({
    key: random.bytes(32),
    parts: { object: random.bytes(5000) },
  }));
const entryBytes = 8192;
const keysOf = (some: readonly Entry[]) => some.map(({ key }) => key);

async function found(store: Store, some: readonly Entry[]): Promise<boolean[]> {
  return (await store.getMany(keysOf(some), [])).map(({ status }) => status === "hit");
}

const all = (count: number, value: boolean) => Array.from({ length: count }, () => value);

function fileOf(folder: string, { key }: Entry): string {
  const name = Buffer.from(key).toString("hex");
  return path.join(folder, name.slice(0, 2), name.slice(2));
}

/** Sets when an entry was last used (undefined: never) and written, in seconds before now. */
function age(folder: string, entry: Entry, used: number | undefined, written: number): void {
  const now = Date.now() / 1000;
  utimesSync(fileOf(folder, entry), used === undefined ? 0 : now - used, now - written);
}

const limited = (folder: string, limits: string) => openStore(`file:${folder}?${limits}`);

describe("a file store", () => {
  test("marks its folder for backups", async () => {
    const folder = newPlace();
    await openStore(folder).putMany(entries(1));
    await openStore(folder).putMany(entries(1));
    const tag = readFileSync(path.join(folder, "CACHEDIR.TAG"), "utf8");
    expect(tag).toMatch(/^Signature: 8a477f597d28d172789f06886806bc55\n/);
  });

  test("removes what was never used first, then what was longest without use", async () => {
    const folder = newPlace();
    const [unused, old, recent, fresh] = [entries(10), entries(10), entries(10), entries(10)];
    await openStore(folder).putMany([...unused, ...old, ...recent, ...fresh]);
    const store = limited(folder, `cache_size_bytes=${34 * entryBytes}`);
    for (const entry of unused) age(folder, entry, undefined, 2 * hour);
    for (const entry of old) age(folder, entry, 5 * day, 9 * day);
    for (const entry of recent) age(folder, entry, 4 * day, 9 * day);

    // Down to nine tenths of the limit: 30.6 entries.
    expect(await store.prune!({ dryRun: true })).toEqual({
      removedEntries: 10,
      removedBytes: 10 * entryBytes,
    });
    expect(await found(store, fresh)).toEqual(all(10, true));
    expect(await store.prune!()).toEqual({ removedEntries: 10, removedBytes: 10 * entryBytes });
    expect(await found(store, unused)).toEqual(all(10, false));

    const smaller = limited(folder, `cache_size_bytes=${23 * entryBytes}`);
    await smaller.prune!();
    expect(await found(store, [...old, ...recent])).toEqual([...all(10, false), ...all(10, true)]);
    const byCount = limited(folder, "cache_size_files=12&cache_size_bytes=0");
    for (const entry of recent) age(folder, entry, 4 * day, 9 * day);
    await byCount.prune!();
    expect(await found(store, fresh)).toEqual(all(10, true));
  });

  test("removes what is too old, and sweeps what killed builds have left", async () => {
    const folder = newPlace();
    const [old, unused, used] = [entries(3), entries(3), entries(3)];
    const store = limited(folder, "prune_after=7d");
    await store.putMany([...old, ...unused, ...used]);
    for (const entry of old) age(folder, entry, 8 * day, 20 * day);
    for (const entry of unused) age(folder, entry, undefined, 8 * day);
    for (const entry of used) age(folder, entry, 6 * day, 20 * day);
    const leftovers = [
      `${fileOf(folder, used[0]!)}.0123abcd.tmp`,
      `${fileOf(folder, used[1]!)}.4567cdef.tmp`,
    ];
    for (const [i, file] of leftovers.entries()) {
      writeFileSync(file, "half");
      const written = Date.now() / 1000 - (i === 0 ? 2 * hour : 60);
      utimesSync(file, written, written);
    }
    const foreign = path.join(path.dirname(leftovers[0]!), "notes.txt");
    writeFileSync(foreign, "not the store's");

    expect((await store.prune!()).removedEntries).toBe(6);
    expect(await found(store, [...old, ...unused])).toEqual(all(6, false));
    expect(await found(store, used)).toEqual(all(3, true));
    expect(leftovers.map((file) => existsSync(file))).toEqual([false, true]);
    expect(existsSync(foreign)).toBe(true);
  });

  test("keeps everything when the clock is set back", async () => {
    const folder = newPlace();
    const some = entries(5);
    const store = openStore(folder);
    await store.putMany(some);
    for (const entry of some) age(folder, entry, -400 * day, -400 * day);
    const leftover = `${fileOf(folder, some[0]!)}.0123abcd.tmp`;
    writeFileSync(leftover, "half");
    age(folder, some[0]!, -400 * day, -400 * day);
    utimesSync(leftover, Date.now() / 1000 + day, Date.now() / 1000 + day);
    expect((await store.prune!()).removedEntries).toBe(0);
    expect(await found(store, some)).toEqual(all(5, true));
    expect(existsSync(leftover)).toBe(false);
    // What lies in the future would stay for ever: a use sets it right.
    for (const entry of some)
      expect(Math.abs(statSync(fileOf(folder, entry)).atimeMs - Date.now())).toBeLessThan(60_000);
  });

  test("notes a use once a day", async () => {
    const folder = newPlace();
    const [entry] = entries(1);
    const store = openStore(folder);
    await store.putMany([entry!]);
    const used = () => Math.round(statSync(fileOf(folder, entry!)).atimeMs / 1000);
    expect(used()).toBe(0);
    await found(store, [entry!]);
    const first = used();
    expect(Math.abs(first - Date.now() / 1000)).toBeLessThan(60);
    for (const [ago, isNoted] of [
      [hour, false],
      [2 * day, true],
    ] as const) {
      age(folder, entry!, ago, 3 * day);
      const before = used();
      await found(store, [entry!]);
      expect(used() > before).toBe(isNoted);
    }
    age(folder, entry!, 2 * day, 3 * day);
    const before = used();
    await store.verify!(); // looks at everything, but is no use
    expect(used()).toBe(before);
  });

  test("prunes in the background of those who write", async () => {
    const folder = newPlace();
    const limit = 50 * entryBytes;
    const store = limited(folder, `cache_size_bytes=${limit}`);
    for (let round = 0; round < 20; round++) await store.putMany(entries(10));
    // Nobody waits for the last pass, so neither can a test: the next writer starts another.
    for (let tries = 0; tries < 100 && (await store.stats!()).bytes > 1.1 * limit; tries++)
      await store.putMany(entries(1));
    expect((await store.stats!()).bytes).toBeLessThanOrEqual(1.1 * limit);
    await store.close!();
  });

  test("verify says what it does and how long each step takes", async () => {
    const folder = newPlace();
    const some = entries(4);
    const store = openStore(folder);
    await store.putMany(some);
    writeFileSync(fileOf(folder, some[2]!), "nonsense");
    const { steps, ...result } = await store.verify!();
    expect(result).toEqual({ entries: 4, bad: 1, removedEntries: 1, removedBytes: 4096 });
    expect(steps.map(({ name }) => name)).toEqual(["list", "check", "remove", "sweep", "count"]);
    expect(await found(store, some)).toEqual([true, true, false, true]);
  });

  test("knows its size again when its totals are lost or damaged", async () => {
    const folder = newPlace();
    const store = openStore(folder);
    await store.putMany(entries(40));
    for (const text of ["", '{"bytes":-5e99}\n{"bytes":"x"}\nnot JSON\n[1]\nnull\n']) {
      writeFileSync(path.join(folder, "totals"), text);
      expect((await store.stats!()).totals).toMatchObject({ hits: 0, evicted: 0 });
    }
    const smaller = limited(folder, `cache_size_bytes=${21 * entryBytes}`);
    expect((await smaller.prune!()).removedEntries).toBe(22); // down to 18.9
  });
});

describe("a SQLite store", () => {
  const open = (file: string, limits: string) => openStore(`sqlite:${file}?${limits}`);

  function setAge(file: string, some: readonly Entry[], isRead: boolean, seconds: number): void {
    const db = new (loadSqlite())(file);
    const set = db.prepare("UPDATE entries SET is_read = ?, touched = ? WHERE key = ?");
    for (const { key } of some)
      set.run(Number(isRead), Math.floor(Date.now() / 1000) - seconds, key);
    db.close();
  }

  test("removes what was never used first, then what was longest without use", async () => {
    const file = `${newPlace()}.db`;
    const [unused, old, recent] = [entries(300), entries(300), entries(300)];
    const store = open(file, "");
    await store.putMany([...unused, ...old, ...recent]);
    setAge(file, unused, false, 2 * hour);
    setAge(file, old, true, 5 * day);
    setAge(file, recent, true, 4 * day);

    const { bytes } = await store.stats!();
    const smaller = open(file, `cache_size_bytes=${Math.ceil(bytes * 0.8)}`);
    const would = await smaller.prune!({ dryRun: true });
    expect(await found(store, unused)).toEqual(all(300, true));
    setAge(file, unused, false, 2 * hour);
    expect(await smaller.prune!()).toEqual(would);
    expect((await smaller.stats!()).bytes).toBeLessThanOrEqual(bytes * 0.8);
    expect(await found(store, recent)).toEqual(all(300, true));
    expect((await found(store, unused)).filter(Boolean).length).toBeLessThan(50);
    await store.close!();
    await smaller.close!();
  });

  test("removes what is too old", async () => {
    const file = `${newPlace()}.db`;
    const [old, used] = [entries(300), entries(3)];
    const store = open(file, "prune_after=7d");
    await store.putMany([...old, ...used]);
    setAge(file, old, true, 8 * day);
    expect((await store.prune!()).removedEntries).toBe(300);
    expect(await found(store, used)).toEqual(all(3, true));
    await store.close!();
  });

  test("stays within its limit while it is written to", async () => {
    const limit = 1024 * 1024;
    const store = open(`${newPlace()}.db`, `cache_size_bytes=${limit}`);
    for (let round = 0; round < 20; round++) {
      await store.putMany(entries(50));
      expect((await store.stats!()).bytes).toBeLessThanOrEqual(1.1 * limit);
    }
    await store.close!();
  });
});

describe("a build", () => {
  const inputs = Array.from({ length: 20 }, (_, i) =>
    work.write(`f${i}.ll`, `define i32 @f${i}() {\n  ret i32 ${i}\n}\n`),
  );
  const output = work.path("out.so");

  test.each([
    ["file", (place: string) => `file:${place}`],
    ["sqlite", (place: string) => `sqlite:${place}.db`],
    ["CAS", (place: string) => `cas:${place}`],
  ])("adds to the totals of a %s store, and what is wanted again is counted", async (_, urlOf) => {
    const url = urlOf(newPlace());
    const cold = await build({ inputs, output, cache: url, ...unitsOnly });
    await build({ inputs, output, cache: url, ...unitsOnly });
    const store = openStore(`${url}?cache_size_bytes=1`);
    expect((await store.stats!()).totals).toMatchObject({ builds: 2, hits: 20, misses: 20 });
    await store.prune!();
    expect((await store.stats!()).totals.evicted).toBe(20);

    const again = await build({ inputs, output, cache: url, ...unitsOnly });
    expect(again.cache).toMatchObject({ hits: 0, bad: 0, errors: 0 });
    expect((await store.stats!()).totals).toMatchObject({
      builds: 3,
      misses: 40,
      bad: 0,
      errors: 0,
      evicted: 20,
      wantedAgain: 20,
      addedBytes: 2 * cold.cache.addedBytes,
    });
    await store.close!();
  });

  test.each([
    ["file", (place: string) => `file:${place}`],
    ["sqlite", (place: string) => `sqlite:${place}.db`],
    ["CAS", (place: string) => `cas:${place}`],
  ])("is warned when it needs more than a %s store may keep", async (_, urlOf) => {
    const url = urlOf(newPlace());
    const { warnings, cache } = await build({
      inputs,
      output,
      cache: `${url}?cache_size_bytes=9k`,
    });
    expect(cache.errors).toBe(0);
    expect(warnings).toEqual([
      expect.stringMatching(/^cache: this build uses more than the 9216 /),
    ]);
    expect((await build({ inputs, output, cache: url, ...unitsOnly })).warnings).toEqual([]);
  });
});
