/**
 * What every store must do, as tests for any framework whose `test` takes a name
 * and a function. docs/stores.md shows how to run them on a store of your own.
 */

import assert from "node:assert";
import { randomBytes } from "node:crypto";
import type { Entry, Lookup, PartNames, Store } from "./store";

/** An empty place for a store, such as a folder. */
export interface StorePlace {
  /** Opens the store that is there; the tests close it. */
  open(): Store;
  /** Changes a byte of the entry under `key`, or cuts it. Without it, damage is not tested. */
  damage?(key: Uint8Array): Promise<void>;
}

export type TestFunction = (name: string, run: () => Promise<void>) => void;

/** Declares the tests. `newPlace` is called once for each, and must not fail. */
export function testStoreCompliance(
  test: TestFunction,
  newPlace: () => StorePlace | Promise<StorePlace>,
): void {
  for (const [name, check] of Object.entries(checks))
    test(name, async () => {
      const place = new Place(await newPlace());
      try {
        await check(place);
      } finally {
        await place.close();
      }
    });
}

class Place {
  readonly damage: StorePlace["damage"];
  readonly #place: StorePlace;
  readonly #open: Store[] = [];

  constructor(place: StorePlace) {
    this.#place = place;
    this.damage = place.damage?.bind(place);
  }

  open(): Store {
    const store = this.#place.open();
    this.#open.push(store);
    return store;
  }

  async close(): Promise<void> {
    for (const store of this.#open) await store.close?.();
  }
}

const newKey = () => new Uint8Array(randomBytes(32));
const newEntry = (...sizes: number[]): Entry => ({
  key: newKey(),
  parts: Object.fromEntries(
    sizes.map((size, i) => [`part${i}`, new Uint8Array(randomBytes(size))]),
  ),
});

async function put(store: Store, entries: readonly Entry[]): Promise<void> {
  const { addedBytes, errors } = await store.putMany(entries);
  assert.deepEqual(errors, []);
  assert.ok(Number.isInteger(addedBytes) && addedBytes >= 0, "addedBytes is a whole number");
}

const keysOf = (entries: readonly Entry[]) => entries.map(({ key }) => key);

async function statuses(store: Store, keys: readonly Uint8Array[], parts: PartNames = "all") {
  return (await store.getMany(keys, parts)).map(({ status }) => status);
}

function assertHit(lookup: Lookup | undefined, expected: Entry["parts"]): void {
  assert.strictEqual(lookup?.status, "hit");
  const found = Object.entries(lookup.parts ?? {});
  assert.deepEqual(found.map(([name]) => name).sort(), Object.keys(expected).sort());
  for (const [name, content] of found)
    assert.strictEqual(
      Buffer.compare(content, expected[name]!),
      0,
      `part ${name} is as it was put`,
    );
}

async function assertFound(store: Store, entries: readonly Entry[]): Promise<void> {
  const lookups = await store.getMany(keysOf(entries), "all");
  entries.forEach(({ parts }, i) => {
    assertHit(lookups[i], parts);
  });
}

const checks: Record<string, (place: Place) => Promise<void>> = {
  async "its URL is a text without a password"(place) {
    const { url } = place.open();
    assert.strictEqual(typeof url, "string");
    assert.doesNotMatch(url, /:\/\/[^/]*@/);
  },

  async "what was put is found, in the order of the keys"(place) {
    const store = place.open();
    const entries = [newEntry(10), newEntry(2000, 30), newEntry(100_000), newEntry(3_000_000)];
    await put(store, entries);
    await assertFound(store, [...entries.reverse(), entries[0]!]);
  },

  async "what was not put is a miss"(place) {
    const store = place.open();
    const known = newEntry(10);
    await put(store, [known]);
    const lookups = await store.getMany([newKey(), known.key, newKey()], ["part0"]);
    assert.deepEqual(lookups[0], { status: "miss" });
    assertHit(lookups[1], known.parts);
    assert.deepEqual(lookups[2], { status: "miss" });
  },

  async "only the parts asked for come back, and those that are not there empty"(place) {
    const store = place.open();
    const entry = newEntry(10, 20, 30);
    await put(store, [entry]);
    const [lookup] = await store.getMany([entry.key], ["part1", "another"]);
    assertHit(lookup, { part1: entry.parts.part1!, another: new Uint8Array() });
  },

  async "parts may be empty, and have names of 15 characters"(place) {
    const store = place.open();
    const parts = { "15 characters..": new Uint8Array([0, 255, 10, 13]), none: new Uint8Array() };
    const entries = [
      { key: newKey(), parts },
      { key: newKey(), parts: {} },
    ];
    await put(store, entries);
    const [first, second] = await store.getMany(keysOf(entries), ["15 characters..", "none"]);
    assertHit(first, parts);
    assert.strictEqual(second?.status, "hit");
  },

  async "an entry is replaced, also within one batch"(place) {
    const store = place.open();
    const { key, parts } = newEntry(1000);
    await put(store, [{ key, parts }, newEntry(10)]);
    for (const size of [2000, 500]) {
      const newer = { key, parts: newEntry(size, 5).parts };
      await put(store, [newer]);
      await assertFound(store, [newer]);
    }
    const last = { key, parts: newEntry(7).parts };
    await put(store, [{ key, parts }, last]);
    await assertFound(store, [last]);
  },

  async "it may be prepared, and then be used or not"(place) {
    const [unused, used] = [place.open(), place.open()];
    const entry = newEntry(10);
    for (const store of [unused, used]) store.prepare?.();
    await put(used, [entry]);
    await assertFound(used, [entry]);
  },

  async "nothing is asked and nothing put"(place) {
    const store = place.open();
    assert.deepEqual(await store.getMany([], "all"), []);
    assert.deepEqual((await store.putMany([])).errors, []);
  },

  async "batches may be large"(place) {
    const store = place.open();
    const entries = Array.from({ length: 3000 }, () => newEntry(100, 10));
    await put(store, entries);
    await assertFound(store, entries);
  },

  async "another one that is opened finds what this one put"(place) {
    const entries = [newEntry(10), newEntry(20_000)];
    const first = place.open();
    await put(first, entries);
    await assertFound(place.open(), entries);
    await first.close?.();
    await assertFound(place.open(), entries);
  },

  async "two may write the same keys at once, and readers see whole entries"(place) {
    const [first, second] = [place.open(), place.open()];
    const ours = Array.from({ length: 200 }, () => newEntry(3000));
    const theirs = ours.map(({ key }) => ({ key, parts: newEntry(2000).parts }));
    await put(first, ours);
    for (let round = 0; round < 3; round++) {
      const [, , lookups] = await Promise.all([
        put(first, ours),
        put(second, theirs),
        place.open().getMany(keysOf(ours), ["part0"]),
      ]);
      lookups.forEach((lookup, i) => {
        const entry = lookup.parts?.part0?.length === 3000 ? ours[i]! : theirs[i]!;
        assertHit(lookup, entry.parts);
      });
    }
  },

  async "a damaged entry is bad, and can be replaced"(place) {
    if (!place.damage) return;
    const store = place.open();
    const [damaged, sound] = [newEntry(5000), newEntry(5000)];
    await put(store, [damaged, sound]);
    await place.damage(damaged.key);
    assert.deepEqual(await statuses(store, keysOf([damaged, sound])), ["bad", "hit"]);
    await put(store, [damaged]);
    await assertFound(store, [damaged, sound]);
  },

  async "verify finds and removes damaged entries"(place) {
    const store = place.open();
    if (!store.verify || !place.damage) return;
    const entries = Array.from({ length: 5 }, () => newEntry(5000));
    await put(store, entries);
    await place.damage(entries[0]!.key);
    const found = { entries: 5, bad: 1, removedEntries: 1 };
    for (const [dryRun, after] of [
      [true, "bad"],
      [false, "miss"],
    ] as const) {
      const { steps, removedBytes, ...counts } = await store.verify({ dryRun });
      assert.deepEqual(counts, found);
      assert.ok(removedBytes >= 1 && steps.length >= 1);
      assert.deepEqual(await statuses(store, [entries[0]!.key]), [after]);
    }
    assert.strictEqual((await store.verify()).bad, 0);
    await assertFound(store, entries.slice(1));
  },

  async "clear removes all entries"(place) {
    const store = place.open();
    if (!store.clear) return;
    const entries = Array.from({ length: 5 }, () => newEntry(5000));
    await put(store, entries);
    assert.strictEqual((await store.clear({ dryRun: true })).removedEntries, 5);
    await assertFound(store, entries);
    const { removedEntries, removedBytes } = await store.clear();
    assert.ok(removedEntries === 5 && removedBytes >= 1);
    assert.deepEqual(
      await statuses(store, keysOf(entries)),
      entries.map(() => "miss"),
    );
    await put(store, entries);
    await assertFound(store, entries);
  },

  async "prune leaves what is within the limits"(place) {
    const store = place.open();
    if (!store.prune) return;
    const entries = Array.from({ length: 5 }, () => newEntry(5000));
    await put(store, entries);
    assert.deepEqual(await store.prune(), { removedEntries: 0, removedBytes: 0 });
    await assertFound(store, entries);
  },

  async "stats tell its size and sum up what builds did"(place) {
    const store = place.open();
    if (!store.stats || !store.record) return;
    await put(store, [newEntry(5000), newEntry(5000)]);
    const counts = { hits: 5, misses: 2, bad: 1, errors: 0, readBytes: 70, addedBytes: 20 };
    await store.record({ lookups: 7, ...counts });
    await place.open().record?.({ lookups: 7, ...counts, errors: 3 });
    const { entries, bytes, totals } = await store.stats();
    assert.strictEqual(entries, 2);
    assert.ok(bytes >= 10_000);
    const twice = { hits: 10, misses: 4, bad: 2, errors: 3, readBytes: 140, addedBytes: 40 };
    assert.deepEqual(totals, { builds: 2, ...twice, evicted: 0, wantedAgain: 0 });
  },
};
