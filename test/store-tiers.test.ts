/** Several stores in a row, stores with a mode, and stores that users bring. */

import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { build, type Entry, type Lookup, openStore, type Store } from "../lib";
import { testStoreCompliance } from "../lib/store/compliance";
import { digest, unitsOnly, Workspace } from "./helpers";

const work = new Workspace();
const count = 20;
const inputs = Array.from({ length: count }, (_, i) =>
  work.write(`f${i}.ll`, `define i32 @f${i}() {\n  ret i32 ${i}\n}\n`),
);
const output = work.path("out.so");
let places = 0;
const newFolder = () => work.path(`store${places++}`);

let right: string;
beforeAll(async () => {
  await build({ inputs, output, cache: "off", ...unitsOnly });
  right = digest(output);
});

async function outcomeOf(cache: string | Store) {
  const report = await build({ inputs, output, cache, ...unitsOnly });
  expect(digest(output)).toBe(right);
  const { hits, misses, bad, errors, stores } = report.cache;
  return {
    cache: [hits, misses, bad, errors],
    stores: stores.map((store) => [store.hits, store.misses, store.bad, store.errors]),
    warnings: report.warnings,
  };
}

const outcome = (cache: number[], stores: number[][]) => ({ cache, stores, warnings: [] });
const coldAll = (stores: number) => outcome([0, count, 0, 0], Array(stores).fill([0, count, 0, 0]));
const warmIn = (...stores: number[][]) => outcome([count, 0, 0, 0], stores);

describe("stores in a row", () => {
  test("a near store is filled from a far one, and both get what is new", async () => {
    const [near, far] = [newFolder(), newFolder()];
    const cache = `${near},file:${far}`;
    expect(await outcomeOf(cache)).toEqual(coldAll(2));
    for (const folder of [near, far])
      expect(await outcomeOf(folder)).toEqual(warmIn([count, 0, 0, 0]));
    rmSync(near, { recursive: true });
    expect(await outcomeOf(cache)).toEqual(warmIn([0, count, 0, 0], [count, 0, 0, 0]));
    rmSync(far, { recursive: true });
    expect(await outcomeOf(cache)).toEqual(warmIn([count, 0, 0, 0], [0, 0, 0, 0]));
  });

  test("whole entries are copied, not only the parts that were asked for", async () => {
    const [near, far] = [newFolder(), newFolder()];
    const entry: Entry = {
      key: Buffer.alloc(32, 1),
      parts: { object: Buffer.from("code"), body: Buffer.from("more") },
    };
    await openStore(far).putMany([entry]);
    const both = openStore(`${near},file:${far}`);
    const [lookup] = await both.getMany([entry.key], ["object"]);
    expect(Object.keys(lookup!.parts!)).toEqual(["object"]);
    await both.close!();
    const [copy] = await openStore(near).getMany([entry.key], "all");
    expect(copy!.parts).toEqual(entry.parts);
  });

  test("a damaged entry of the near store comes from the far one, and is replaced", async () => {
    const [near, far] = [newFolder(), newFolder()];
    const cache = `${near},file:${far}`;
    await outcomeOf(cache);
    const store = openStore(near);
    const damaged = await keysIn(near);
    for (const file of damaged.slice(0, 3)) writeFileSync(file, "nonsense");
    expect(await outcomeOf(cache)).toEqual({
      ...outcome(
        [count, 0, 3, 0],
        [
          [count - 3, 3, 3, 0],
          [3, 0, 0, 0],
        ],
      ),
    });
    expect((await store.verify!()).bad).toBe(0);
  });

  test("one that fails is told once, and the other still serves", async () => {
    const near = newFolder();
    const cache = `${near},redis://127.0.0.1:1`;
    const cold = await outcomeOf(cache);
    expect(cold).toEqual({
      cache: [0, count, 0, 1],
      stores: [
        [0, count, 0, 0],
        [0, count, 0, 1],
      ],
      warnings: [expect.stringMatching(/^cache: redis:\/\/127.0.0.1:1 failed/)],
    });
    expect(await outcomeOf(cache)).toEqual(warmIn([count, 0, 0, 0], [0, 0, 0, 0]));
  });
});

async function keysIn(folder: string): Promise<string[]> {
  const { readdirSync } = await import("node:fs");
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => /^[0-9a-f]{2}\/[0-9a-f]{62}$/.test(name))
    .map((name) => `${folder}/${name}`)
    .sort();
}

test("only the nearest store is prepared: the others may have nothing to do", async () => {
  let connections = 0;
  const server = net.createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as net.AddressInfo;
  const url = `redis://127.0.0.1:${port}`;
  const near = newFolder();
  await outcomeOf(near);
  expect(await outcomeOf(`${near},${url}`)).toEqual(warmIn([count, 0, 0, 0], [0, 0, 0, 0]));
  expect(connections).toBe(0);
  await outcomeOf(`${url},file:${near}`);
  expect(connections).toBeGreaterThan(0);
  server.close();
});

describe("a store's mode", () => {
  test("read: it is asked, and gets nothing", async () => {
    const folder = newFolder();
    const cache = `file:${folder}?mode=read`;
    expect(await outcomeOf(cache)).toEqual(coldAll(1));
    expect(await outcomeOf(cache)).toEqual(coldAll(1));
    await outcomeOf(folder);
    expect(await outcomeOf(cache)).toEqual(warmIn([count, 0, 0, 0]));
  });

  test("write: it gets everything, and is not asked", async () => {
    const [folder, near] = [newFolder(), newFolder()];
    const cache = `file:${folder}?mode=write`;
    for (let times = 0; times < 2; times++)
      expect(await outcomeOf(cache)).toEqual(outcome([0, count, 0, 0], [[0, 0, 0, 0]]));
    expect(await outcomeOf(folder)).toEqual(warmIn([count, 0, 0, 0]));
    // What another one finds it gets as well.
    await outcomeOf(`file:${near}?mode=write,file:${folder}`);
    expect(await outcomeOf(near)).toEqual(warmIn([count, 0, 0, 0]));
  });

  test("refresh: all is compiled and replaced, whatever stores behind it have", async () => {
    const [near, far] = [newFolder(), newFolder()];
    await outcomeOf(`${near},file:${far}`);
    for (const file of await keysIn(far)) writeFileSync(file, "nonsense");
    const refresh = `file:${near}?mode=refresh,file:${far}`;
    expect((await outcomeOf(refresh)).cache).toEqual([0, count, 0, 0]);
    expect(await outcomeOf(far)).toEqual(warmIn([count, 0, 0, 0]));
  });

  test.each([
    ["file:x?mode=sometimes", "mode: sometimes is not read-write, read, write, refresh"],
    ["file:x?mood=read", "mood: this store has no such setting"],
    ["file:x?cache_size_bytes=lots", "cache_size_bytes: lots is not a number"],
    ["file:x?prune_after=5", "prune_after: 5 is not a number"],
    ["file://host/x", "file://host/x: "],
    ["sqlite:", "a path is needed"],
    ["sqlite://host/x", "a path is needed"],
    ["gopher://x", "no store for URLs like gopher://x"],
    ["folder,gopher://x", "no store for URLs like gopher://x"],
    ["redis://127.0.0.1?ttl=long", "ttl: long is not a number"],
  ])("%s is refused", (url, words) => {
    expect(() => openStore(url)).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        message: expect.stringContaining(words),
      }),
    );
  });

  test("a folder's name may have a comma", async () => {
    const folder = work.path("a,b");
    await outcomeOf(folder);
    expect(await outcomeOf(folder)).toEqual(warmIn([count, 0, 0, 0]));
  });
});

/** The least that a store is: what docs/stores.md asks for, in memory. */
class MapStore implements Store {
  readonly url = "map:";
  readonly entries = new Map<string, Entry["parts"]>();

  async getMany(keys: readonly Uint8Array[], parts: readonly string[] | "all"): Promise<Lookup[]> {
    return keys.map((key) => {
      const own = this.entries.get(Buffer.from(key).toString("hex"));
      if (!own) return { status: "miss" };
      const names = parts === "all" ? Object.keys(own) : parts;
      const found = names.map((name) => [name, own[name] ?? new Uint8Array()]);
      return { status: "hit", parts: Object.fromEntries(found) };
    });
  }

  async putMany(entries: readonly Entry[]) {
    for (const { key, parts } of entries) this.entries.set(Buffer.from(key).toString("hex"), parts);
    return { addedBytes: 0, errors: [] };
  }
}

describe("a store that users bring", () => {
  describe("a map", () =>
    testStoreCompliance(test, () => {
      const store = new MapStore();
      return { open: () => store };
    }));

  test("serves builds", async () => {
    const store = new MapStore();
    expect(await outcomeOf(store)).toEqual(coldAll(1));
    expect(await outcomeOf(store)).toEqual(warmIn([count, 0, 0, 0]));
  });

  test("is prepared before it is asked, and may fail at it", async () => {
    const store = new MapStore();
    const calls: string[] = [];
    const { getMany } = store;
    const methods: Partial<Store> = {
      prepare() {
        calls.push("prepare");
        throw new Error("not now");
      },
      getMany(...args) {
        calls.push("getMany");
        return getMany.apply(store, args);
      },
    };
    expect(await outcomeOf(Object.assign(store, methods))).toEqual(coldAll(1));
    expect(calls.slice(0, 2)).toEqual(["prepare", "getMany"]);
    expect(calls.filter((name) => name === "prepare")).toEqual(["prepare"]);
  });

  test("one that was opened stays open", async () => {
    const store = openStore(newFolder());
    expect(await outcomeOf(store)).toEqual(coldAll(1));
    expect(await outcomeOf(store)).toEqual(warmIn([count, 0, 0, 0]));
    await store.close!();
  });

  const fault = new Error("a foreign store's own words");
  test.each<[string, Partial<Store>]>([
    [
      "throws",
      {
        getMany: () => {
          throw fault;
        },
      },
    ],
    ["rejects", { getMany: () => Promise.reject(fault) }],
    ["loses results", { getMany: async () => [] }],
    ["rejects what is put", { putMany: () => Promise.reject(fault) }],
    [
      "throws at what is put",
      {
        putMany: () => {
          throw fault;
        },
      },
    ],
  ])("one that %s costs time only", async (_, methods) => {
    const store = Object.assign(new MapStore(), methods);
    const { cache, warnings } = await outcomeOf(store);
    expect(cache).toEqual([0, count, 0, 1]);
    expect(warnings).toEqual([
      expect.stringMatching(/^cache: map: failed, and was left alone: (a foreign|0 results)/),
    ]);
  });

  test("what is no store is refused", async () => {
    const cache = { url: "x" } as unknown as Store;
    await expect(build({ inputs, output, cache, ...unitsOnly })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/^cache: /),
    });
  });
});
