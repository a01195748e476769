/**
 * What a build asks a store for after an edit: what concerns the functions that
 * see the edit, of however many.
 */

import { readFileSync } from "node:fs";
import { type Entry, openStore, type PartNames, type Store } from "../lib";
import { type Cost, costOf, Workspace } from "./helpers";

const work = new Workspace();
let folders = 0;

const loop = (body: string) => `{ for (int i = 0; i < 3; i++) x ^= ${body} + i; return x; }`;
const others = Array.from(
  { length: 50 },
  (_, i) => `int other${i}(int x) ${loop(`x * ${i + 1000}`)}`,
);

/** One file: `leaf` is inlined into both of its callers, what `pure` proves is known to one. */
const source = `
  extern int state;
  int leaf(int x) ${loop("x * 3")}
  __attribute__((noinline)) int left(int x) ${loop("leaf(x)")}
  __attribute__((noinline)) int right(int x) ${loop("leaf(x + 5)")}
  __attribute__((noinline)) int pure(int x) ${loop("x * 7")}
  int reader(int x) { int before = state; x = pure(x); return x + state - before; }
  int both(int x) ${loop("left(x) + right(x)")}
  ${others.join("\n")}`;

/** Tells how many functions' summaries it was asked for. */
class CountingStore implements Store {
  asked = 0;
  readonly #store: Store;

  constructor(folder: string) {
    this.#store = openStore(folder);
  }

  get url() {
    return this.#store.url;
  }

  getMany(keys: readonly Uint8Array[], parts: PartNames) {
    if (parts.includes("summary")) this.asked += keys.length;
    return this.#store.getMany(keys, parts);
  }

  putMany(entries: readonly Entry[]) {
    return this.#store.putMany(entries);
  }
}

async function afterEdit(edited: string, before = source): Promise<Cost & { asked: number }> {
  const folder = work.path(`cache-${folders++}`);
  const output = work.path("object.o");
  const costWith = async (text: string, cache: string | Store) => {
    const inputs = [{ name: "source.bc", bytes: readFileSync(work.bitcode("source.c", text)) }];
    return costOf({ inputs, output, emit: "object", cache });
  };
  await costWith(before, folder);
  const store = new CountingStore(folder);
  const cost = await costWith(edited, store);
  // The next build starts from what this one remembers.
  expect(await costWith(before, folder)).toEqual({ simplified: 0, emitted: 0 });
  expect(await costWith(edited, folder)).toEqual({ simplified: 0, emitted: 0 });
  return { ...cost, asked: store.asked };
}

const few = 6;
test.each([
  ["that nobody inlines", "x * 7", "x * 9", { simplified: 1, emitted: 1 }],
  ["that its callers inline", "x * 3", "x * 5", { simplified: 3, emitted: 3 }],
  [
    "that its callers inline, and one of them",
    "leaf(x + 5)",
    "leaf(x + 6)",
    { simplified: 1, emitted: 1 },
  ],
])("a constant in a function %s", async (_, before, after, cost) => {
  const { asked, ...rest } = await afterEdit(source.replace(before, after));
  expect(rest).toEqual(cost);
  expect(asked).toBeLessThanOrEqual(few);
});

test("two at once, one below the other", async () => {
  const edited = source.replace("x * 3", "x * 5").replace("leaf(x + 5)", "leaf(x + 6)");
  const { asked, ...cost } = await afterEdit(edited);
  expect(cost).toEqual({ simplified: 3, emitted: 3 });
  expect(asked).toBeLessThanOrEqual(few);
});

test("what a function proves, known to its caller", async () => {
  const edited = source.replace(
    "int pure(int x) {",
    "int pure(int x) { int y = x; if (x == 12345) for (;;) y++;",
  );
  const { asked, ...cost } = await afterEdit(edited);
  expect(cost).toEqual({ simplified: 2, emitted: 2 });
  expect(asked).toBeLessThanOrEqual(few);
});

test.each([
  ["a new call", "x * 7", "left(x)", { simplified: 1, emitted: 1 }],
  ["a call that is gone", "leaf(x + 5)", "x", { simplified: 2, emitted: 2 }],
  ["a new string and a call of a library", "x * 7", 'puts("new")', { simplified: 2, emitted: 2 }],
  ["a new function, and who calls it", "x * 7", "added(x)", { simplified: 2, emitted: 2 }],
  ["a function that is gone", "int left(int x)", "int gone(int x)", { simplified: 1, emitted: 1 }],
  ["a variable that becomes internal", "extern int state", "static int state", {}],
])("%s", async (_, before, after, expected) => {
  const added = `int added(int x) ${loop("x * 11")}`;
  const declared = "int added(int), puts(const char *), left(int);";
  const edited = source.replace(before, after) + (after.startsWith("added") ? added : "");
  const { asked, ...cost } = await afterEdit(`${declared} ${edited}`);
  expect(cost).toMatchObject(expected);
  expect(asked).toBeLessThanOrEqual(few);
});

test("another function with the same type, called by one that others inline", async () => {
  const calling = (name: string) => `int ${name}(int); ${source.replace("x * 3", `${name}(x)`)}`;
  const { asked, ...cost } = await afterEdit(calling("second"), calling("first"));
  // Names are in no key.
  expect(cost).toEqual({ simplified: 0, emitted: 0 });
  expect(asked).toBeLessThanOrEqual(few);
});

test("one that more functions inline than are done one after the other: of all", async () => {
  const callers = Array.from(
    { length: 20 },
    (_, i) => `int caller${i}(int x) ${loop(`leaf(x * ${i + 2000})`)}`,
  );
  const many = `${source} ${callers.join("\n")}`;
  const { asked, ...cost } = await afterEdit(many.replace("x * 3", "x * 5"), many);
  expect(cost).toEqual({ simplified: 23, emitted: 23 });
  expect(asked).toBeGreaterThan(others.length);
});
